// SPDX-License-Identifier: Apache-2.0
// A guest that makes hypercalls as the input says, in memory that the input fills. Whatever it
// does, only memory that it may write changes, and ASan sees every step beyond.
//
// Input: a byte for the number of calls, five for each (number, address), then memory.
#include <cstdlib>

#include "base/bytes.h"
#include "tests/hypervisor/fake_world.h"

using summon::ByteReader;
using summon::hypervisor::FakeWorld;
using summon::hypervisor::Hypercall;
using summon::hypervisor::kFakeReadOnly;
using summon::hypervisor::kFakeMemorySize;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kCallsMax = 16;
  FakeWorld world;
  ByteReader input({data, size});
  const std::size_t calls = input.U8().value_or(0) % kCallsMax;
  const auto list = input.Take(std::min<std::size_t>(calls * 5, input.remaining()));
  const std::size_t fill = std::min<std::size_t>(input.remaining(),
                                                 kFakeMemorySize - kFakeReadOnly.begin);
  const auto memory = input.Take(fill);
  std::copy(memory->begin(), memory->end(), world.bytes.begin() + kFakeReadOnly.begin);
  world.net.pending.assign(200, 7);
  world.waiter.ready = size;
  const std::vector<std::uint8_t> before(world.bytes.begin(),
                                         world.bytes.begin() + kFakeReadOnly.end);
  ByteReader reader(*list);
  while (reader.remaining() >= 5) {
    const std::uint8_t number = *reader.U8();
    if (world.Call(Hypercall{number}, *reader.Read<std::uint32_t>())) break;
  }
  if (!std::equal(before.begin(), before.end(), world.bytes.begin())) std::abort();
  return 0;
}
