// SPDX-License-Identifier: Apache-2.0
// From tables of rules to classic BPF.
//
// The number is loaded once and compared with each permitted number in turn. Behind each compare
// lies the code of that call's rules, from which there is no way back, since checks overwrite A:
// for each rule, load the arguments and jump to the next rule unless they fit, else answer; after
// the last rule, end the process. Jumps to "the next rule" are patched once the rule's length is
// known; a rule is far shorter than the 255 instructions that a conditional jump can span.
//
// A chain of compares, not a tree: the first few calls of a policy are nearly all that are made,
// and the kernel tries every number at installation (a few thousand steps, 10 us) only for the
// filter of the waiting process, which is nobody's hot path.
#include "hypervisor/sandbox/seccomp.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>

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
  if (code_.size() == kInstructionsMax) return false;
  code_.push_back(instruction);
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
      return (high == 0 || (Add(load_high) && Add(Jump(BPF_JSET, high, {kToRuleEnd, 0})))) &&
             Add(load_low) && Add(Jump(BPF_JSET, low, {kToRuleEnd, 0}));
    case ArgumentTest::kIs: return Add(load_low) && Add(Jump(BPF_JEQ, low, {0, kToRuleEnd}));
    case ArgumentTest::kWithin:
      return Add(load_low) && Add(Jump(BPF_JGE, low, {0, kToRuleEnd})) &&
             Add(Jump(BPF_JGT, high, {kToRuleEnd, 0}));
  }
  return false;
}

bool FilterProgram::AddRule(const SyscallRule& rule) {
  const std::size_t begin = code_.size();
  bool added = true;
  for (const ArgumentCheck& check : rule.checks) added = added && AddCheck(check);
  const std::uint32_t answer = rule.action == RuleAction::kAllow
                                   ? SECCOMP_RET_ALLOW
                                   : SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(EINVAL);
  if (!added || !Add(Return(answer))) return false;
  for (std::size_t i = begin; i < code_.size(); ++i) {
    if (BPF_CLASS(code_[i].code) != BPF_JMP) continue;
    const auto to_end = static_cast<std::uint8_t>(code_.size() - i - 1);
    if (code_[i].jt == kToRuleEnd) code_[i].jt = to_end;
    if (code_[i].jf == kToRuleEnd) code_[i].jf = to_end;
  }
  return true;
}

bool FilterProgram::AddCall(long number, std::span<const SyscallRule> rules) {
  if (!Add(Jump(BPF_JEQ, static_cast<std::uint32_t>(number), {1, 0})) ||
      !Add(BPF_STMT(BPF_JMP | BPF_JA, 0))) {
    return false;
  }
  const std::size_t begin = code_.size();
  bool open = true;  // whether a call that came so far may still be another rule's
  for (const SyscallRule& rule : rules) {
    if (rule.number != number || !open) continue;
    if (!AddRule(rule)) return false;
    open = rule.checks[0].test != ArgumentTest::kNone;
  }
  if (open && !Add(Return(SECCOMP_RET_KILL_PROCESS))) return false;
  const std::size_t length = code_.size() - begin;
  code_[begin - 1].k = static_cast<std::uint32_t>(length);
  if (length >= std::numeric_limits<std::uint8_t>::max()) return true;
  // Short enough for the compare to skip it: the jump between them goes.
  code_.erase(code_.begin() + static_cast<std::ptrdiff_t>(begin) - 1);
  code_[begin - 2].jt = 0;
  code_[begin - 2].jf = static_cast<std::uint8_t>(length);
  return true;
}

Result<FilterProgram> BuildFilter(std::span<const SyscallRule> rules) {
  FilterProgram filter;
  constexpr std::size_t kUsually = 256;
  filter.code_.reserve(kUsually);
  // Without a test for x32: no number of that ABI is among those compared with.
  bool added = filter.Add(Load(offsetof(seccomp_data, arch))) &&
               filter.Add(Jump(BPF_JEQ, kAuditArch, {1, 0})) &&
               filter.Add(Return(SECCOMP_RET_KILL_PROCESS)) &&
               filter.Add(Load(offsetof(seccomp_data, nr)));
  for (std::size_t i = 0; i < rules.size() && added; ++i) {
    const long number = rules[i].number;
    if (number < 0 || number >= kX32Bit) {
      return Error(ErrorCode::kInvalid, StrCat("build seccomp filter: call ", number,
                                               " is not of this ABI"));
    }
    const auto same = [number](const SyscallRule& rule) { return rule.number == number; };
    if (std::any_of(rules.begin(), rules.begin() + static_cast<std::ptrdiff_t>(i), same)) continue;
    added = filter.AddCall(number, rules.subspan(i));
  }
  if (!added || !filter.Add(Return(SECCOMP_RET_KILL_PROCESS))) {
    return Error(ErrorCode::kExhausted,
                 StrCat("build seccomp filter: ", rules.size(), " rules need more than ",
                        FilterProgram::kInstructionsMax, " instructions"));
  }
  return filter;
}

bool Matches(const SyscallRule& rule, const SyscallMade& made) {
  if (rule.number != made.number) return false;
  return std::all_of(rule.checks.begin(), rule.checks.end(), [&made](const ArgumentCheck& check) {
    const std::uint64_t argument = made.arguments[check.index];
    const auto low = static_cast<std::uint32_t>(argument);
    switch (check.test) {
      case ArgumentTest::kNone: return true;
      case ArgumentTest::kEqual: return argument == check.value;
      case ArgumentTest::kAtMost: return argument <= check.value;
      case ArgumentTest::kAtLeast: return argument >= check.value;
      case ArgumentTest::kBitsClear: return (argument & check.value) == 0;
      case ArgumentTest::kIs: return low == static_cast<std::uint32_t>(check.value);
      case ArgumentTest::kWithin:
        return low >= static_cast<std::uint32_t>(check.value) && low <= check.value >> 32;
    }
    return false;
  });
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

Status EnterStage(std::span<const SyscallRule> rules) {
  const FilterProgram filter = SUMMON_TRY(BuildFilter(rules));
#if defined(SUMMON_SANITIZED)
  (void)filter;
  return Ok();
#else
  return InstallFilter(filter);
#endif
}

}  // namespace summon::hypervisor
