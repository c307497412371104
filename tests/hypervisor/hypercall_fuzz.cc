// SPDX-License-Identifier: Apache-2.0
// A guest that makes hypercalls as the input says, in memory that the input fills. Whatever it
// does, only memory that it may write changes, ASan sees every step beyond, and no frame is sent
// that the rules forbid.
//
// Input: a byte (its low bits are the number of calls, kWithRules checks frames, kWithWriter has a
// second thread change the memory meanwhile), five bytes for each call (number, address), memory.
#include <cstdlib>

#include "base/bytes.h"
#include "tests/hypervisor/fake_world.h"
#include "tests/hypervisor/frames.h"
#include "tests/hypervisor/scribbler.h"

namespace {

namespace h = summon::hypervisor;

constexpr std::size_t kCallsMax = 16;
constexpr std::uint8_t kWithRules = 0x40;
constexpr std::uint8_t kWithWriter = 0x80;

std::span<std::uint64_t> WritableWords(h::FakeWorld& world) {
  // SAFETY: the vector's storage is aligned for any type, and kFakeWritable is a multiple of 8.
  auto* first = reinterpret_cast<std::uint64_t*>(world.bytes.data() + h::kFakeWritable);
  return {first, (h::kFakeMemorySize - h::kFakeWritable) / sizeof(std::uint64_t)};
}

void MakeCalls(h::FakeWorld& world, summon::Bytes list) {
  summon::ByteReader reader(list);
  while (reader.remaining() >= 5) {
    const std::uint8_t number = *reader.U8();
    world.net.sent.clear();
    const auto end = world.Call(h::Hypercall{number}, *reader.Read<std::uint32_t>());
    if (!world.net.sent.empty() &&
        h::CheckFrame(world.net.sent, world.devices[1].rules) != h::FrameVerdict::kPass) {
      std::abort();
    }
    if (end) return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static h::Scribbler writer(1);  // one thread for all inputs; only written to between them
  h::FakeWorld world;
  summon::ByteReader input({data, size});
  const std::uint8_t options = input.U8().value_or(0);
  const auto list = input.Take(std::min(options % kCallsMax * 5, input.remaining()));
  const std::size_t fill = std::min<std::size_t>(input.remaining(),
                                                 h::kFakeMemorySize - h::kFakeReadOnly.begin);
  const auto memory = input.Take(fill);
  std::copy(memory->begin(), memory->end(), world.bytes.begin() + h::kFakeReadOnly.begin);
  if ((options & kWithRules) != 0) {
    world.devices[1].rules = {h::FrameCheck::kAddress, h::kFrameMac, h::kFrameIpv4};
  }
  world.net.pending.assign(200, 7);
  world.waiter.ready = size;
  const std::vector<std::uint8_t> before(world.bytes.begin(),
                                         world.bytes.begin() + h::kFakeReadOnly.end);
  if ((options & kWithWriter) != 0) writer.Start(WritableWords(world));
  MakeCalls(world, *list);
  writer.Stop();
  if (!std::equal(before.begin(), before.end(), world.bytes.begin())) std::abort();
  return 0;
}
