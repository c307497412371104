// SPDX-License-Identifier: Apache-2.0
#pragma once
// Ways out of a monitor's sandbox, as code that runs inside it would try them: one system call
// each. Used by the evil monitor, which tries one, and by the test, which has it try all.

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace summon::hypervisor {

// How far the evil monitor goes before it tries.
enum class EvilStage : std::uint8_t {
  kNone,           // no sandbox at all: the control
  kWaiting,        // summon-monitor before its job
  kRunning,        // summon-monitor while its guest runs
  kSptWaiting,     // summon-spt before its job
  kSptRunning,     // an spt guest
};
inline constexpr std::array kEvilStages = {EvilStage::kWaiting, EvilStage::kRunning,
                                           EvilStage::kSptWaiting, EvilStage::kSptRunning};
const char* NameOf(EvilStage stage);

// Where a call is an escape: laying a guest out needs what a running guest must not have.
enum class Where : std::uint8_t {
  kEverywhere,
  kWaiting,  // in both first stages
  kRunning,  // in both second stages
  kMonitor,  // in both stages of summon-monitor; process guests need it
};
bool Applies(Where where, EvilStage stage);

enum class Expect : std::uint8_t {
  kKilled,   // SIGSYS
  kRefused,  // the filter permits it, and the kernel refuses it: limits, permissions
  kPermitted,  // no escape: shows that a process gets as far as to try one
};

struct Escape {
  std::string name;
  long number = 0;
  std::array<long, 6> arguments{};
  Where where = Where::kEverywhere;
  Expect expect = Expect::kKilled;
  enum class Way : std::uint8_t { kPlain, kForks, kInt80 } way = Way::kPlain;
};

// What the evil monitor has at hand. It keeps these open through all stages, as a leak would.
inline constexpr int kForeignFd = 100;  // one end of a socket pair: a sibling's tap
inline constexpr int kPidFd = 101;      // of the sibling
inline constexpr int kKvmLeakFd = 102;  // /dev/kvm, where there is one

// Exit statuses of the evil monitor; any other is the errno with which the call was refused.
inline constexpr int kEscaped = 200;
inline constexpr int kSetUpFailed = 250;

// The list. `sibling`: another process of the same user. Pointers are to static memory.
std::vector<Escape> Escapes(int sibling);

// Makes the call and ends the process with its outcome.
[[noreturn]] void TryEscape(const Escape& escape);

}  // namespace summon::hypervisor
