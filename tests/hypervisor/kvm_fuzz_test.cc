// SPDX-License-Identifier: Apache-2.0
// A hostile guest with a network device, a disk and a read-only disk makes random hypercalls
// through real KVM, in both guest modes, until a last call for which it must be ended. The monitor
// ends by its own decision each time, and nothing that is not the guest's changes.
//
// Arguments: --calls=N, how many calls altogether (default kCallsShort).
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "hypervisor/devices/frame_check.h"
#include "tests/hypervisor/monitor_harness.h"

namespace summon::hypervisor {
namespace {

constexpr std::uint64_t kCallsShort = 20'000;
constexpr std::uint64_t kCallsPerGuest = 10'000;
// Where ring 0 is interpreted a call costs several times more: one guest of eight.
constexpr std::uint64_t kRing0OneIn = 8;
constexpr std::size_t kDiskBytes = 64 * 1024;    // what the guest is told of
constexpr std::size_t kCanaryBytes = 64 * 1024;  // what lies behind it in the same file
constexpr int kMonitorsAtOnce = 2;

std::uint64_t calls_wanted = kCallsShort;

std::string Pattern(std::size_t size, char seed) {
  std::string text(size, seed);
  for (std::size_t i = 0; i < size; i += 7) text[i] = static_cast<char>(i);
  return text;
}

UniqueFd FileOf(const std::string& content) {
  UniqueFd file(memfd_create("disk", MFD_CLOEXEC));
  EXPECT_EQ(write(file.get(), content.data(), content.size()),
            static_cast<ssize_t>(content.size()));
  return file;
}

std::string ContentOf(int fd, std::size_t offset) {
  const off_t size = lseek(fd, 0, SEEK_END);
  std::string content(static_cast<std::size_t>(size) - offset, '\0');
  EXPECT_EQ(pread(fd, content.data(), content.size(), static_cast<off_t>(offset)),
            static_cast<ssize_t>(content.size()));
  return content;
}

// What stands around one guest, and what must still stand afterwards.
struct Surroundings {
  std::string canary = Pattern(kCanaryBytes, 'c');
  std::string sealed = Pattern(kDiskBytes, 's');
  UniqueFd disk = FileOf(Pattern(kDiskBytes, 'd') + canary);
  UniqueFd sealed_disk = FileOf(sealed);
  UniqueFd ours;    // our end of the network
  UniqueFd theirs;

  Surroundings() {
    int pair[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    ours = UniqueFd(pair[0]);
    theirs = UniqueFd(pair[1]);
    const std::string frame = Pattern(200, 'f');
    for (int i = 0; i < 8; ++i) {
      EXPECT_EQ(write(ours.get(), frame.data(), frame.size()), 200);
    }
  }
};

JobFrame FuzzJob(std::uint64_t seed) {
  JobFrame job = MonitorProcess::Job("fuzz " + std::to_string(seed) + " " +
                                     std::to_string(kCallsPerGuest));
  MonitorProcess::AddNet(job, "service");
  MonitorProcess::AddBlock(job, "disk", kDiskBytes);
  MonitorProcess::AddBlock(job, "sealed", kDiskBytes);
  job.devices[2].read_only = 1;
  return job;
}

void CheckSurroundings(const Surroundings& around, std::uint64_t seed) {
  EXPECT_EQ(ContentOf(around.disk.get(), kDiskBytes), around.canary) << "seed " << seed;
  EXPECT_EQ(ContentOf(around.sealed_disk.get(), 0), around.sealed) << "seed " << seed;
  std::uint64_t done = 0;
  EXPECT_EQ(pread(around.disk.get(), &done, sizeof done, 0), 8);
  EXPECT_EQ(done, kCallsPerGuest) << "seed " << seed << ": the guest did not get to its last call";
  const FrameRules rules{FrameCheck::kMac, {2}, {}};
  std::uint8_t frame[2048];
  for (;;) {
    const ssize_t size = read(around.ours.get(), frame, sizeof frame);
    if (size <= 0) break;
    EXPECT_EQ(CheckFrame({frame, static_cast<std::size_t>(size)}, rules), FrameVerdict::kPass)
        << "seed " << seed;
  }
}

// One guest from its first call to its end.
void RunGuest(std::uint64_t seed, const std::vector<std::uint8_t>& image) {
  const std::string mode = seed % kRing0OneIn == 0 ? "ring0" : "ring3";
  Surroundings around;
  MonitorProcess monitor(MonitorProcess::Kvm::kBefore, {"--guest-mode=" + mode});
  monitor.Send(FuzzJob(seed), image,
               {around.theirs.get(), around.disk.get(), around.sealed_disk.get()});
  const auto end = monitor.End();
  ASSERT_TRUE(end.has_value()) << mode << " seed " << seed << ": the monitor said nothing; status "
                               << monitor.Wait().value_or(-1);
  EXPECT_EQ(end->reason, EndReason::kGuestFault) << mode << " seed " << seed << ": "
                                                 << end->detail;
  EXPECT_THAT(std::string(end->detail), testing::HasSubstr("hypercall")) << "seed " << seed;
  const auto status = monitor.Wait();
  ASSERT_TRUE(status.has_value()) << mode << " seed " << seed << ": the monitor does not end";
  EXPECT_TRUE(WIFEXITED(*status)) << mode << " seed " << seed << ": signal " << WTERMSIG(*status);
  CheckSurroundings(around, seed);
  if (testing::Test::HasFailure()) std::printf("seed %lu: %s\n", seed, end->detail);
}

std::size_t OpenDescriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    ++count;
  }
  return count;
}

TEST(KvmFuzz, RandomHypercallsEndOnlyTheirOwnGuest) {
  if (const auto reason = WhyNoKvm()) GTEST_SKIP() << *reason;
  const std::vector<std::uint8_t> image = ReadFile(SUMMON_GUESTS_DIR "/intruder.hvt");
  const std::uint64_t guests = (calls_wanted + kCallsPerGuest - 1) / kCallsPerGuest;
  const std::size_t descriptors = OpenDescriptors();
  std::atomic<std::uint64_t> next = 0;
  std::vector<std::thread> workers;
  for (int i = 0; i < kMonitorsAtOnce; ++i) {
    workers.emplace_back([&next, &image, guests] {
      for (std::uint64_t seed = next++; seed < guests && !testing::Test::HasFailure();
           seed = next++) {
        RunGuest(seed, image);
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  std::printf("%lu guests of %lu calls each\n", guests, kCallsPerGuest);
  EXPECT_EQ(OpenDescriptors(), descriptors);
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1) << "a monitor was left behind";
}

}  // namespace
}  // namespace summon::hypervisor

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  constexpr std::string_view kCalls = "--calls=";
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (!argument.starts_with(kCalls)) continue;
    const std::string_view number = argument.substr(kCalls.size());
    (void)std::from_chars(number.data(), number.data() + number.size(),
                          summon::hypervisor::calls_wanted);  // else the default stands
  }
  return RUN_ALL_TESTS();
}
