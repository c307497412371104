// SPDX-License-Identifier: Apache-2.0
// Our own unikernels, as compiled for the spt ABI, under the real summon-spt.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "base/strings.h"
#include "base/unique_fd.h"
#include "tests/hypervisor/spt_harness.h"

namespace summon::hypervisor {
namespace {

constexpr std::uint64_t kMemoryBytes = 16u << 20;
constexpr std::uint64_t kStorageBytes = 64 * 1024;

std::vector<std::uint8_t> ReadImage(const std::string& name) {
  std::ifstream file(StrCat(SUMMON_GUESTS_DIR, "/", name), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The console's text until the guest ended. The pipe holds 64 KiB, more than these guests print.
struct Outcome {
  SptExit end;
  std::string console;
};

Outcome Finish(SptProcess& process) {
  Outcome outcome;
  outcome.end = process.Wait();
  for (std::string text = process.Console(); !text.empty(); text = process.Console()) {
    outcome.console += text;
  }
  return outcome;
}

bool Says(const Outcome& outcome, std::string_view text) {
  return outcome.console.find(text) != std::string::npos;
}

TEST(SptImages, HelloPrintsItsCommandLine) {
  const auto image = ReadImage("hello.spt");
  if (image.empty()) GTEST_SKIP() << "hello.spt is not built (target guests)";
  SptProcess process;
  JobFrame job = SptProcess::Job();
  job.memory_bytes = kMemoryBytes;
  strcpy(job.command_line, "one two");
  process.Send(job, image);
  const Outcome outcome = Finish(process);
  EXPECT_EQ(outcome.end.status, 0) << outcome.console;
  EXPECT_TRUE(Says(outcome, "one two")) << outcome.console;
  EXPECT_TRUE(Says(outcome, "SUCCESS")) << outcome.console;
}

TEST(SptImages, ClockNeverWakesEarly) {
  const auto image = ReadImage("clock.spt");
  if (image.empty()) GTEST_SKIP() << "clock.spt is not built (target guests)";
  SptProcess process;
  JobFrame job = SptProcess::Job();
  job.memory_bytes = kMemoryBytes;
  process.Send(job, image);
  const Outcome outcome = Finish(process);
  EXPECT_EQ(outcome.end.status, 0) << outcome.console;
  EXPECT_TRUE(Says(outcome, "SUCCESS")) << outcome.console;
}

TEST(SptImages, DiskWritesReadsAndIsRefusedBeyondItsEnd) {
  const auto image = ReadImage("disk.spt");
  if (image.empty()) GTEST_SKIP() << "disk.spt is not built (target guests)";
  const UniqueFd storage(memfd_create("storage", MFD_CLOEXEC));
  ASSERT_EQ(ftruncate(storage.get(), static_cast<off_t>(kStorageBytes)), 0);
  SptProcess process;
  JobFrame job = SptProcess::Job();
  job.memory_bytes = kMemoryBytes;
  SptProcess::AddBlock(job, "storage", kStorageBytes);
  process.Send(job, image, {storage.get()});
  const Outcome outcome = Finish(process);
  EXPECT_EQ(outcome.end.status, 0) << outcome.console;
  EXPECT_TRUE(Says(outcome, "SUCCESS")) << outcome.console;
  EXPECT_EQ(lseek(storage.get(), 0, SEEK_END), static_cast<off_t>(kStorageBytes));
}

// One act of the hostile guest, and how it ends: by its status or by a signal.
struct Act {
  const char* command;
  std::optional<int> status;
  std::optional<int> signal;
};

class SptHostile : public ::testing::TestWithParam<Act> {};

TEST_P(SptHostile, EndsOnlyItself) {
  const auto image = ReadImage("hostile.spt");
  if (image.empty()) GTEST_SKIP() << "hostile.spt is not built (target guests)";
  SptProcess process;
  JobFrame job = SptProcess::Job();
  job.memory_bytes = kMemoryBytes;
  strcpy(job.command_line, GetParam().command);
  process.Send(job, image);
  const Outcome outcome = Finish(process);
  EXPECT_EQ(outcome.end.status, GetParam().status) << outcome.console;
  EXPECT_EQ(outcome.end.signal, GetParam().signal) << outcome.console;
}

INSTANTIATE_TEST_SUITE_P(
    Acts, SptHostile,
    ::testing::Values(Act{"halt_status 7", 7, {}}, Act{"bad_handle", 0, {}},
                      Act{"bad_port", {}, SIGSYS}, Act{"zeropage", {}, SIGSEGV},
                      Act{"write_text", {}, SIGSEGV}, Act{"wild_exit", {}, SIGSEGV},
                      Act{"divide", {}, SIGFPE}, Act{"undefined", {}, SIGILL}),
    [](const auto& parameter) {
      std::string name = parameter.param.command;
      std::erase_if(name, [](char c) { return c == ' ' || c == '_'; });
      return name;
    });

}  // namespace
}  // namespace summon::hypervisor
