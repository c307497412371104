// SPDX-License-Identifier: Apache-2.0
// A guest that has devices and misuses them, so that tests can see what that does to others:
//   fuzz SEED CALLS               random hypercalls, the last of them fatal
//   forge COUNT ADDRESS GATEWAY   frames in others' names, then one in its own
#include "guests/intruder/acts.h"
#include "guests/runtime/text.h"
#include "guests/runtime/usage.h"

namespace summon::guest {

SUMMON_GUEST_DEVICES(Net("service"), Block("disk"), Block("sealed"));

int Main(Machine& machine) {
  Words words(machine.command_line());
  const std::string_view act = words.Next().value_or("");
  const std::string_view first = words.Next().value_or("");
  const auto number = ParseNumber(first, ~std::uint64_t{0});
  if (!number) return RefuseArguments("intruder", {first, "is not a number"});
  const std::string_view second = words.Next().value_or("");
  if (act == "fuzz") {
    const auto calls = ParseNumber(second, ~std::uint64_t{0});
    if (!calls) return RefuseArguments("intruder", {second, "is not a number of calls"});
    return intruder::Fuzz(machine, {.seed = *number, .calls = *calls});
  }
  if (act == "forge") {
    const auto address = ParseIpv4(second);
    const std::string_view third = words.Next().value_or("");
    const auto gateway = ParseIpv4(third);
    if (!address) return RefuseArguments("intruder", {second, "is not an IPv4 address"});
    if (!gateway) return RefuseArguments("intruder", {third, "is not an IPv4 address"});
    return intruder::Forge(machine, {*number, *address, *gateway});
  }
  return RefuseArguments("intruder", {act, "is not fuzz or forge"});
}

}  // namespace summon::guest
