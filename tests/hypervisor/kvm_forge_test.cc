// SPDX-License-Identifier: Apache-2.0
// A hostile guest under the real monitor sends a thousand frames in others' names and one in its
// own: only that one leaves.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "tests/hypervisor/monitor_harness.h"

namespace summon::hypervisor {
namespace {

constexpr std::uint64_t kForged = 1000;
constexpr std::uint64_t kDiskBytes = 4096;

class KvmForge : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (const auto reason = WhyNoKvm()) GTEST_SKIP() << *reason;
    int pair[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    ours_ = UniqueFd(pair[0]);
    theirs_ = UniqueFd(pair[1]);
    ASSERT_EQ(ftruncate(disk_.get(), kDiskBytes), 0);
  }

  // The end of the intruder that forges under `check`.
  ReportFrame EndOf(FrameCheck check) {
    JobFrame job = MonitorProcess::Job("forge " + std::to_string(kForged) +
                                       " 10.77.0.10 10.77.0.1");
    MonitorProcess::AddNet(job, "service");
    job.devices[0].frame_check = check;
    const std::uint8_t address[4] = {10, 77, 0, 10};
    std::memcpy(job.devices[0].ipv4, address, sizeof address);
    MonitorProcess::AddBlock(job, "disk", kDiskBytes);
    MonitorProcess::AddBlock(job, "sealed", kDiskBytes);
    MonitorProcess monitor(MonitorProcess::Kvm::kBefore,
                           {std::string("--guest-mode=") + GetParam()});
    monitor.Send(job, ReadFile(SUMMON_GUESTS_DIR "/intruder.hvt"),
                 {theirs_.get(), disk_.get(), disk_.get()});
    return monitor.End().value_or(ReportFrame{});
  }
  // The frames that left and nobody has read.
  std::vector<std::vector<std::uint8_t>> Left() {
    std::vector<std::vector<std::uint8_t>> frames;
    std::uint8_t frame[2048];
    for (ssize_t size; (size = read(ours_.get(), frame, sizeof frame)) > 0;) {
      frames.emplace_back(frame, frame + size);
    }
    return frames;
  }

  UniqueFd ours_;
  UniqueFd theirs_;
  UniqueFd disk_{memfd_create("disk", MFD_CLOEXEC)};
};

TEST_P(KvmForge, OfAThousandForgedFramesNoneLeaves) {
  const ReportFrame end = EndOf(FrameCheck::kAddress);
  EXPECT_EQ(end.reason, EndReason::kHalted) << end.detail;
  EXPECT_EQ(end.exit_status, 0);
  EXPECT_EQ(end.frames_forged, kForged);
  EXPECT_EQ(end.frames_dropped, 0u);
  const auto frames = Left();
  ASSERT_EQ(frames.size(), 1u);  // the one in its own name
  EXPECT_EQ(frames[0][12], 0x08);
  EXPECT_EQ(frames[0][29], 10);  // the last octet of its own address
}

// Without the check they do leave: the test above sees the check, not a lame guest.
TEST_P(KvmForge, WithoutTheCheckTheyLeave) {
  const ReportFrame end = EndOf(FrameCheck::kOff);
  EXPECT_EQ(end.reason, EndReason::kHalted) << end.detail;
  EXPECT_EQ(end.frames_forged, 0u);
  EXPECT_GT(Left().size(), 10u);  // as many as the socket holds
}

INSTANTIATE_TEST_SUITE_P(Ring0, KvmForge, testing::Values("ring0"));
INSTANTIATE_TEST_SUITE_P(Ring3, KvmForge, testing::Values("ring3"));

}  // namespace
}  // namespace summon::hypervisor
