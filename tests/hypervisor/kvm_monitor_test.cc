// SPDX-License-Identifier: Apache-2.0
// summon-monitor on real KVM, with guests of a few instructions, in both guest modes. The parameter
// is the mode: what a guest may see of it is nothing.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "tests/hypervisor/monitor_harness.h"

namespace summon::hypervisor {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class KvmMonitor : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (const auto reason = WhyNoKvm()) GTEST_SKIP() << *reason;
  }

  // A monitor that has made its machine and waits.
  static std::unique_ptr<MonitorProcess> NewMonitor() {
    return std::make_unique<MonitorProcess>(
        MonitorProcess::Kvm::kBefore,
        std::vector<std::string>{std::string("--guest-mode=") + GetParam()});
  }
  // The end of a guest made of `code`.
  ReportFrame EndOf(const Assembler& code) {
    monitor_ = NewMonitor();
    monitor_->Send(MonitorProcess::Job(), BuildTinyImage({.code = code.code()}));
    return monitor_->End().value_or(ReportFrame{});
  }
  // Likewise, of a guest with a net device "net0" (handle 1) on `peer`'s other end.
  ReportFrame EndOfNetGuest(const Assembler& code) {
    int pair[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    peer_ = UniqueFd(pair[0]);
    const UniqueFd theirs(pair[1]);
    if (!frame_.empty()) {
      EXPECT_EQ(write(pair[0], frame_.data(), frame_.size()),
                static_cast<ssize_t>(frame_.size()));
    }
    monitor_ = NewMonitor();
    JobFrame job = MonitorProcess::Job();
    MonitorProcess::AddNet(job, "net0");
    monitor_->Send(job, BuildTinyImage({.code = code.code(), .devices = {{.name = "net0"}}}),
                   {theirs.get()});
    return monitor_->End().value_or(ReportFrame{});
  }

  std::unique_ptr<MonitorProcess> monitor_;
  UniqueFd peer_;
  std::string frame_;  // waits for the guest
};

constexpr std::uint32_t kArgument = kTinyData + 0x40;
constexpr std::uint32_t kBuffer = kTinyData + 0x400;

TEST_P(KvmMonitor, HaltEndsWithTheGuestsStatus) {
  const ReportFrame end = EndOf(Assembler().Halt(7));
  EXPECT_EQ(end.reason, EndReason::kHalted) << end.detail;
  EXPECT_EQ(end.exit_status, 7);
  EXPECT_THAT(monitor_->stages(),
              ElementsAre(Stage::kAssigned, Stage::kLoaded, Stage::kRunning));
  const auto status = monitor_->Wait();
  ASSERT_TRUE(status.has_value());
  EXPECT_TRUE(WIFEXITED(*status) && WEXITSTATUS(*status) == 7) << *status;
}

TEST_P(KvmMonitor, PutsReachesTheConsole) {
  const ReportFrame end = EndOf(Assembler().Puts("Hello, console\n").Halt(0));
  EXPECT_EQ(end.reason, EndReason::kHalted) << end.detail;
  EXPECT_EQ(monitor_->Console(), "Hello, console\n");
  EXPECT_EQ(end.console_bytes_lost, 0u);
}

TEST_P(KvmMonitor, FirstPollIsReady) {
  const Assembler code = Assembler().Store64(kArgument, 1000).Call(Hypercall::kPoll, kArgument);
  const ReportFrame end = EndOf(Assembler(code).Halt(0));
  EXPECT_EQ(end.reason, EndReason::kHalted) << end.detail;
  EXPECT_THAT(monitor_->stages(), ElementsAre(Stage::kAssigned, Stage::kLoaded, Stage::kRunning,
                                              Stage::kReady));
}

TEST_P(KvmMonitor, FrameGoesInAndOutAndMarksTheStages) {
  // A UDP datagram with one byte of payload: 14 + 20 + 8 + 1 bytes. The guest sends it back.
  frame_.assign(43, '\0');
  frame_[6] = 2;  // its sender is the guest's own MAC
  frame_[12] = 0x08;
  frame_[14] = 0x45;
  frame_[17] = 29;
  frame_[23] = 17;
  Assembler code;
  code.Store64(kArgument, 10'000'000).Call(Hypercall::kPoll, kArgument);
  code.Store64(kArgument, 1).Store64(kArgument + 8, kBuffer).Store64(kArgument + 16, 1514);
  code.Call(Hypercall::kNetRead, kArgument).Call(Hypercall::kNetWrite, kArgument).Halt(0);
  const ReportFrame end = EndOfNetGuest(code);
  EXPECT_EQ(end.reason, EndReason::kHalted) << end.detail;
  EXPECT_EQ(end.frames_dropped, 0u);
  EXPECT_THAT(monitor_->stages(),
              ElementsAre(Stage::kAssigned, Stage::kLoaded, Stage::kRunning, Stage::kReady,
                          Stage::kFirstPacketIn, Stage::kFirstByteOut));
  char echoed[64];
  EXPECT_EQ(read(peer_.get(), echoed, sizeof echoed), 43);
}

TEST_P(KvmMonitor, RefusedFrameIsDroppedAndCounted) {
  Assembler code;
  code.Store64(kArgument, 1).Store64(kArgument + 8, kBuffer).Store64(kArgument + 16, 5);
  const ReportFrame end = EndOfNetGuest(code.Call(Hypercall::kNetWrite, kArgument).Halt(0));
  EXPECT_EQ(end.reason, EndReason::kHalted) << end.detail;
  EXPECT_EQ(end.frames_dropped, 1u);
}

TEST_P(KvmMonitor, BlockWritesReachTheFile) {
  const UniqueFd file(memfd_create("disk", MFD_CLOEXEC));
  ASSERT_EQ(ftruncate(file.get(), 4096), 0);
  Assembler code;
  code.Store64(kBuffer, 0x1122334455667788);
  code.Store64(kArgument, 1).Store64(kArgument + 8, 512).Store64(kArgument + 16, kBuffer);
  code.Store64(kArgument + 24, 512).Call(Hypercall::kBlockWrite, kArgument).Halt(0);
  monitor_ = NewMonitor();
  JobFrame job = MonitorProcess::Job();
  MonitorProcess::AddBlock(job, "disk", 4096);
  monitor_->Send(job, BuildTinyImage({.code = code.code(),
                                      .devices = {{.name = "disk", .type = DeviceType::kBlock}}}),
                 {file.get()});
  const auto end = monitor_->End();
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->reason, EndReason::kHalted) << end->detail;
  std::uint64_t word = 0;
  EXPECT_EQ(pread(file.get(), &word, sizeof word, 512), 8);
  EXPECT_EQ(word, 0x1122334455667788u);
}

TEST_P(KvmMonitor, BlockReadsReachTheGuest) {
  const UniqueFd file(memfd_create("disk", MFD_CLOEXEC));
  ASSERT_EQ(ftruncate(file.get(), 4096), 0);
  const std::uint32_t word = 77;
  ASSERT_EQ(pwrite(file.get(), &word, sizeof word, 512), 4);
  Assembler code;
  code.Store64(kArgument, 1).Store64(kArgument + 8, 512).Store64(kArgument + 16, kBuffer);
  code.Store64(kArgument + 24, 512).Call(Hypercall::kBlockRead, kArgument);
  code.Load(kBuffer).HaltWithLoaded();
  monitor_ = NewMonitor();
  JobFrame job = MonitorProcess::Job();
  MonitorProcess::AddBlock(job, "disk", 4096);
  monitor_->Send(job, BuildTinyImage({.code = code.code(),
                                      .devices = {{.name = "disk", .type = DeviceType::kBlock}}}),
                 {file.get()});
  const auto end = monitor_->End();
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->reason, EndReason::kHalted) << end->detail;
  EXPECT_EQ(end->exit_status, 77);
}

TEST_P(KvmMonitor, GuestSetsItsThreadPointer) {
  Assembler code;
  code.Store32(kBuffer + 8, 55);
  code.Raw({0xb9, 0x00, 0x01, 0x00, 0xc0});  // mov ecx, 0xc0000100 (FS_BASE)
  code.Raw({0xb8, 0x00, 0x14, 0x10, 0x00});  // mov eax, kBuffer
  code.Raw({0x31, 0xd2, 0x0f, 0x30});        // xor edx, edx; wrmsr
  code.Raw({0x64, 0x8b, 0x04, 0x25, 0x08, 0x00, 0x00, 0x00});  // mov eax, fs:[8]
  static_assert(kBuffer == 0x101400);
  const ReportFrame end = EndOf(code.HaltWithLoaded());
  EXPECT_EQ(end.reason, EndReason::kHalted) << end.detail;
  EXPECT_EQ(end.exit_status, 55);
}

TEST_P(KvmMonitor, GuestHasAllItsSixtyThreeDevices) {
  const UniqueFd file(memfd_create("disk", MFD_CLOEXEC));
  ASSERT_EQ(ftruncate(file.get(), 4096), 0);
  TinyImage image;
  JobFrame job = MonitorProcess::Job();
  for (std::size_t i = 0; i < kDevicesMax; ++i) {
    image.devices.push_back({.name = "disk" + std::to_string(i), .type = DeviceType::kBlock});
    MonitorProcess::AddBlock(job, image.devices.back().name.c_str(), 4096);
  }
  Assembler code;  // the last one is written to
  code.Store64(kBuffer, 0x1122334455667788);
  code.Store64(kArgument, kDevicesMax).Store64(kArgument + 8, 512);
  code.Store64(kArgument + 16, kBuffer).Store64(kArgument + 24, 512);
  image.code = code.Call(Hypercall::kBlockWrite, kArgument).Halt(0).code();
  monitor_ = NewMonitor();
  monitor_->Send(job, BuildTinyImage(image), std::vector<int>(kDevicesMax, file.get()));
  const auto end = monitor_->End();
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->reason, EndReason::kHalted) << end->detail;
  std::uint64_t word = 0;
  EXPECT_EQ(pread(file.get(), &word, sizeof word, 512), 8);
  EXPECT_EQ(word, 0x1122334455667788u);
}

TEST_P(KvmMonitor, WriteToTextEndsTheGuestAsUpstreamSays) {
  const ReportFrame end = EndOf(Assembler().Store32(kTinyText + 0x800, 1).Halt(0));
  EXPECT_EQ(end.reason, EndReason::kGuestFault);
  EXPECT_THAT(end.detail, HasSubstr("host/guest translation fault"));
}

TEST_P(KvmMonitor, HypercallResultIntoTextIsRefused) {
  const ReportFrame end = EndOf(Assembler().Call(Hypercall::kWallTime, kTinyText + 0x800));
  EXPECT_EQ(end.reason, EndReason::kGuestFault);
  EXPECT_THAT(end.detail, HasSubstr("WALLTIME"));
}

TEST_P(KvmMonitor, HypercallIntoTheMonitorsTablesIsRefused) {
  const ReportFrame end = EndOf(Assembler().Call(Hypercall::kWallTime, 0x8000));
  EXPECT_EQ(end.reason, EndReason::kGuestFault);
}

TEST_P(KvmMonitor, DataCannotBeExecuted) {
  // jmp to the data segment; without a trap table of its own the guest ends there.
  const ReportFrame end = EndOf(Assembler().Raw({0xb8, 0, 0x10, 0x10, 0, 0xff, 0xe0}));
  EXPECT_EQ(end.reason, EndReason::kGuestFault) << end.detail;
}

TEST_P(KvmMonitor, ReadOfTheZeroPageFaults) {
  const ReportFrame end = EndOf(Assembler().Raw({0x8b, 0x04, 0x25, 0, 0, 0, 0}).Halt(0));
  EXPECT_EQ(end.reason, EndReason::kGuestFault) << end.detail;
}

TEST_P(KvmMonitor, WriteToBootInformationFaults) {
  const ReportFrame end = EndOf(Assembler().Store32(0x10000, 1).Halt(0));
  EXPECT_EQ(end.reason, EndReason::kGuestFault) << end.detail;
}

TEST_P(KvmMonitor, UnknownPortEndsTheGuest) {
  const ReportFrame end = EndOf(Assembler().Out(0x3f8, 1).Halt(0));
  EXPECT_EQ(end.reason, EndReason::kGuestFault);
  EXPECT_THAT(end.detail, HasSubstr("0x3f8"));
}

TEST_P(KvmMonitor, PortOfWrongSizeEndsTheGuest) {
  const ReportFrame end = EndOf(Assembler().Raw({0xba, 0x08, 5, 0, 0, 0xee}).Halt(0));
  EXPECT_EQ(end.reason, EndReason::kGuestFault);
  EXPECT_THAT(end.detail, HasSubstr("0x508"));
}

TEST_P(KvmMonitor, ReadOfAPortEndsTheGuest) {
  const ReportFrame end = EndOf(Assembler().Raw({0xe5, 0x60}).Halt(0));
  EXPECT_EQ(end.reason, EndReason::kGuestFault);
  EXPECT_THAT(end.detail, HasSubstr("0x60"));
}

TEST_P(KvmMonitor, HltEndsTheGuest) {
  const ReportFrame end = EndOf(Assembler().Raw({0xf4}));
  EXPECT_EQ(end.reason, EndReason::kGuestFault);
  EXPECT_THAT(end.detail, HasSubstr("HLT"));
}

TEST_P(KvmMonitor, UndefinedInstructionEndsTheGuest) {
  const ReportFrame end = EndOf(Assembler().Raw({0x0f, 0x0b}));
  EXPECT_EQ(end.reason, EndReason::kGuestFault) << end.detail;
}

TEST_P(KvmMonitor, WalkingOffMemoryEndsTheGuest) {
  // mov eax, [0x40000000]: far beyond 4 MiB.
  const ReportFrame end = EndOf(Assembler().Raw({0x8b, 0x04, 0x25, 0, 0, 0, 0x40}).Halt(0));
  EXPECT_EQ(end.reason, EndReason::kGuestFault) << end.detail;
}

TEST_P(KvmMonitor, ConsoleThatNobodyReadsLosesBytesAndHarmsNobody) {
  monitor_ = NewMonitor();
  monitor_->CloseConsoleReader();
  monitor_->Send(MonitorProcess::Job(), BuildTinyImage({.code = Assembler().Puts("lost").Halt(3)
                                                                    .code()}));
  const auto end = monitor_->End();
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->reason, EndReason::kHalted);
  EXPECT_EQ(end->exit_status, 3);
}

TEST_P(KvmMonitor, SpinningGuestEndsWithItsLauncher) {
  monitor_ = NewMonitor();
  monitor_->Send(MonitorProcess::Job(), BuildTinyImage({.code = {0xeb, 0xfe}}));  // jmp to itself
  while (monitor_->NextReport()->stage != Stage::kRunning) {
  }
  monitor_->HangUp();
  EXPECT_TRUE(monitor_->Wait().has_value());
}

TEST_P(KvmMonitor, WaitingGuestEndsWithItsLauncher) {
  const Assembler code = Assembler().Store64(kArgument, ~0ull).Call(Hypercall::kPoll, kArgument);
  monitor_ = NewMonitor();
  monitor_->Send(MonitorProcess::Job(), BuildTinyImage({.code = code.code()}));
  while (monitor_->NextReport()->stage != Stage::kReady) {
  }
  monitor_->HangUp();
  EXPECT_TRUE(monitor_->Wait().has_value());
}

TEST_P(KvmMonitor, IdleMemberEndsWithItsLauncher) {
  monitor_ = NewMonitor();
  monitor_->HangUp();
  const auto status = monitor_->Wait();
  ASSERT_TRUE(status.has_value());
  EXPECT_TRUE(WIFEXITED(*status) && WEXITSTATUS(*status) == 0) << *status;
}

TEST_P(KvmMonitor, FourGibibytesOfMemoryRun) {
  monitor_ = NewMonitor();
  JobFrame job = MonitorProcess::Job();
  job.memory_bytes = 4ull << 30;
  // The stack is at the end of memory: push and pop touch it.
  monitor_->Send(job, BuildTinyImage({.code = Assembler().Raw({0x50, 0x58}).Halt(5).code()}));
  const auto end = monitor_->End();
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->reason, EndReason::kHalted) << end->detail;
  EXPECT_EQ(end->exit_status, 5);
}

INSTANTIATE_TEST_SUITE_P(Ring0, KvmMonitor, testing::Values("ring0"));
INSTANTIATE_TEST_SUITE_P(Ring3, KvmMonitor, testing::Values("ring3"));

class KvmMonitorJob : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto reason = WhyNoKvm()) GTEST_SKIP() << *reason;
  }
};

TEST_F(KvmMonitorJob, MachineCanComeWithTheJob) {
  MonitorProcess monitor(MonitorProcess::Kvm::kWithJob, {"--uid=61190"});
  monitor.Send(MonitorProcess::Job(), BuildTinyImage({.code = Assembler().Halt(0).code()}));
  const auto end = monitor.End();
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->reason, EndReason::kHalted) << end->detail;
}

// What ring-3 mode is for. pxor is the first SSE instruction that any compiler emits.
TEST_F(KvmMonitorJob, SseArithmeticRunsInTheModeThatTheProbeChooses) {
  MonitorProcess monitor(MonitorProcess::Kvm::kBefore, {"--guest-mode=auto"});
  const Assembler code = Assembler().Raw({0x66, 0x0f, 0xef, 0xc0}).Halt(0);
  monitor.Send(MonitorProcess::Job(), BuildTinyImage({.code = code.code()}));
  const auto end = monitor.End();
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->reason, EndReason::kHalted) << end->detail;
}

TEST_F(KvmMonitorJob, Ring3GuestCannotReachRing0) {
  // wrmsr of EFER, mov to cr3, syscall, int 0x80, sysenter, and a far return to a stack of zeroes.
  const std::vector<std::vector<std::uint8_t>> attempts = {
      {0xb9, 0x80, 0, 0, 0xc0, 0x0f, 0x30}, {0x0f, 0x22, 0xd8}, {0x0f, 0x05},
      {0xcd, 0x80}, {0x0f, 0x34}, {0x6a, 0, 0x6a, 0, 0x48, 0xcb}};
  for (const std::vector<std::uint8_t>& code : attempts) {
    MonitorProcess monitor(MonitorProcess::Kvm::kBefore, {"--guest-mode=ring3"});
    monitor.Send(MonitorProcess::Job(), BuildTinyImage({.code = code}));
    const auto end = monitor.End();
    ASSERT_TRUE(end.has_value()) << testing::PrintToString(code);
    EXPECT_EQ(end->reason, EndReason::kGuestFault) << end->detail << testing::PrintToString(code);
  }
}

TEST_F(KvmMonitorJob, ReturnToAnAddressThatNoCpuTakesEndsTheGuest) {
  // mov rax, 0x8000000000000000; push 8; push rax; retf: not canonical, so the shim itself traps.
  MonitorProcess monitor(MonitorProcess::Kvm::kBefore, {"--guest-mode=ring3"});
  monitor.Send(MonitorProcess::Job(),
               BuildTinyImage({.code = {0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x6a, 0x08, 0x50,
                                        0x48, 0xcb}}));
  const auto end = monitor.End();
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->reason, EndReason::kGuestFault) << end->detail;
}

TEST_F(KvmMonitorJob, WithoutKvmTheJobIsRefused) {
  MonitorProcess monitor(MonitorProcess::Kvm::kNone, {});
  monitor.Send(MonitorProcess::Job(), BuildTinyImage({}));
  const auto end = monitor.End();
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->reason, EndReason::kJobInvalid);
}

TEST_F(KvmMonitorJob, CheckOnlyNeedsNoKvm) {
  MonitorProcess monitor(MonitorProcess::Kvm::kNone, {});
  JobFrame job = MonitorProcess::Job();
  job.flags = kJobCheckOnly;
  monitor.Send(job, BuildTinyImage({}));
  const auto end = monitor.End();
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->reason, EndReason::kHalted) << end->detail;
}

TEST_F(KvmMonitorJob, DeviceThatIsNotConfiguredIsNamed) {
  MonitorProcess monitor(MonitorProcess::Kvm::kBefore, {});
  monitor.Send(MonitorProcess::Job(), BuildTinyImage({.devices = {{.name = "service"}}}));
  const auto end = monitor.End();
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->reason, EndReason::kImageRejected);
  EXPECT_THAT(end->detail, HasSubstr("service"));
}

TEST_F(KvmMonitorJob, GarbageIsNoJob) {
  MonitorProcess monitor(MonitorProcess::Kvm::kBefore, {});
  monitor.SendBytes({1, 2, 3});
  const auto end = monitor.End();
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->reason, EndReason::kJobInvalid);
}

}  // namespace
}  // namespace summon::hypervisor
