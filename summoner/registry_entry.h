// SPDX-License-Identifier: Apache-2.0
#pragma once
// Inside of the registry: what it keeps of one service. Only for its own source files.

#include <array>
#include <optional>
#include <string>

#include "summoner/rung_choice.h"
#include "summoner/summoner.h"

namespace summon::summoner {

struct Summoner::Service {
  ServiceSpec spec;
  ServiceState state;
  AdmissionControl::Share share;
  std::uint64_t held_by = 0;  // generation of the instance that holds share.mib
  Instant deadline = kNever;  // as it stands in deadlines_
  bool prepared = false;      // an order stands with the launcher
  bool removed = false;       // goes as soon as it is at rest
  std::string prepare_problem;
  launcher::Traffic traffic;
  Instant received{};  // of the request that is being applied
  Waterfall last_summon;
  std::optional<launcher::Kind> kind;
  std::optional<Trigger> last_trigger;
  std::optional<launcher::EndReport> last_end;
  Rung launched_from = Rung::kOff;    // what rested when the last instance was launched
  Rung counted_at = Rung::kOff;       // as it stands in resting_
  Rung reclaimed_to = Rung::kOff;     // what the last Reclaim asked for
  std::array<bool, launcher::kRungs> unreachable{};  // rungs that it did not come to rest at
  FirstByteTimes first_bytes;
};

}  // namespace summon::summoner
