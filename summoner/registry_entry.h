// SPDX-License-Identifier: Apache-2.0
#pragma once
// Inside of the registry: what it keeps of one service. Only for its own source files.

#include <optional>
#include <string>

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
};

}  // namespace summon::summoner
