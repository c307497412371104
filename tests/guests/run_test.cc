// SPDX-License-Identifier: Apache-2.0
// Our guests under `summon run`, on KVM in both guest modes and as processes: what they print, and
// the exit status that a shell sees.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include "base/unique_fd.h"
#include "tests/testbed/process.h"

namespace summon {
namespace {

using testbed::Finished;
using testbed::ProgramPath;
using testing::HasSubstr;

struct Mode {
  std::string label;
  std::vector<std::string> options;
  std::string ending;  // of images
};

class Run : public testing::TestWithParam<Mode> {
 protected:
  void SetUp() override {
    const UniqueFd kvm(open("/dev/kvm", O_RDWR | O_CLOEXEC));
    if (GetParam().ending == ".hvt" && !kvm.valid()) GTEST_SKIP() << "no usable /dev/kvm";
  }
  bool is_process() const { return GetParam().ending == ".spt"; }
  Finished Guest(const std::string& name, const std::vector<std::string>& arguments,
                 const std::vector<std::string>& options = {}) {
    std::vector<std::string> line = {ProgramPath("summon"), "run", "--mem=16"};
    line.insert(line.end(), GetParam().options.begin(), GetParam().options.end());
    line.insert(line.end(), options.begin(), options.end());
    line.push_back(testbed::GuestPath(name + GetParam().ending));
    line.insert(line.end(), arguments.begin(), arguments.end());
    auto finished = testbed::FinishIn(-1, line);
    EXPECT_TRUE(finished.ok()) << finished.error().message();
    return std::move(finished).value();
  }
};

TEST_P(Run, HelloPrintsItsCommandLineAndSucceeds) {
  const Finished hello = Guest("hello", {"one", "two"});
  EXPECT_EQ(hello.exit_status, 0) << hello.output;
  EXPECT_THAT(hello.output, HasSubstr("one two"));
  EXPECT_THAT(hello.output, HasSubstr("SUCCESS"));
}

TEST_P(Run, OptionBehindTheImageIsTheGuestsAndIsRemarkedOn) {
  const Finished hello = Guest("hello", {"--mem=64"});
  EXPECT_EQ(hello.exit_status, 0) << hello.output;
  EXPECT_THAT(hello.output, HasSubstr("command line: --mem=64"));
  EXPECT_THAT(hello.output, HasSubstr("note: --mem=64 comes after the image"));
}

TEST_P(Run, Solo5LevelIsNoArgumentOfTheGuests) {
  const Finished hello = Guest("hello", {"--solo5:quiet", "word"});
  EXPECT_EQ(hello.exit_status, 0) << hello.output;
  EXPECT_THAT(hello.output, HasSubstr("command line: word"));
}

TEST_P(Run, GuestMayHaveFourGiB) {
  const Finished hello = Guest("hello", {}, {"--mem=4096"});
  EXPECT_EQ(hello.exit_status, 0) << hello.output;
}

TEST_P(Run, ClockNeverWakesEarly) {
  const Finished clock = Guest("clock", {});
  EXPECT_EQ(clock.exit_status, 0) << clock.output;
  EXPECT_THAT(clock.output, HasSubstr("SUCCESS"));
}

TEST_P(Run, DiskReadsWhatItWroteAndIsBounded) {
  const testbed::ScratchFolder folder;
  const std::string disk = folder.Write("disk", std::string(64 * 1024, '\0'));
  const Finished finished = Guest("disk", {}, {"--block:storage=" + disk});
  EXPECT_EQ(finished.exit_status, 0) << finished.output;
  EXPECT_THAT(finished.output, HasSubstr("SUCCESS"));
}

// The words are those of Solo5's own tenders, which scripts look for.
TEST_P(Run, DiskOfHalfASectorIsRefused) {
  const testbed::ScratchFolder folder;
  const std::string disk = folder.Write("disk", std::string(6 * 1024, '\0'));
  const Finished finished =
      Guest("disk", {}, {"--block:storage=" + disk, "--block-sector-size:storage=4096"});
  EXPECT_EQ(finished.exit_status, 1);
  EXPECT_THAT(finished.output, HasSubstr("Backing storage size must be block aligned"));
}

TEST_P(Run, OddOrTooSmallSectorsAreRefused) {
  const testbed::ScratchFolder folder;
  const std::string disk = folder.Write("disk", std::string(256 * 521, '\0'));
  for (const std::string option : {"--block-sector-size:storage=521",
                                   "--block-sector-size:storage=256"}) {
    const Finished finished = Guest("disk", {}, {"--block:storage=" + disk, option});
    EXPECT_EQ(finished.exit_status, 1) << option;
    EXPECT_THAT(finished.output,
                HasSubstr("Block size must be a multiple of 2 greater than or equal 512"));
  }
}

TEST_P(Run, DeviceThatIsMissingIsNamed) {
  const Finished finished = Guest("disk", {});
  EXPECT_EQ(finished.exit_status, 1);
  EXPECT_THAT(finished.output, HasSubstr("storage"));
}

TEST_P(Run, ExitStatusIsTheGuests) {
  EXPECT_EQ(Guest("hostile", {"halt_status", "42"}).exit_status, 42);
}

TEST_P(Run, BadArgumentIsStatus64) {
  EXPECT_EQ(Guest("hostile", {"no_such_act"}).exit_status, 64);
}

TEST_P(Run, WriteToTextEndsIt) {
  const Finished finished = Guest("hostile", {"write_text"});
  EXPECT_EQ(finished.exit_status, is_process() ? 139 : 1) << finished.output;
  EXPECT_THAT(finished.output,
              HasSubstr(is_process() ? "SIGSEGV" : "host/guest translation fault"));
}

TEST_P(Run, PageZeroIsNotThere) {
  EXPECT_EQ(Guest("hostile", {"zeropage"}).exit_status, is_process() ? 139 : 255);
}

TEST_P(Run, WildExitEndsIt) {
  EXPECT_EQ(Guest("hostile", {"wild_exit"}).exit_status, is_process() ? 139 : 255);
}

TEST_P(Run, UndefinedInstructionEndsIt) {
  EXPECT_EQ(Guest("hostile", {"undefined"}).exit_status, is_process() ? 128 + SIGILL : 255);
}

TEST_P(Run, PointersOutsideOfItsMemoryReachNothing) {
  for (const char* act : {"bad_pointer", "wrapping_pointer", "range_past_end"}) {
    const Finished finished = Guest("hostile", {act});
    EXPECT_NE(finished.exit_status, 0) << act << ": " << finished.output;
    EXPECT_THAT(finished.output, testing::Not(HasSubstr("survived"))) << act;
  }
}

// Processes have descriptors instead of handles.
class RunKvm : public Run {};

TEST_P(RunKvm, WrongDeviceHandleIsAnsweredAndTheGuestGoesOn) {
  const Finished finished = Guest("hostile", {"bad_handle"});
  EXPECT_EQ(finished.exit_status, 0) << finished.output;
  EXPECT_THAT(finished.output, HasSubstr("SUCCESS"));
}

// The one core in `folder`; empty when there is none.
std::string CoreIn(const std::string& folder) {
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().filename().string().starts_with("core.solo5-hvt.")) return entry.path();
  }
  return {};
}

TEST_P(RunKvm, AbortLeavesACoreThatADebuggerReads) {
  const testbed::ScratchFolder folder;
  const Finished finished = Guest("hostile", {"undefined"}, {"--dumpcore=" + folder.path()});
  EXPECT_EQ(finished.exit_status, 255) << finished.output;
  const std::string core = CoreIn(folder.path());
  ASSERT_FALSE(core.empty()) << finished.output;
  EXPECT_THAT(finished.output, HasSubstr(core));
  if (access("/usr/bin/gdb", X_OK) != 0) GTEST_SKIP() << "no gdb to read the core with";
  const auto read = testbed::FinishIn(-1, {"/usr/bin/gdb", "-batch", "-nx", "-ex", "x/i $rip",
                                           testbed::GuestPath("hostile.hvt"), core});
  ASSERT_TRUE(read.ok()) << read.error().message();
  EXPECT_THAT(read->output, HasSubstr("ud2"));  // what it trapped on, read from its memory
}

TEST_P(RunKvm, GoodEndLeavesNothingInTheCoreFolder) {
  const testbed::ScratchFolder folder;
  const Finished finished = Guest("hello", {}, {"--dumpcore=" + folder.path()});
  EXPECT_EQ(finished.exit_status, 0) << finished.output;
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST_P(RunKvm, CoreFolderThatIsNotThereIsAnErrorBeforeTheGuestRuns) {
  const Finished finished = Guest("hello", {}, {"--dumpcore=/no/such/folder"});
  EXPECT_EQ(finished.exit_status, 1);
  EXPECT_THAT(finished.output, HasSubstr("--dumpcore"));
  EXPECT_THAT(finished.output, testing::Not(HasSubstr("Hello")));
}

TEST(RunProcess, LeavesNoCoreAndSaysSo) {
  const auto finished =
      testbed::FinishIn(-1, {ProgramPath("summon"), "run", "--mem=16", "--dumpcore=/tmp",
                             testbed::GuestPath("hello.spt")});
  ASSERT_TRUE(finished.ok()) << finished.error().message();
  EXPECT_EQ(finished->exit_status, 1);
  EXPECT_THAT(finished->output, HasSubstr("built for hvt"));
}

const Mode kRing3{"KvmRing3", {"--launcher=kvm", "--guest-mode=ring3"}, ".hvt"};
const Mode kRing0{"KvmRing0", {"--launcher=kvm", "--guest-mode=ring0"}, ".hvt"};
const Mode kProcess{"Process", {"--launcher=process"}, ".spt"};

INSTANTIATE_TEST_SUITE_P(Modes, Run, testing::Values(kRing3, kRing0, kProcess),
                         [](const auto& tested) { return tested.param.label; });
INSTANTIATE_TEST_SUITE_P(Modes, RunKvm, testing::Values(kRing3, kRing0),
                         [](const auto& tested) { return tested.param.label; });

}  // namespace
}  // namespace summon
