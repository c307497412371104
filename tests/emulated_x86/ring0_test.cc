// SPDX-License-Identifier: Apache-2.0
// What holds on a KVM that is known to work by the architecture: the probe chooses ring 0, guests
// run there, and they have their floating-point unit. For inside the emulated host only: elsewhere
// nobody knows beforehand which mode is right.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <optional>

#include "base/unique_fd.h"
#include "hypervisor/monitor/prepare.h"
#include "tests/hypervisor/monitor_harness.h"

namespace summon::hypervisor {
namespace {

constexpr std::uint32_t kStructure = kTinyData + 0x40;  // of HALT; its status is at 0x101048
constexpr std::uint32_t kNumbers = kTinyData + 0x400;   // 0x101400

// Runs a guest of `code`, which stores its exit status at 0x101048. Nothing when it did not halt.
std::optional<int> StatusOf(const char* mode, const Assembler& code) {
  MonitorProcess monitor(MonitorProcess::Kvm::kBefore, {mode});
  const Assembler halting = Assembler(code).Call(Hypercall::kHalt, kStructure);
  monitor.Send(MonitorProcess::Job(), BuildTinyImage({.code = halting.code()}));
  const auto end = monitor.End();
  if (!end || end->reason != EndReason::kHalted) return std::nullopt;
  return end->exit_status;
}

// The privilege level is in the lowest bits of CS.
Assembler TellPrivilege() {
  Assembler code;
  code.Store64(kStructure, 0).Store64(kStructure + 8, 0);
  code.Raw({0x8c, 0xc8, 0x83, 0xe0, 0x03});              // mov eax, cs; and eax, 3
  code.Raw({0x89, 0x04, 0x25, 0x48, 0x10, 0x10, 0x00});  // mov [0x101048], eax
  return code;
}

TEST(Probe, ChoosesRing0WhereKvmIsTrue) {
  const UniqueFd kvm(open("/dev/kvm", O_RDWR | O_CLOEXEC));
  ASSERT_TRUE(kvm.valid());
  const auto machine = Prepare(kvm.get(), ModeChoice::kAuto);
  ASSERT_TRUE(machine.ok()) << machine.error().message();
  EXPECT_EQ(machine->ring, CpuRing::kRing0) << machine->cycles_per_instruction;
}

TEST(Probe, GuestOfAutoModeRunsInRing0) {
  EXPECT_EQ(StatusOf("--guest-mode=auto", TellPrivilege()), 0);
}

// Without this the one above could pass whatever CS held.
TEST(Probe, GuestOfForcedRing3RunsInRing3) {
  EXPECT_EQ(StatusOf("--guest-mode=ring3", TellPrivilege()), 3);
}

TEST(Ring0, SseArithmeticIsRight) {
  Assembler code;
  code.Store64(kStructure, 0).Store64(kStructure + 8, 0);
  code.Raw({0xb8, 0x06, 0, 0, 0, 0xf2, 0x0f, 0x2a, 0xc0});  // mov eax, 6; cvtsi2sd xmm0, eax
  code.Raw({0xb8, 0x07, 0, 0, 0, 0xf2, 0x0f, 0x2a, 0xc8});  // mov eax, 7; cvtsi2sd xmm1, eax
  code.Raw({0xf2, 0x0f, 0x59, 0xc1});                       // mulsd xmm0, xmm1
  code.Raw({0xf2, 0x0f, 0x2c, 0xc0});                       // cvttsd2si eax, xmm0
  code.Raw({0x89, 0x04, 0x25, 0x48, 0x10, 0x10, 0x00});     // mov [0x101048], eax
  EXPECT_EQ(StatusOf("--guest-mode=ring0", code), 42);
}

TEST(Ring0, X87ArithmeticIsRight) {
  Assembler code;
  code.Store64(kStructure, 0).Store64(kStructure + 8, 0);
  code.Store32(kNumbers, 6).Store32(kNumbers + 4, 7);
  code.Raw({0xdb, 0x04, 0x25, 0x00, 0x14, 0x10, 0x00});  // fild dword [0x101400]
  code.Raw({0xda, 0x0c, 0x25, 0x04, 0x14, 0x10, 0x00});  // fimul dword [0x101404]
  code.Raw({0xdb, 0x1c, 0x25, 0x48, 0x10, 0x10, 0x00});  // fistp dword [0x101048]
  EXPECT_EQ(StatusOf("--guest-mode=ring0", code), 42);
}

}  // namespace
}  // namespace summon::hypervisor
