// SPDX-License-Identifier: Apache-2.0
// Answers ping, and UDP on port 7, on the network device "service". The smallest service that a
// name can summon.

#include <cstdint>

#include "guests/echo/reply.h"
#include "guests/runtime/runtime.h"
#include "guests/runtime/usage.h"

namespace summon::guest {

SUMMON_GUEST_DEVICES(Net("service"));

namespace {

constexpr std::size_t kFrameMax = 16 * 1024;  // room for jumbo frames
alignas(8) constinit std::uint8_t frame_buffer[kFrameMax];

}  // namespace

int Main(Machine& machine) {
  NetArguments arguments;
  if (const auto error = ParseNetArguments(machine.command_line(), arguments)) {
    return RefuseArguments("echo", *error);
  }
  const auto net = machine.FindNet("service");
  if (!net) Panic("network device \"service\" is not attached");
  const EchoStation station{.mac = net->mac, .address = arguments.ipv4.address};
  while (true) {
    (void)machine.Poll(Machine::kForever);  // the read tells
    std::size_t length = 0;
    while (machine.NetRead(net->handle, frame_buffer, length) == Io::kOk) {
      const std::span<std::uint8_t> frame(frame_buffer, length);
      const std::size_t reply = MakeEchoReply(station, frame);
      if (reply > 0) (void)machine.NetWrite(net->handle, frame.first(reply));
    }
  }
}

}  // namespace summon::guest
