// SPDX-License-Identifier: Apache-2.0
// Layouts, snapshots and orders of summon-monitor on real KVM, in both guest modes.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "tests/hypervisor/monitor_harness.h"

namespace summon::hypervisor {
namespace {

using testing::HasSubstr;

constexpr std::uint32_t kArgument = kTinyData + 0x40;
constexpr std::uint32_t kSpare = kTinyData + 0x80;
constexpr int kAsIntended = 42;

// je over a ud2: what is not equal ends the guest with a fault.
constexpr std::initializer_list<std::uint8_t> kFaultUnlessEqual = {0x74, 0x02, 0x0f, 0x0b};
constexpr std::initializer_list<std::uint8_t> kFaultIfBelow = {0x73, 0x02, 0x0f, 0x0b};
constexpr std::initializer_list<std::uint8_t> kReadTscToRax = {
    0x0f, 0x31, 0x48, 0xc1, 0xe2, 0x20, 0x48, 0x09, 0xd0};  // rdtsc; shl rdx, 32; or rax, rdx

// Sets FS base, an SSE register, general registers and a time stamp, waits in POLL for
// `timeout_nanos`, and then looks whether all is as before, and time has not gone back.
Assembler CarefulGuest(std::uint64_t timeout_nanos) {
  static_assert(kTinyData == 0x101000);  // stands in the code below
  Assembler code;
  code.Raw({0xb9, 0x00, 0x01, 0x00, 0xc0});              // mov ecx, FS_BASE
  code.Raw({0xb8, 0x00, 0x10, 0x10, 0x00, 0x31, 0xd2});  // mov eax, kTinyData; xor edx, edx
  code.Raw({0x0f, 0x30});                                // wrmsr
  code.Raw({0x0f, 0x10, 0x0c, 0x25, 0x00, 0x10, 0x10, 0x00});  // movups xmm1, [kTinyData]
  code.Raw({0x48, 0xbb, 1, 2, 3, 4, 5, 6, 7, 8});              // mov rbx, 0x0807060504030201
  code.Raw(kReadTscToRax).Raw({0x49, 0x89, 0xc4});             // mov r12, rax
  code.Store64(kArgument, timeout_nanos).Call(Hypercall::kPoll, kArgument);
  code.Raw(kReadTscToRax).Raw({0x4c, 0x39, 0xe0}).Raw(kFaultIfBelow);  // cmp rax, r12
  code.Raw({0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0});                // mov rax, fs:[0]
  code.Raw({0x48, 0x3b, 0x04, 0x25, 0x00, 0x10, 0x10, 0x00});          // cmp rax, [kTinyData]
  code.Raw(kFaultUnlessEqual);
  code.Raw({0x0f, 0x11, 0x0c, 0x25, 0x80, 0x10, 0x10, 0x00});  // movups [kSpare], xmm1
  code.Raw({0x48, 0x8b, 0x04, 0x25, 0x80, 0x10, 0x10, 0x00});  // mov rax, [kSpare]
  code.Raw({0x48, 0x3b, 0x04, 0x25, 0x00, 0x10, 0x10, 0x00});  // cmp rax, [kTinyData]
  code.Raw(kFaultUnlessEqual);
  code.Raw({0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8});             // mov rax, 0x0807060504030201
  code.Raw({0x48, 0x39, 0xd8}).Raw(kFaultUnlessEqual);        // cmp rax, rbx
  static_assert(kSpare == 0x101080);
  return code.Halt(kAsIntended);
}

UniqueFd MemoryFile() {
  return UniqueFd(memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
}

void Seal(int file) {
  EXPECT_EQ(fcntl(file, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW), 0);
}

constexpr std::uint64_t kForEver = ~0ull;

class Snapshots : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (const auto reason = WhyNoKvm()) GTEST_SKIP() << *reason;
    int pair[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    wire_ = UniqueFd(pair[0]);
    tap_ = UniqueFd(pair[1]);
    job_ = MonitorProcess::Job();
    MonitorProcess::AddNet(job_, "net0");
  }

  static std::unique_ptr<MonitorProcess> NewMonitor() {
    auto monitor = std::make_unique<MonitorProcess>(
        MonitorProcess::Kvm::kBefore,
        std::vector<std::string>{std::string("--guest-mode=") + GetParam()});
    EXPECT_TRUE(monitor->AwaitPrepared());
    return monitor;
  }

  void LayOut(const Assembler& code) {
    const auto image = BuildTinyImage({.code = code.code(), .devices = {{.name = "net0"}}});
    const UniqueFd file = MemoryFile();
    ASSERT_EQ(write(file.get(), image.data(), image.size()), static_cast<ssize_t>(image.size()));
    layout_ = MemoryFile();
    MonitorProcess monitor(MonitorProcess::Kvm::kNone, {});
    JobFrame job = job_;
    job.flags = kJobLayOut;
    monitor.SendWith(job, file.get(), {layout_.get(), tap_.get()});
    const auto end = monitor.End();
    ASSERT_TRUE(end.has_value());
    ASSERT_EQ(end->reason, EndReason::kHalted) << end->detail;
    Seal(layout_.get());
  }

  // A monitor that boots the layout and may be asked for a snapshot.
  std::unique_ptr<MonitorProcess> Boot() {
    auto monitor = NewMonitor();
    JobFrame job = job_;
    job.flags = kJobLaidOut | kJobSnapshots;
    snapshot_ = MemoryFile();
    monitor->SendWith(job, layout_.get(), {snapshot_.get(), tap_.get()});
    return monitor;
  }

  // Puts the guest of `monitor` into snapshot_.
  void PutAway(MonitorProcess& monitor) {
    monitor.Order(OrderKind::kTakeSnapshot);
    const auto end = monitor.End();
    ASSERT_TRUE(end.has_value());
    ASSERT_EQ(end->reason, EndReason::kSnapshotTaken) << end->detail;
    EXPECT_GT(end->number, 0u);
    EXPECT_TRUE(monitor.Wait().has_value());
    Seal(snapshot_.get());
  }

  // A monitor that goes on from snapshot_, which then is the next one's file.
  std::unique_ptr<MonitorProcess> GoOn(std::uint32_t more_flags = 0) {
    auto monitor = NewMonitor();
    JobFrame job = job_;
    job.flags = kJobLaidOut | kJobRestore | kJobSnapshots | more_flags;
    UniqueFd next = MemoryFile();
    monitor->SendWith(job, layout_.get(), {snapshot_.get(), next.get(), tap_.get()});
    snapshot_ = std::move(next);
    return monitor;
  }

  void SendFrame() { ASSERT_EQ(write(wire_.get(), "frame", 5), 5); }

  static void AwaitStage(MonitorProcess& monitor, Stage stage) {
    for (;;) {
      const auto report = monitor.NextReport();
      ASSERT_TRUE(report.has_value());
      ASSERT_NE(report->kind, ReportKind::kEnd) << report->detail;
      if (report->kind == ReportKind::kStage && report->stage == stage) return;
    }
  }

  static void ExpectHaltAsIntended(MonitorProcess& monitor) {
    const auto end = monitor.End();
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ(end->reason, EndReason::kHalted) << end->detail;
    EXPECT_EQ(end->exit_status, kAsIntended);
  }

  JobFrame job_;
  UniqueFd wire_;  // the other end of the tap
  UniqueFd tap_;
  UniqueFd layout_;
  UniqueFd snapshot_;
};

TEST_P(Snapshots, LayoutBootsLikeItsImage) {
  ASSERT_NO_FATAL_FAILURE(LayOut(CarefulGuest(0)));
  const auto monitor = Boot();
  ExpectHaltAsIntended(*monitor);
}

TEST_P(Snapshots, GuestWithMuchMemoryBootsAndGoesOn) {
  job_.memory_bytes = 128u << 20;  // beyond what is made known to KVM ahead, and with huge pages
  ASSERT_NO_FATAL_FAILURE(LayOut(CarefulGuest(kForEver)));
  const auto first = Boot();
  AwaitStage(*first, Stage::kReady);
  ASSERT_NO_FATAL_FAILURE(PutAway(*first));
  SendFrame();
  const auto second = GoOn();
  ExpectHaltAsIntended(*second);
}

TEST_P(Snapshots, GuestGoesOnWhereItWasWhenAFrameComes) {
  ASSERT_NO_FATAL_FAILURE(LayOut(CarefulGuest(kForEver)));
  const auto first = Boot();
  AwaitStage(*first, Stage::kReady);
  ASSERT_NO_FATAL_FAILURE(PutAway(*first));
  SendFrame();
  const auto second = GoOn();
  AwaitStage(*second, Stage::kReady);
  ExpectHaltAsIntended(*second);
}

TEST_P(Snapshots, HeldGuestRunsAtGoAndNotBefore) {
  ASSERT_NO_FATAL_FAILURE(LayOut(CarefulGuest(kForEver)));
  const auto first = Boot();
  AwaitStage(*first, Stage::kReady);
  ASSERT_NO_FATAL_FAILURE(PutAway(*first));
  SendFrame();
  const auto second = GoOn(kJobHold);
  AwaitStage(*second, Stage::kLoaded);
  const auto held = second->NextReport();
  ASSERT_TRUE(held.has_value());
  EXPECT_EQ(held->kind, ReportKind::kHeld);
  second->Order(OrderKind::kPing, 5);  // answered while it holds
  const auto pong = second->NextReport();
  ASSERT_TRUE(pong.has_value());
  EXPECT_EQ(pong->kind, ReportKind::kPong);
  EXPECT_EQ(pong->number, 5u);
  second->Order(OrderKind::kGo);
  AwaitStage(*second, Stage::kReady);
  ExpectHaltAsIntended(*second);
}

TEST_P(Snapshots, DeadlineThatPassedMeanwhileEndsThePoll) {
  ASSERT_NO_FATAL_FAILURE(LayOut(CarefulGuest(100'000'000)));
  const auto first = Boot();
  AwaitStage(*first, Stage::kReady);
  ASSERT_NO_FATAL_FAILURE(PutAway(*first));
  usleep(110'000);  // real time is what this is about
  const auto second = GoOn();
  ExpectHaltAsIntended(*second);
}

TEST_P(Snapshots, SnapshotOfASnapshotGoesOn) {
  ASSERT_NO_FATAL_FAILURE(LayOut(CarefulGuest(kForEver)));
  const auto first = Boot();
  AwaitStage(*first, Stage::kReady);
  ASSERT_NO_FATAL_FAILURE(PutAway(*first));
  const auto second = GoOn(kJobHold);
  second->Order(OrderKind::kGo);
  AwaitStage(*second, Stage::kReady);
  ASSERT_NO_FATAL_FAILURE(PutAway(*second));
  SendFrame();
  const auto third = GoOn();
  ExpectHaltAsIntended(*third);
}

TEST_P(Snapshots, GuestWithAFrameToReadIsNotPutAwayBeforeItHasReadIt) {
  // Reads one frame, and then waits for ever.
  Assembler code;
  code.Store64(kArgument, kForEver).Call(Hypercall::kPoll, kArgument);
  code.Store64(kArgument, 1).Store64(kArgument + 8, kSpare).Store64(kArgument + 16, 64);
  code.Call(Hypercall::kNetRead, kArgument);
  code.Store64(kArgument, kForEver).Call(Hypercall::kPoll, kArgument).Halt(kAsIntended);
  ASSERT_NO_FATAL_FAILURE(LayOut(code));
  SendFrame();
  const auto first = Boot();
  ASSERT_NO_FATAL_FAILURE(PutAway(*first));
  char none;
  EXPECT_LT(read(tap_.get(), &none, 1), 0) << "the frame was left in the queue";
  SendFrame();
  const auto second = GoOn();
  ExpectHaltAsIntended(*second);
}

TEST_P(Snapshots, FileThatIsNoneIsRejectedWithAReason) {
  ASSERT_NO_FATAL_FAILURE(LayOut(CarefulGuest(kForEver)));
  snapshot_ = MemoryFile();
  const std::string nonsense(64 * 1024, 'x');
  ASSERT_EQ(write(snapshot_.get(), nonsense.data(), nonsense.size()),
            static_cast<ssize_t>(nonsense.size()));
  const auto monitor = GoOn();
  const auto end = monitor->End();
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->reason, EndReason::kSnapshotRejected);
  EXPECT_THAT(end->detail, HasSubstr("snapshot: the file is none"));
}

TEST_P(Snapshots, FileThatWasCutShortIsRejectedWithAReason) {
  ASSERT_NO_FATAL_FAILURE(LayOut(CarefulGuest(kForEver)));
  const auto first = Boot();
  AwaitStage(*first, Stage::kReady);
  first->Order(OrderKind::kTakeSnapshot);
  ASSERT_EQ(first->End().value_or(ReportFrame{}).reason, EndReason::kSnapshotTaken);
  ASSERT_EQ(ftruncate(snapshot_.get(), 64 * 1024), 0);
  const auto second = GoOn();
  const auto end = second->End();
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->reason, EndReason::kSnapshotRejected);
  EXPECT_THAT(end->detail, HasSubstr("its pages need"));
}

TEST_P(Snapshots, PingIsAnsweredWhileTheGuestSpinsAndWhileItWaits) {
  ASSERT_NO_FATAL_FAILURE(LayOut(Assembler().Raw({0xeb, 0xfe})));  // jmp to itself
  const auto spinning = Boot();
  AwaitStage(*spinning, Stage::kRunning);
  spinning->Order(OrderKind::kPing, 77);
  const auto pong = spinning->NextReport();
  ASSERT_TRUE(pong.has_value());
  EXPECT_EQ(pong->kind, ReportKind::kPong);
  EXPECT_EQ(pong->number, 77u);
}

TEST_P(Snapshots, NonsenseForAnOrderEndsTheMonitor) {
  ASSERT_NO_FATAL_FAILURE(LayOut(CarefulGuest(kForEver)));
  const auto monitor = Boot();
  AwaitStage(*monitor, Stage::kReady);
  monitor->SendBytes({1, 2, 3});
  const auto status = monitor->Wait();
  ASSERT_TRUE(status.has_value());
  EXPECT_TRUE(WIFEXITED(*status)) << *status;
}

TEST_P(Snapshots, LayoutOfAnotherJobIsRefused) {
  ASSERT_NO_FATAL_FAILURE(LayOut(CarefulGuest(0)));
  job_.memory_bytes = 8u << 20;
  const auto monitor = Boot();
  const auto end = monitor->End();
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->reason, EndReason::kImageRejected);
  EXPECT_THAT(end->detail, HasSubstr("layout: made for 4194304 bytes"));
}

INSTANTIATE_TEST_SUITE_P(Modes, Snapshots, testing::Values("ring0", "ring3"),
                         [](const auto& tested) { return std::string(tested.param); });

}  // namespace
}  // namespace summon::hypervisor
