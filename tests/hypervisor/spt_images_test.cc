// SPDX-License-Identifier: Apache-2.0
// Our own unikernels, as compiled for the spt ABI, under the real summon-spt.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <iterator>
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

}  // namespace
}  // namespace summon::hypervisor
