// SPDX-License-Identifier: Apache-2.0
// A guest that waits: for each time that POLL tells of a frame on the network device "service" it
// first prints one byte, and only then reads what has come. So the console says when a guest that
// was put aside runs again, whoever holds the other end of its network.

#include <cstdint>

#include "guests/runtime/runtime.h"

namespace summon::guest {

SUMMON_GUEST_DEVICES(Net("service"));

namespace {

constexpr std::size_t kFrameMax = 2 * 1024;
alignas(8) constinit std::uint8_t frame_buffer[kFrameMax];

}  // namespace

int Main(Machine& machine) {
  const auto net = machine.FindNet("service");
  if (!net) Panic("network device \"service\" is not attached");
  while (true) {
    if (!machine.Poll(Machine::kForever).Has(net->handle)) continue;
    Print("!");
    std::size_t length = 0;
    while (machine.NetRead(net->handle, frame_buffer, length) == Io::kOk) {
    }
  }
}

}  // namespace summon::guest
