// SPDX-License-Identifier: Apache-2.0
// What a process guest can try with system calls.
#include "guests/hostile/attacks.h"

#include <cstdint>

#include "guests/runtime/syscalls.h"

namespace summon::guest::attacks {

namespace {

constexpr int kSurvived = 1;

int Touch(std::uint64_t address) {
  // SAFETY: none; the address is outside of the guest's memory on purpose.
  *reinterpret_cast<volatile std::uint8_t*>(address) = 1;
  return kSurvived;
}

int Forbidden(long number) {
  (void)Invoke(static_cast<SystemCall>(number));
  return kSurvived;
}

}  // namespace

int BadPointer(Machine&, std::string_view) { return Touch(0xfffffff0); }
int WrappingPointer(Machine&, std::string_view) { return Touch(~std::uint64_t{0} - 15); }

int RangePastEnd(Machine& machine, std::string_view) {
  constexpr std::uint64_t kPast = 64 << 20;  // well behind the stack
  const auto heap = machine.heap();
  // SAFETY: the address is only reckoned with, or is meant to be wrong.
  return Touch(reinterpret_cast<std::uint64_t>(heap.data()) + heap.size() + kPast);
}

int BadPort(Machine&, std::string_view) {
  constexpr long kSocket = 41;
  return Forbidden(kSocket);
}

int Random(Machine&, std::string_view) {
  constexpr long kGetpid = 39;
  return Forbidden(kGetpid);  // any call that is not on the list ends the guest
}

}  // namespace summon::guest::attacks
