// SPDX-License-Identifier: Apache-2.0
#pragma once
// What is counted about who may ask, wake and wait. Plain numbers that only grow.

#include <array>
#include <cstdint>
#include <string_view>

#include "summoner/wake_budget.h"

namespace summon::summoner {

// What became of a lookup that found its service at rest: the budget's verdicts, and what is
// decided without it.
enum class LookupFate : std::uint8_t {
  // Those of WakeVerdict come first, with the same values.
  kTrusted = kWakeVerdicts,  // its network is trusted: it wakes
  kNotByLookup,              // wake_on says no
};
inline constexpr std::size_t kLookupFates = kWakeVerdicts + 2;
inline std::string_view LookupFateText(LookupFate fate) {
  if (fate == LookupFate::kTrusted) return "trusted";
  if (fate == LookupFate::kNotByLookup) return "not_by_lookup";
  return WakeVerdictName(static_cast<WakeVerdict>(fate));
}

// Which list said no.
enum class AccessList : std::uint8_t { kQuery, kWake };
inline constexpr std::size_t kAccessLists = 2;
inline std::string_view AccessListText(AccessList list) {
  return list == AccessList::kQuery ? "allow_query" : "allow_wake";
}

// What happened to a query beside others that wait.
enum class ParkEvent : std::uint8_t {
  kRefreshed,   // it waited already, and was sent again
  kCrowdedOut,  // its network had its share: it was answered at once
};
inline constexpr std::size_t kParkEvents = 2;
inline std::string_view ParkEventText(ParkEvent event) {
  return event == ParkEvent::kRefreshed ? "refreshed" : "crowded_out";
}

struct LookupCounters {
  std::array<std::uint64_t, kLookupFates> fates{};    // index: LookupFate
  std::array<std::uint64_t, kAccessLists> refused{};  // index: AccessList
  std::array<std::uint64_t, kParkEvents> parked{};    // index: ParkEvent

  void Count(LookupFate fate) { ++fates[static_cast<std::size_t>(fate)]; }
  void Count(AccessList list) { ++refused[static_cast<std::size_t>(list)]; }
  void Count(ParkEvent event) { ++parked[static_cast<std::size_t>(event)]; }
};

}  // namespace summon::summoner
