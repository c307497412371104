// SPDX-License-Identifier: Apache-2.0
#pragma once
// Identities that several rooms share.

#include <compare>
#include <cstdint>
#include <functional>

namespace summon {

// Index of a service in summond's table; valid for the life of one summond process. Between
// processes and over restarts a service is known by its name.
enum class ServiceId : std::uint32_t {};

// One VM of a service. The generation counts the service's summons and never goes back: an event
// of an older generation is about a VM that is no longer of interest.
struct InstanceId {
  ServiceId service{};
  std::uint64_t generation = 0;
  friend auto operator<=>(const InstanceId&, const InstanceId&) = default;
};

// A parked DNS answer.
enum class WaiterId : std::uint64_t {};

}  // namespace summon

template <>
struct std::hash<summon::InstanceId> {
  std::size_t operator()(const summon::InstanceId& id) const noexcept {
    return std::hash<std::uint64_t>()((static_cast<std::uint64_t>(id.service) << 40) ^
                                      id.generation);
  }
};
