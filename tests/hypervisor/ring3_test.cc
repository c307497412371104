// SPDX-License-Identifier: Apache-2.0
// Ring-3 mode on a made-up CPU: what becomes of the instructions that trap, and of those behind.
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "hypervisor/arch/x86_64/ring3_shim.h"

namespace summon::hypervisor {
namespace {

class FakeCpu final : public CpuAccess {
 public:
  GeneralRegisters Registers() override { return registers; }
  void SetRegisters(const GeneralRegisters& changed) override { registers = changed; }
  std::uint64_t FaultAddress() override { return 0xbad000; }
  bool WriteMsr(std::uint32_t, std::uint64_t value) override {
    fs_base = value;
    return true;
  }
  GeneralRegisters registers{};
  std::uint64_t fs_base = 0;
};

constexpr std::uint64_t kCode = 0x100000;
constexpr std::uint64_t kStack = 0x104000;
constexpr std::uint64_t kGeneralProtectionVector = 13;

class Ring3 : public testing::Test {
 protected:
  Ring3() : bytes_(0x200000), memory_(bytes_), mode_(memory_, cpu_) { InstallRing3Shim(memory_); }

  // What a general protection fault at `code` makes of the guest.
  TrapFrame TrapAt(std::initializer_list<std::uint8_t> code, std::uint64_t at = kCode) {
    std::copy(code.begin(), code.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(at));
    const TrapFrame frame{kGeneralProtectionVector, 0, at, kUserCode, 2, kStack, kUserData};
    std::memcpy(bytes_.data() + kTrapFrameAddress, &frame, sizeof frame);
    cpu_.registers.values[kRsp] = kTrapFrameAddress;
    VcpuExit exit;
    exit.kind = ExitKind::kPortWrite;
    exit.port = kShimPort;
    step_ = mode_.Interpret(exit);
    TrapFrame after;
    std::memcpy(&after, bytes_.data() + kTrapFrameAddress, sizeof after);
    return after;
  }

  std::vector<std::uint8_t> bytes_;
  GuestMemory memory_;
  FakeCpu cpu_;
  Ring3Mode mode_;
  Step step_;
};

TEST_F(Ring3, SegmentLoadsInARowTakeOneTrap) {
  // mov ss, eax; mov ds, eax; mov es, eax; nop
  const TrapFrame after = TrapAt({0x8e, 0xd0, 0x8e, 0xd8, 0x8e, 0xc0, 0x90});
  EXPECT_EQ(after.rip, kCode + 6);
}

TEST_F(Ring3, PlainInstructionsBetweenAreDoneAsTheCpuWould) {
  cpu_.registers.values[kRcx] = 0x1122334455667788;
  // mov ss, eax; mov rax, -2; mov edx, -2; mov rbx, rcx; mov esi, ecx; lea rdi, [rip + 0x10]; nop
  const TrapFrame after =
      TrapAt({0x8e, 0xd0, 0x48, 0xc7, 0xc0, 0xfe, 0xff, 0xff, 0xff, 0xba, 0xfe, 0xff, 0xff, 0xff,
              0x48, 0x89, 0xcb, 0x8b, 0xf1, 0x48, 0x8d, 0x3d, 0x10, 0x00, 0x00, 0x00, 0x90});
  EXPECT_EQ(after.rip, kCode + 26);
  EXPECT_EQ(cpu_.registers.values[kRax], ~0ull - 1);
  EXPECT_EQ(cpu_.registers.values[kRdx], 0xfffffffe);
  EXPECT_EQ(cpu_.registers.values[kRbx], 0x1122334455667788);
  EXPECT_EQ(cpu_.registers.values[kRsi], 0x55667788u);
  EXPECT_EQ(cpu_.registers.values[kRdi], kCode + 26 + 0x10);
  EXPECT_EQ(cpu_.registers.values[kRsp], kTrapFrameAddress) << "the shim's own stack pointer";
}

TEST_F(Ring3, PushesAndTheFarReturnBehindThemAreFollowed) {
  // mov ss, eax; push 8; push 0x100020; lretq
  const TrapFrame after =
      TrapAt({0x8e, 0xd0, 0x6a, 0x08, 0x68, 0x20, 0x00, 0x10, 0x00, 0x48, 0xcb});
  EXPECT_EQ(after.rip, 0x100020u);
  EXPECT_EQ(after.rsp, kStack);
}

TEST_F(Ring3, PushToWhereTheGuestMayNotWriteIsLeftToTheGuest) {
  ASSERT_TRUE(memory_.AddReadOnly({kStack - 0x1000, kStack}).ok());
  const TrapFrame after = TrapAt({0x8e, 0xd0, 0x6a, 0x08});
  EXPECT_EQ(after.rip, kCode + 2);
  EXPECT_EQ(after.rsp, kStack);
}

TEST_F(Ring3, NothingIsFollowedOntoAnotherPage) {
  const TrapFrame after = TrapAt({0x8e, 0xd0, 0x8e, 0xd8}, kCode + 0xffe);
  EXPECT_EQ(after.rip, kCode + 0x1000);
}

TEST_F(Ring3, HypercallBehindAnEmulatedInstructionTrapsByItself) {
  // mov ss, eax; out dx, eax
  const TrapFrame after = TrapAt({0x8e, 0xd0, 0xef});
  EXPECT_EQ(after.rip, kCode + 2);
  EXPECT_TRUE(std::holds_alternative<Resume>(step_));
}

// Whether the task state lets ring 3 write `size` bytes to `port`, by the CPU's own rule (AMD64 APM
// volume 2, section 12.2.4).
bool IsOpen(const std::vector<std::uint8_t>& memory, unsigned port, unsigned size) {
  std::uint16_t offset = 0;
  std::memcpy(&offset, memory.data() + kShimTssAddress + 0x66, sizeof offset);
  for (unsigned bit = port; bit < port + size; ++bit) {
    const unsigned at = offset + bit / 8;
    if (at > kShimTssLimit) return false;
    if ((memory[kShimTssAddress + at] >> bit % 8 & 1) != 0) return false;
  }
  return true;
}

TEST_F(Ring3, HypercallPortsAreOpenToTheGuest) {
  EXPECT_TRUE(IsOpen(bytes_, kHypercallFirst, 4));
  EXPECT_TRUE(IsOpen(bytes_, kHypercallLast, 4));
}

TEST_F(Ring3, OtherPortsAreNotOpenToTheGuest) {
  EXPECT_FALSE(IsOpen(bytes_, kShimPort, 1)) << "a forged trap";
  EXPECT_FALSE(IsOpen(bytes_, kHypercallFirst - 1u, 1));
  EXPECT_FALSE(IsOpen(bytes_, kHypercallLast + 4u, 1));
  EXPECT_FALSE(IsOpen(bytes_, 0xffff, 1));
}

TEST_F(Ring3, HypercallIsServedWithoutATrap) {
  cpu_.registers.rip = kCode;
  VcpuExit exit;
  exit.kind = ExitKind::kPortWrite;
  exit.port = kHypercallFirst;
  exit.size = 4;
  exit.count = 1;
  exit.value = 0x1234;
  const Step step = mode_.Interpret(exit);
  ASSERT_TRUE(std::holds_alternative<HypercallRequest>(step));
  EXPECT_EQ(std::get<HypercallRequest>(step).argument, 0x1234u);
  EXPECT_EQ(mode_.GuestRegisters().rip, kCode) << "not what an old trap frame says";
  EXPECT_EQ(mode_.state().in_trap, 0u) << "a snapshot of it goes on from the registers";
}

TEST_F(Ring3, WriteOfOneByteToAHypercallPortIsTheGuestsFault) {
  VcpuExit exit;
  exit.kind = ExitKind::kPortWrite;
  exit.port = kHypercallFirst;
  exit.size = 1;
  exit.count = 1;
  EXPECT_TRUE(std::holds_alternative<End>(mode_.Interpret(exit)));
}

TEST_F(Ring3, InstructionsAreFollowedUpToABound) {
  // A far return to itself, for ever: push 8; push kCode + 2; lretq behind the first.
  const TrapFrame after =
      TrapAt({0x8e, 0xd0, 0x6a, 0x08, 0x68, 0x02, 0x00, 0x10, 0x00, 0x48, 0xcb});
  EXPECT_TRUE(std::holds_alternative<Resume>(step_));
  EXPECT_GE(after.rip, kCode);
}

}  // namespace
}  // namespace summon::hypervisor
