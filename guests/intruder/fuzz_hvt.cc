// SPDX-License-Identifier: Apache-2.0
// Random hypercalls that stay within what a tender answers, and one at the end that does not.
#include "guests/intruder/acts.h"

#include <cstddef>

#include "guests/runtime/hypercall.h"

namespace summon::guest::intruder {

namespace {

constexpr std::uint32_t kArenaBytes = 256 * 1024;  // of the heap; what calls may overwrite
constexpr std::uint32_t kStructureBytes = 40;      // the largest argument structure
constexpr std::uint32_t kSectorBytes = 512;
constexpr std::uint64_t kGuestVisible = 0x10000;   // what lies below is not the guest's
constexpr int kSurvived = 1;

void Out(std::uint32_t number, std::uint64_t argument) {
  // SAFETY: any port and any value are the tender's to judge; it may write what the structure
  // names, which Fuzzer keeps inside the arena.
  asm volatile("outl %0, %1"
               :
               : "a"(static_cast<std::uint32_t>(argument)),
                 "d"(static_cast<std::uint16_t>(abi::kPioBase + number))
               : "memory");
}

class Fuzzer final {
 public:
  Fuzzer(std::span<std::byte> heap, std::uint64_t seed) : random_(seed) {
    // SAFETY: addresses are reckoned with; the arena is the heap's beginning.
    arena_ = reinterpret_cast<std::uint64_t>(heap.data());
    // The stack lies behind the heap, and memory ends at a multiple of 2 MiB.
    constexpr std::uint64_t kGranule = 2 << 20;
    end_ = (arena_ + heap.size() + kGranule - 1) & ~(kGranule - 1);
  }

  void Call() {
    const auto call = static_cast<abi::Call>(1 + random_.Below(7));
    const std::uint64_t at = arena_ + random_.Below(kArenaBytes - kStructureBytes + 1);
    // SAFETY: inside the arena, unaligned on purpose: x86 does not mind, and volatile stores of
    // bytes are what the compiler makes of a packed structure.
    auto* words = reinterpret_cast<Words*>(at);
    switch (call) {
      case abi::Call::kPoll: words->word[0] = random_.Below(1000); break;  // ns
      case abi::Call::kPuts: FillBuffer(words, 0, Access::kRead); break;
      case abi::Call::kNetWrite: FillNet(words, Access::kRead); break;
      case abi::Call::kNetRead: FillNet(words, Access::kWrite); break;
      case abi::Call::kBlockWrite: FillBlock(words, Access::kRead); break;
      case abi::Call::kBlockRead: FillBlock(words, Access::kWrite); break;
      default: break;
    }
    Out(static_cast<std::uint32_t>(call), at);
  }

  // A call that must be the last.
  void Fatal() {
    // SAFETY: as in Call().
    auto* words = reinterpret_cast<Words*>(arena_);
    words->word[0] = 1;
    words->word[1] = end_ - random_.Below(8);
    words->word[2] = 64;
    words->word[3] = 64;
    switch (random_.Below(8)) {
      case 0: Out(1, abi::kImageBase + random_.Below(64)); break;         // a result into text
      case 1: Out(1, kGuestVisible + random_.Below(64)); break;           // into boot information
      case 2: Out(2, end_ - random_.Below(15)); break;                            // half outside
      case 3: Out(2, 0x80000000u | random_.Below(0x7fffffff)); break;     // far outside
      case 4: Out(6, arena_); break;                                      // a frame past the end
      case 5: words->word[1] = 0; words->word[2] = abi::kImageBase; Out(5, arena_); break;
      case 6: Out(9 + random_.Below(100), arena_); break;                 // no such hypercall
      default: words->word[1] = ~std::uint64_t{0} - 7; Out(7, arena_); break;  // wraps
    }
  }

 private:
  enum class Access { kRead, kWrite };
  struct __attribute__((packed, may_alias)) Words {
    volatile std::uint64_t word[5];
  };

  // An address and a length, at words `at` and `at + 1`: what the guest may read or write so.
  void FillBuffer(Words* words, std::size_t at, Access access) {
    std::uint64_t length = random_.Below(64);
    if (random_.Below(8) == 0) length = random_.Below(4096);
    std::uint64_t address = arena_ + random_.Below(kArenaBytes - 4096);
    switch (random_.Below(8)) {
      case 0: length = 0; address = end_; break;                             // nothing, at the edge
      case 1: length = 1514 + random_.Below(3) - 1; break;                   // around a frame's
      case 2:
        if (access == Access::kRead) address = kGuestVisible + random_.Below(4096);
        break;
      case 3:
        if (access == Access::kRead) address = abi::kImageBase + random_.Below(2048);
        break;
      case 4:
        if (access == Access::kRead) address = end_ - length;
        break;
      default: break;
    }
    words->word[at] = address;
    words->word[at + 1] = length;
  }
  std::uint64_t AnyHandle() {
    switch (random_.Below(16)) {
      case 0: return random_.Next();
      case 1: return 63 + random_.Below(3);
      default: return random_.Below(5);
    }
  }
  void FillNet(Words* words, Access access) {
    words->word[0] = AnyHandle();
    FillBuffer(words, 1, access);
  }
  void FillBlock(Words* words, Access access) {
    words->word[0] = AnyHandle();
    FillBuffer(words, 2, access);
    switch (random_.Below(8)) {
      case 0: words->word[1] = random_.Next(); break;
      case 1: words->word[1] = ~std::uint64_t{0} - random_.Below(kSectorBytes); break;
      case 2: words->word[1] = random_.Below(1 << 20); break;
      default: words->word[1] = std::uint64_t{random_.Below(130)} * kSectorBytes; break;
    }
    if (random_.Below(2) == 0 && words->word[2] < end_ - kSectorBytes) {
      words->word[3] = kSectorBytes;
    }
  }

  Random random_;
  std::uint64_t arena_ = 0;
  std::uint64_t end_ = 0;
};

}  // namespace

int Fuzz(Machine& machine, const FuzzPlan& plan) {
  if (machine.heap().size() < 2 * kArenaBytes) return kSurvived;
  const auto disk = machine.FindBlock("disk");
  if (!disk) return kSurvived;
  Fuzzer fuzzer(machine.heap(), plan.seed);
  for (std::uint64_t i = 0; i < plan.calls; ++i) fuzzer.Call();
  // Where the test finds it, whatever the console has lost.
  std::uint8_t sector[kSectorBytes] = {};
  __builtin_memcpy(sector, &plan.calls, sizeof plan.calls);
  if (machine.BlockWrite(disk->handle, 0, sector) != Io::kOk) return kSurvived;
  fuzzer.Fatal();
  Print("intruder: survived\n");
  return kSurvived;
}

}  // namespace summon::guest::intruder
