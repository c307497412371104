// SPDX-License-Identifier: Apache-2.0
// What a KVM guest can try with hypercalls and ports.
#include "guests/hostile/attacks.h"

#include <cstdint>

#include "guests/runtime/arguments.h"
#include "guests/runtime/hypercall.h"
#include "guests/runtime/usage.h"

namespace summon::guest::attacks {

namespace {

constexpr int kSurvived = 1;
constexpr int kRandomCalls = 1000;

// An `out` of any value to any port.
void Out(std::uint16_t port, std::uint32_t value) {
  asm volatile("outl %0, %1" : : "a"(value), "d"(port) : "memory");
}

int PutsOf(std::uint64_t address, std::uint64_t length) {
  // SAFETY: the pointer is wrong on purpose and only the tender looks at it.
  abi::Puts call{.data = reinterpret_cast<const void*>(address), .len = length};
  Hypercall(abi::Call::kPuts, &call);
  return kSurvived;
}

std::uint64_t MemoryEnd(const Machine& machine) {
  const auto heap = machine.heap();
  // The stack lies behind the heap; the next 2 MiB boundary ends memory (ABI: a multiple).
  constexpr std::uint64_t kGranule = 2 << 20;
  // SAFETY: the address is only reckoned with.
  const auto end = reinterpret_cast<std::uint64_t>(heap.data()) + heap.size();
  return (end + kGranule - 1) / kGranule * kGranule;
}

}  // namespace

int BadPointer(Machine&, std::string_view) {
  Out(abi::kPioBase + static_cast<std::uint16_t>(abi::Call::kPuts), 0xfffffff0);
  return kSurvived;
}

int WrappingPointer(Machine&, std::string_view) { return PutsOf(~std::uint64_t{0} - 15, 32); }

int RangePastEnd(Machine& machine, std::string_view) {
  return PutsOf(MemoryEnd(machine) - 16, 4096);
}

int BadPort(Machine&, std::string_view) {
  Out(abi::kPioBase + 9, 0);
  return kSurvived;
}

int Random(Machine& machine, std::string_view argument) {
  const auto seed = ParseNumber(argument, ~std::uint64_t{0});
  if (!seed) return RefuseArguments("hostile", {argument, "is not a seed (a number)"});
  std::uint64_t state = *seed;
  const auto next = [&state] {  // splitmix64
    std::uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  };
  const std::uint64_t end = MemoryEnd(machine);
  for (int i = 0; i < kRandomCalls; ++i) {
    std::uint64_t words[5];
    for (std::uint64_t& word : words) {
      const std::uint64_t kind = next() % 4;
      const std::uint64_t limits[] = {~std::uint64_t{0}, end, 64, 4096};
      word = next() % limits[kind];
    }
    words[0] = next() % 4 == 0 ? words[0] : next() % 3;
    // Any call but HALT, and never a long sleep: POLL's first word is its time.
    const auto call = static_cast<std::uint16_t>(1 + next() % 7);
    if (call == static_cast<std::uint16_t>(abi::Call::kPoll)) words[0] %= 1000;
    // SAFETY: the structure is on this stack; what it says is the tender's to check.
    Out(abi::kPioBase + call, static_cast<std::uint32_t>(reinterpret_cast<std::uint64_t>(words)));
  }
  return 0;
}

}  // namespace summon::guest::attacks
