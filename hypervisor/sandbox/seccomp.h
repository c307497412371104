// SPDX-License-Identifier: Apache-2.0
#pragma once
// Seccomp allow-lists written as tables.
//
// A policy is an array of SyscallRule: one line for each permitted call, with the conditions on
// its arguments and the reason why it must be there. BuildFilter() turns it into the classic BPF
// that the kernel wants. We do it ourselves because libseccomp takes 0.3 ms at each start
// (measured on the development machine) and would be the monitor's only library.
//
// A call that matches no rule ends the whole process (SIGSYS). Calls are tried in the order of
// their first rule, and the rules of one call in their own order: frequent ones go first. A call
// of a foreign architecture or of the x32 ABI never matches.
//
// Filters add up: a call must pass every one that was installed. So a process may install a wide
// one first and a narrow one later, and the narrow one is cheap: the kernel looks at all numbers
// when it installs a filter, but not at those that an earlier one already depends on arguments
// for or forbids (kernel/seccomp.c, seccomp_cache_prepare).

#include <linux/filter.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"

namespace summon::hypervisor {

enum class ArgumentTest : std::uint8_t {
  kNone,       // no condition; ends the list of a rule
  kEqual,      // argument == value, all 64 bits
  kAtMost,     // argument <= value, unsigned 64-bit
  kAtLeast,    // argument >= value, unsigned 64-bit
  kBitsClear,  // (argument & value) == 0, for instance no PROT_EXEC
  // For arguments that the kernel itself cuts to 32 bits: descriptors, requests, commands, flags.
  kIs,      // argument == value
  kWithin,  // low half of value <= argument <= high half of value, unsigned
};

struct ArgumentCheck {
  ArgumentTest test = ArgumentTest::kNone;
  std::uint8_t index = 0;  // which argument, 0..5
  std::uint64_t value = 0;
};

// Shorthands for tables: ArgEquals(Arg{0}, 3).
enum class Arg : std::uint8_t {};
constexpr ArgumentCheck ArgEquals(Arg index, std::uint64_t value) {
  return {ArgumentTest::kEqual, static_cast<std::uint8_t>(index), value};
}
constexpr ArgumentCheck ArgAtMost(Arg index, std::uint64_t value) {
  return {ArgumentTest::kAtMost, static_cast<std::uint8_t>(index), value};
}
constexpr ArgumentCheck ArgAtLeast(Arg index, std::uint64_t value) {
  return {ArgumentTest::kAtLeast, static_cast<std::uint8_t>(index), value};
}
constexpr ArgumentCheck ArgBitsClear(Arg index, std::uint64_t mask) {
  return {ArgumentTest::kBitsClear, static_cast<std::uint8_t>(index), mask};
}

constexpr ArgumentCheck ArgIs(Arg index, std::uint32_t value) {
  return {ArgumentTest::kIs, static_cast<std::uint8_t>(index), value};
}
struct IntRange {
  std::uint32_t first;
  std::uint32_t last;
};
constexpr ArgumentCheck ArgWithin(Arg index, IntRange range) {
  return {ArgumentTest::kWithin, static_cast<std::uint8_t>(index),
          std::uint64_t{range.last} << 32 | range.first};
}

inline constexpr std::size_t kChecksPerRuleMax = 4;

// What becomes of a call that matches a rule.
enum class RuleAction : std::uint8_t {
  kAllow,
  kAnswerInvalid,  // it is not made; the caller sees EINVAL and lives
};

// When a rule is needed. A test runs representative guests and fails for an ordinary rule that no
// call made use of.
enum class RuleUse : std::uint8_t {
  kOrdinary,
  kWithoutVdso,  // only where the kernel gives user space no clock to read by itself
  kSeldom,       // the reason says when
};

// One permitted call. Several rules may name the same call: any one that matches permits it.
struct SyscallRule {
  long number;  // SYS_...
  std::array<ArgumentCheck, kChecksPerRuleMax> checks;
  const char* reason;  // for people who read or print the policy
  RuleAction action = RuleAction::kAllow;
  RuleUse use = RuleUse::kOrdinary;
};

// A call as a filter sees it; for tests and tools.
struct SyscallMade {
  long number = 0;
  std::array<std::uint64_t, 6> arguments{};
};
// Whether `rule` is about this call, by the rule's own meaning (not by the program made of it).
bool Matches(const SyscallRule& rule, const SyscallMade& made);

// A filter ready for the kernel. On the heap, because it is small and the bound on it is not: an
// array of that size on the stack cost each waiting monitor 160 KiB, and each start 40 us.
class FilterProgram {
 public:
  // The kernel's own bound (BPF_MAXINSNS). Our policies need about 150, and that of a process
  // guest with 63 block devices about 1,600 (13 for each of 126 rules with three checks).
  static constexpr std::size_t kInstructionsMax = 4096;

  std::span<const sock_filter> instructions() const { return code_; }

 private:
  friend Result<FilterProgram> BuildFilter(std::span<const SyscallRule> rules);

  // False when the program is full.
  bool Add(const sock_filter& instruction);
  // The code of all of `rules` for call `number`.
  bool AddCall(long number, std::span<const SyscallRule> rules);
  bool AddRule(const SyscallRule& rule);
  bool AddCheck(const ArgumentCheck& check);

  std::vector<sock_filter> code_;
};

// Errors: kExhausted when the rules need more than kInstructionsMax instructions; kInvalid for a
// number of another ABI.
Result<FilterProgram> BuildFilter(std::span<const SyscallRule> rules);

// Puts `filter` over the calling thread, for good. The process must have set no_new_privs.
Status InstallFilter(const FilterProgram& filter);

// Both: from here on only what `rules` permit. In a build with sanitizers the filter is built and
// left off, because their runtime makes system calls of its own (UBSan's check of a virtual call
// opens a pipe).
Status EnterStage(std::span<const SyscallRule> rules);

}  // namespace summon::hypervisor
