// SPDX-License-Identifier: Apache-2.0
// Facts read from a made-up root, and from the host that runs the tests.
#include "summoner/cli/doctor/facts.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/unique_fd.h"
#include "tests/testbed/process.h"

namespace summon::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using State = DeviceFacts::State;

class DoctorFacts : public testing::Test {
 protected:
  void Put(const std::string& path, const std::string& content) {
    const std::filesystem::path file = root_.path() + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << content;
  }
  HostFacts Read() const { return ReadFacts({root_.path(), root_.path() + "/bin"}); }

  testbed::ScratchFolder root_;
};

TEST_F(DoctorFacts, EmptyHostHasNothing) {
  const HostFacts facts = Read();
  EXPECT_EQ(facts.kvm.state, State::kMissing);
  EXPECT_FALSE(facts.probe.has_value());
  EXPECT_EQ(facts.cgroup.version, CgroupFacts::Version::kNone);
  EXPECT_EQ(facts.memory.huge_pages, "");
  EXPECT_THAT(facts.missing_programs, ElementsAre("summon-monitor", "summon-spt"));
}

TEST_F(DoctorFacts, FileInPlaceOfADeviceIsAWrongNode) {
  Put("/dev/kvm", "");
  std::filesystem::create_directories(root_.path() + "/dev/net");
  std::filesystem::create_symlink("/dev/null", root_.path() + "/dev/net/tun");
  const HostFacts facts = Read();
  EXPECT_EQ(facts.kvm.state, State::kWrongNode);
  EXPECT_EQ(facts.tun.state, State::kWrongNode);
}

TEST_F(DoctorFacts, MemoryComesFromMeminfoAndTheBracketedWord) {
  Put("/proc/meminfo", "MemTotal: 9999999 kB\nMemAvailable:   2097152 kB\nSwapTotal: 1024 kB\n");
  Put("/sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n");
  Put("/sys/kernel/mm/ksm/run", "1\n");
  const HostFacts facts = Read();
  EXPECT_EQ(facts.memory.available_mib, 2048u);
  EXPECT_EQ(facts.memory.swap_mib, 1u);
  EXPECT_EQ(facts.memory.huge_pages, "never");
  EXPECT_TRUE(facts.memory.same_page_merging);
}

TEST_F(DoctorFacts, CgroupsOfBothVersionsAreKnown) {
  std::filesystem::create_directories(root_.path() + "/sys/fs/cgroup/memory");
  EXPECT_EQ(Read().cgroup.version, CgroupFacts::Version::kOne);
  Put("/sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
  const CgroupFacts cgroup = Read().cgroup;
  EXPECT_EQ(cgroup.version, CgroupFacts::Version::kTwo);
  EXPECT_THAT(cgroup.controllers, ElementsAre("cpu", "memory"));
}

TEST_F(DoctorFacts, KernelSettingsAreRead) {
  Put("/sys/module/kvm/parameters/nx_huge_pages", "Y\n");
  Put("/proc/self/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw,favordynmods 0 0\n");
  Put("/sys/devices/system/cpu/smt/active", "1\n");
  Put("/sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n");
  const HostFacts facts = Read();
  EXPECT_EQ(facts.kernel.nx_huge_pages, "Y");
  EXPECT_TRUE(facts.kernel.favor_dynmods);
  EXPECT_TRUE(facts.cpu.smt);
  EXPECT_EQ(facts.cpu.clock_source, "hpet");
}

TEST_F(DoctorFacts, OwnersOfMonitorIdsAreFoundAndNobodyElse) {
  Put("/etc/passwd",
      "root:x:0:0::/:/bin/sh\nbelow:x:61183:1::/:\nfirst:x:61184:1::/:\nlast:x:65183:1::/:\n"
      "above:x:65184:1::/:\nbroken\n");
  Put("/etc/subuid", "low:1000:100\nacross:60000:65536\nhigh:100000:65536\n");
  EXPECT_THAT(Read().uid_owners, ElementsAre("account \"first\"", "account \"last\"",
                                             "/etc/subuid of \"across\""));
}

TEST(DoctorProbe, LineIsTakenApart) {
  const ProbeFacts probe =
      ParseProbeLine("guest_mode=ring3 cycles_per_instruction=1506.7 tsc_hz=2596148000");
  EXPECT_EQ(probe.error, "");
  EXPECT_EQ(probe.guest_mode, "ring3");
  EXPECT_DOUBLE_EQ(probe.cycles_per_instruction, 1506.7);
  EXPECT_EQ(probe.tsc_hz, 2'596'148'000u);
}

TEST(DoctorProbe, AnythingElseIsAnErrorThatQuotesIt) {
  EXPECT_THAT(ParseProbeLine("").error, HasSubstr("said"));
  EXPECT_THAT(ParseProbeLine("guest_mode=ring7 tsc_hz=1").error, HasSubstr("ring7"));
  EXPECT_THAT(ParseProbeLine("guest_mode=ring0").error, HasSubstr("ring0"));
}

// The command itself, here: each line has a grade, and the exit status is that of the worst.
TEST(DoctorCommand, SaysWhatThisHostIsLike) {
  const auto ran = testbed::FinishIn(-1, {testbed::ProgramPath("summon"), "doctor"});
  ASSERT_TRUE(ran.ok()) << ran.error().message();
  const bool failed = ran->output.find("FAIL  ") != std::string::npos;
  EXPECT_EQ(ran->exit_status, failed ? 1 : 0) << ran->output;
  EXPECT_THAT(ran->output, HasSubstr("kernel "));
  EXPECT_THAT(ran->output, HasSubstr(" warnings, "));
}

TEST(DoctorCommand, ProbesKvmWhereThereIsOne) {
  const UniqueFd kvm(open("/dev/kvm", O_RDWR | O_CLOEXEC));
  if (!kvm.valid()) GTEST_SKIP() << "no usable /dev/kvm";
  const auto ran = testbed::FinishIn(-1, {testbed::ProgramPath("summon"), "--json", "doctor"});
  ASSERT_TRUE(ran.ok()) << ran.error().message();
  EXPECT_THAT(ran->output, HasSubstr("cycles an instruction"));
  EXPECT_THAT(ran->output, HasSubstr("\"check\": \"kvm\", \"grade\": \"PASS\""));
}

}  // namespace
}  // namespace summon::cli
