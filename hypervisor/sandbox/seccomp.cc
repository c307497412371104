// SPDX-License-Identifier: Apache-2.0
// From tables of rules to classic BPF.
//
// Code for one rule:  jump to the next rule unless A (the number) is ours; for each check, load
// the argument's halves and jump to the next rule unless they fit; return ALLOW. Each rule begins
// by loading the number again, since checks overwrite A. Jumps to "the next rule" are patched once
// the rule's length is known; a rule is far shorter than the 255 instructions a jump can span.
#include "hypervisor/sandbox/seccomp.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/strings.h"

namespace summon::hypervisor {

namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kAuditArch = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kAuditArch = AUDIT_ARCH_AARCH64;
#else
#error "no seccomp architecture for this machine"
#endif

// The x32 ABI shares AUDIT_ARCH_X86_64 and sets this bit in the number (seccomp(2), NOTES).
constexpr std::uint32_t kX32Bit = 0x4000'0000;

// Marks a jump whose target is the end of the rule being built; never survives AddRule().
constexpr std::uint8_t kToRuleEnd = 0xff;
static_assert(kChecksPerRuleMax * 6 + 4 < kToRuleEnd);

constexpr sock_filter Load(std::size_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
}
struct Jumps {
  std::uint8_t if_true;
  std::uint8_t if_false;
};
constexpr sock_filter Jump(std::uint16_t test, std::uint32_t value, Jumps jumps) {
  return {static_cast<std::uint16_t>(BPF_JMP | BPF_K | test), jumps.if_true, jumps.if_false,
          value};
}
constexpr sock_filter Return(std::uint32_t action) { return BPF_STMT(BPF_RET | BPF_K, action); }

constexpr std::size_t LowHalf(std::uint8_t index) {
  return offsetof(seccomp_data, args) + index * sizeof(std::uint64_t);  // little-endian
}

}  // namespace

bool FilterProgram::Add(const sock_filter& instruction) {
  if (size_ == code_.size()) return false;
  code_[size_++] = instruction;
  return true;
}

bool FilterProgram::AddCheck(const ArgumentCheck& check) {
  const auto low = static_cast<std::uint32_t>(check.value);
  const auto high = static_cast<std::uint32_t>(check.value >> 32);
  const sock_filter load_low = Load(LowHalf(check.index));
  const sock_filter load_high = Load(LowHalf(check.index) + sizeof(std::uint32_t));
  switch (check.test) {
    case ArgumentTest::kNone: return true;
    case ArgumentTest::kEqual:
      return Add(load_high) && Add(Jump(BPF_JEQ, high, {0, kToRuleEnd})) && Add(load_low) &&
             Add(Jump(BPF_JEQ, low, {0, kToRuleEnd}));
    case ArgumentTest::kAtMost:  // high above: no; high below: yes; equal: the low half decides
      return Add(load_high) && Add(Jump(BPF_JGT, high, {kToRuleEnd, 0})) &&
             Add(Jump(BPF_JEQ, high, {0, 2})) && Add(load_low) &&
             Add(Jump(BPF_JGT, low, {kToRuleEnd, 0}));
    case ArgumentTest::kAtLeast:
      return Add(load_high) && Add(Jump(BPF_JGT, high, {3, 0})) &&
             Add(Jump(BPF_JEQ, high, {0, kToRuleEnd})) && Add(load_low) &&
             Add(Jump(BPF_JGE, low, {0, kToRuleEnd}));
    case ArgumentTest::kBitsClear:
      return Add(load_high) && Add(Jump(BPF_JSET, high, {kToRuleEnd, 0})) && Add(load_low) &&
             Add(Jump(BPF_JSET, low, {kToRuleEnd, 0}));
  }
  return false;
}

bool FilterProgram::AddRule(const SyscallRule& rule) {
  const std::size_t begin = size_;
  bool added = Add(Load(offsetof(seccomp_data, nr))) &&
               Add(Jump(BPF_JEQ, static_cast<std::uint32_t>(rule.number), {0, kToRuleEnd}));
  for (const ArgumentCheck& check : rule.checks) added = added && AddCheck(check);
  const std::uint32_t answer = rule.action == RuleAction::kAllow
                                   ? SECCOMP_RET_ALLOW
                                   : SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(EINVAL);
  if (!added || !Add(Return(answer))) return false;
  for (std::size_t i = begin; i < size_; ++i) {
    if (BPF_CLASS(code_[i].code) != BPF_JMP) continue;
    const auto to_end = static_cast<std::uint8_t>(size_ - i - 1);
    if (code_[i].jt == kToRuleEnd) code_[i].jt = to_end;
    if (code_[i].jf == kToRuleEnd) code_[i].jf = to_end;
  }
  return true;
}

Result<FilterProgram> BuildFilter(std::span<const SyscallRule> rules) {
  FilterProgram filter;
  bool added = filter.Add(Load(offsetof(seccomp_data, arch))) &&
               filter.Add(Jump(BPF_JEQ, kAuditArch, {1, 0})) &&
               filter.Add(Return(SECCOMP_RET_KILL_PROCESS)) &&
               filter.Add(Load(offsetof(seccomp_data, nr))) &&
               filter.Add(Jump(BPF_JGE, kX32Bit, {0, 1})) &&
               filter.Add(Return(SECCOMP_RET_KILL_PROCESS));
  for (const SyscallRule& rule : rules) added = added && filter.AddRule(rule);
  if (!added || !filter.Add(Return(SECCOMP_RET_KILL_PROCESS))) {
    return Error(ErrorCode::kExhausted,
                 StrCat("build seccomp filter: ", rules.size(), " rules need more than ",
                        FilterProgram::kInstructionsMax, " instructions"));
  }
  return filter;
}

Status InstallFilter(const FilterProgram& filter) {
  const auto code = filter.instructions();
  // The kernel does not write through this pointer; its struct lacks the const.
  const sock_fprog program{static_cast<unsigned short>(code.size()),
                           const_cast<sock_filter*>(code.data())};
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) {
    return ErrnoError("install seccomp filter", errno);
  }
  return Ok();
}

}  // namespace summon::hypervisor
