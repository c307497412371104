// SPDX-License-Identifier: Apache-2.0
// What a guest's core file says, byte by byte, and what of it takes no space.
#include "hypervisor/monitor/core_dump.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/unique_fd.h"
#include "tests/hypervisor/core_reader.h"

namespace summon::hypervisor {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kMemory = 64 * kPage;

// Every register has a value of its own.
CoreSubject Subject() {
  CoreSubject subject{.memory_bytes = kMemory};
  for (std::size_t i = 0; i < 16; ++i) subject.registers.general.values[i] = 0x1000 + i;
  subject.registers.general.rip = 0x2000;
  subject.registers.general.rflags = 0x2001;
  subject.registers.segments = {.cs = 1, .ss = 2, .ds = 3, .es = 4, .fs = 5, .gs = 6,
                                .fs_base = 0x3000, .gs_base = 0x3001};
  return subject;
}

TEST(CoreHeaders, NameMemoryAtAddressZeroBehindThem) {
  const auto headers = CoreHeaders(Subject());
  const auto core = ParseCore(headers);
  ASSERT_TRUE(core.has_value());
  EXPECT_EQ(core->memory.p_vaddr, 0u);
  EXPECT_EQ(core->memory.p_offset, kCoreMemoryOffset);
  EXPECT_EQ(core->memory.p_filesz, kMemory);
  EXPECT_EQ(core->memory.p_memsz, kMemory);
  EXPECT_EQ(core->memory.p_flags, unsigned{PF_R | PF_W | PF_X});
}

TEST(CoreHeaders, RegistersStandWhereDebuggersLook) {
  const auto headers = CoreHeaders(Subject());
  const auto core = ParseCore(headers);
  ASSERT_TRUE(core.has_value());
  const user_regs_struct& user = core->registers;
  EXPECT_EQ(user.rax, 0x1000u);
  EXPECT_EQ(user.rcx, 0x1001u);
  EXPECT_EQ(user.rdx, 0x1002u);
  EXPECT_EQ(user.rbx, 0x1003u);
  EXPECT_EQ(user.rsp, 0x1004u);
  EXPECT_EQ(user.rbp, 0x1005u);
  EXPECT_EQ(user.rsi, 0x1006u);
  EXPECT_EQ(user.rdi, 0x1007u);
  EXPECT_EQ(user.r8, 0x1008u);
  EXPECT_EQ(user.r9, 0x1009u);
  EXPECT_EQ(user.r10, 0x100au);
  EXPECT_EQ(user.r11, 0x100bu);
  EXPECT_EQ(user.r12, 0x100cu);
  EXPECT_EQ(user.r13, 0x100du);
  EXPECT_EQ(user.r14, 0x100eu);
  EXPECT_EQ(user.r15, 0x100fu);
  EXPECT_EQ(user.rip, 0x2000u);
  EXPECT_EQ(user.eflags, 0x2001u);
  EXPECT_EQ(user.cs, 1u);
  EXPECT_EQ(user.ss, 2u);
  EXPECT_EQ(user.ds, 3u);
  EXPECT_EQ(user.es, 4u);
  EXPECT_EQ(user.fs, 5u);
  EXPECT_EQ(user.gs, 6u);
  EXPECT_EQ(user.fs_base, 0x3000u);
  EXPECT_EQ(user.gs_base, 0x3001u);
}

TEST(CoreHeaders, SignalSaysHowItEnded) {
  CoreSubject subject = Subject();
  subject.signal = CoreSignal::kSegmentationFault;
  const auto headers = CoreHeaders(subject);
  const auto core = ParseCore(headers);
  ASSERT_TRUE(core.has_value());
  EXPECT_EQ(core->status.pr_cursig, SIGSEGV);
  EXPECT_EQ(core->status.pr_info.si_signo, SIGSEGV);
  EXPECT_EQ(static_cast<int>(CoreSignal::kAbort), SIGABRT);
}

TEST(CoreTrap, PlaceOfTheTrapReplacesThatOfItsHandler) {
  CoreRegisters registers = Subject().registers;
  ApplyTrap({.fault_address = 8, .error_code = 9, .rip = 0x50, .cs = 0x51, .rflags = 0x52,
             .rsp = 0x53, .ss = 0x54},
            registers);
  EXPECT_EQ(registers.general.rip, 0x50u);
  EXPECT_EQ(registers.segments.cs, 0x51u);
  EXPECT_EQ(registers.general.rflags, 0x52u);
  EXPECT_EQ(registers.general.values[kRsp], 0x53u);
  EXPECT_EQ(registers.segments.ss, 0x54u);
  EXPECT_EQ(registers.general.values[kRax], 0x1000u);
}

TEST(CoreDump, OnlyAbortsAndFaultsLeaveOne) {
  EXPECT_TRUE(LeavesCore({EndReason::kGuestFault, 0, {}}));
  EXPECT_TRUE(LeavesCore({EndReason::kHalted, 255, {}}));
  EXPECT_FALSE(LeavesCore({EndReason::kHalted, 0, {}}));
  EXPECT_FALSE(LeavesCore({EndReason::kHalted, 1, {}}));
  EXPECT_FALSE(LeavesCore({EndReason::kHostFault, 0, {}}));
}

class CoreOf : public testing::Test {
 protected:
  CoreOf() : memory_(kMemory), file_(memfd_create("core", MFD_CLOEXEC)) {}

  std::vector<std::uint8_t> Content() const {
    std::vector<std::uint8_t> content(kCoreMemoryOffset + kMemory);
    EXPECT_EQ(pread(file_.get(), content.data(), content.size(), 0),
              static_cast<ssize_t>(content.size()));
    return content;
  }

  std::vector<std::uint8_t> memory_;
  UniqueFd file_;
};

TEST_F(CoreOf, MemoryWithHolesReadsAsItWas) {
  memory_[3 * kPage + 17] = 1;   // a page alone, in its middle
  memory_[9 * kPage] = 2;        // two together
  memory_[11 * kPage - 1] = 3;   // the last byte of the second
  ASSERT_EQ(WriteCore(file_.get(), Subject(), memory_), 0);
  const std::vector<std::uint8_t> content = Content();
  EXPECT_TRUE(std::equal(memory_.begin(), memory_.end(), content.begin() + kCoreMemoryOffset));
  EXPECT_TRUE(ParseCore(content).has_value());
  struct stat status {};
  ASSERT_EQ(fstat(file_.get(), &status), 0);
  EXPECT_EQ(status.st_size, static_cast<off_t>(kCoreMemoryOffset + kMemory));
}

TEST_F(CoreOf, PagesOfZeroesTakeNoSpace) {
  memory_[3 * kPage + 17] = 1;
  ASSERT_EQ(WriteCore(file_.get(), Subject(), memory_), 0);
  const off_t at = kCoreMemoryOffset;
  EXPECT_EQ(lseek(file_.get(), at, SEEK_DATA), at + static_cast<off_t>(3 * kPage));
  EXPECT_EQ(lseek(file_.get(), at + static_cast<off_t>(3 * kPage), SEEK_HOLE),
            at + static_cast<off_t>(4 * kPage));
  // Nothing more until the last page, which gives the file its size.
  EXPECT_EQ(lseek(file_.get(), at + static_cast<off_t>(4 * kPage), SEEK_DATA),
            at + static_cast<off_t>(kMemory - kPage));
}

TEST_F(CoreOf, FullDiskIsTold) {
  const UniqueFd full(open("/dev/full", O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(full.valid());
  EXPECT_EQ(WriteCore(full.get(), Subject(), memory_), ENOSPC);
}

}  // namespace
}  // namespace summon::hypervisor
