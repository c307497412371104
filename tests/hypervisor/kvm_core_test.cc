// SPDX-License-Identifier: Apache-2.0
// Cores that the real monitor writes, behind its sandbox, of guests of a few instructions. The
// parameter is the guest mode: a core must not show it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/hypervisor/core_reader.h"
#include "tests/hypervisor/monitor_harness.h"

namespace summon::hypervisor {
namespace {

using testing::HasSubstr;

constexpr std::uint32_t kMark = kTinyData + 0x400;

class KvmCore : public testing::TestWithParam<const char*> {
 protected:
  KvmCore() : file_(memfd_create("core", MFD_CLOEXEC)) {}
  void SetUp() override {
    if (const auto reason = WhyNoKvm()) GTEST_SKIP() << *reason;
  }

  // The end of a guest made of `code`, whose core goes into `core`.
  ReportFrame EndOf(const Assembler& code, int core) {
    MonitorProcess monitor(MonitorProcess::Kvm::kBefore,
                           {std::string("--guest-mode=") + GetParam()});
    JobFrame job = MonitorProcess::Job();
    job.flags |= kJobCoreFile;
    monitor.Send(job, BuildTinyImage({.code = code.code()}), {core});
    const ReportFrame end = monitor.End().value_or(ReportFrame{});
    (void)monitor.Wait();
    return end;
  }
  std::vector<std::uint8_t> Content() const {
    const off_t size = lseek(file_.get(), 0, SEEK_END);
    std::vector<std::uint8_t> content(static_cast<std::size_t>(size));
    EXPECT_EQ(pread(file_.get(), content.data(), content.size(), 0), size);
    return content;
  }
  template <typename T>
  static T InMemory(const std::vector<std::uint8_t>& content, const ReadCore& core,
                    std::uint64_t address) {
    return StructureAt<T>(content, core.memory.p_offset + address).value_or(T{});
  }

  UniqueFd file_;
};

// mov ebx, 0x12345678
Assembler& MarkRegister(Assembler& code) { return code.Raw({0xbb, 0x78, 0x56, 0x34, 0x12}); }

TEST_P(KvmCore, AbortLeavesRegistersAndMemory) {
  Assembler code;
  code.Store64(kMark, 0x1122334455667788);
  const ReportFrame end = EndOf(MarkRegister(code).Halt(255), file_.get());
  EXPECT_EQ(end.reason, EndReason::kHalted) << end.detail;
  const std::vector<std::uint8_t> content = Content();
  const auto core = ParseCore(content);
  ASSERT_TRUE(core.has_value());
  EXPECT_EQ(core->status.pr_cursig, SIGABRT);
  EXPECT_EQ(core->registers.rbx, 0x12345678u);
  EXPECT_EQ(core->registers.rsp, (4u << 20) - 8);  // as the guest was started
  EXPECT_GE(core->registers.rip, kTinyText);
  EXPECT_LT(core->registers.rip, kTinyText + kTinyTextSize);
  EXPECT_EQ(core->registers.cs, 8u);
  EXPECT_EQ(core->registers.ss, 0x10u);
  EXPECT_EQ(core->memory.p_memsz, 4u << 20);
  EXPECT_EQ(InMemory<std::uint64_t>(content, *core, kMark), 0x1122334455667788u);
}

TEST_P(KvmCore, CookieOfATrapSaysWhere) {
  constexpr std::uint32_t kCookie = kTinyData + 0x800;
  constexpr std::uint32_t kStructure = kTinyData + 0x40;
  Assembler code;
  code.Store64(kCookie + 16, 0x123456).Store64(kCookie + 24, 8).Store64(kCookie + 32, 0x246);
  code.Store64(kCookie + 40, 0x234560).Store64(kCookie + 48, 0x10);
  code.Store64(kStructure, kCookie).Store32(kStructure + 8, 255);
  (void)EndOf(code.Call(Hypercall::kHalt, kStructure), file_.get());
  const auto core = ParseCore(Content());
  ASSERT_TRUE(core.has_value());
  EXPECT_EQ(core->status.pr_cursig, SIGSEGV);
  EXPECT_EQ(core->registers.rip, 0x123456u);
  EXPECT_EQ(core->registers.rsp, 0x234560u);
  EXPECT_EQ(core->registers.eflags, 0x246u);
}

TEST_P(KvmCore, FaultLeavesOneToo) {
  Assembler code;
  const ReportFrame end =
      EndOf(MarkRegister(code).Store32(kTinyText + 0x800, 1).Halt(0), file_.get());
  EXPECT_EQ(end.reason, EndReason::kGuestFault) << end.detail;
  const auto core = ParseCore(Content());
  ASSERT_TRUE(core.has_value());
  EXPECT_EQ(core->status.pr_cursig, SIGSEGV);
  EXPECT_EQ(core->registers.rbx, 0x12345678u);
}

TEST_P(KvmCore, GoodEndLeavesNone) {
  const ReportFrame end = EndOf(Assembler().Halt(1), file_.get());
  EXPECT_EQ(end.reason, EndReason::kHalted) << end.detail;
  EXPECT_TRUE(Content().empty());
}

TEST_P(KvmCore, FullDiskIsToldAndTheEndStands) {
  const UniqueFd full(open("/dev/full", O_WRONLY | O_CLOEXEC));
  const ReportFrame end = EndOf(Assembler().Halt(255), full.get());
  EXPECT_EQ(end.reason, EndReason::kHalted);
  EXPECT_EQ(end.exit_status, 255);
  EXPECT_THAT(end.detail, HasSubstr("core"));
}

TEST_P(KvmCore, FileThatCannotBeWrittenIsRefused) {
  const UniqueFd read_only(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const ReportFrame end = EndOf(Assembler().Halt(0), read_only.get());
  EXPECT_EQ(end.reason, EndReason::kJobInvalid);
  EXPECT_THAT(end.detail, HasSubstr("core file"));
}

INSTANTIATE_TEST_SUITE_P(Modes, KvmCore, testing::Values("ring0", "ring3"),
                         [](const auto& tested) { return std::string(tested.param); });

}  // namespace
}  // namespace summon::hypervisor
