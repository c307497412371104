// SPDX-License-Identifier: Apache-2.0
#pragma once
// Other servers that hold our zones: they may fetch them, and are told when they change.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/loop/loop.h"
#include "configs/config.h"
#include "dns/endpoint.h"
#include "dns/notify.h"
#include "dns/transfer.h"

namespace summon::summoner {

class Secondaries final {
 public:
  // `loop` and `log` outlive it. `on_answer` is told what is answered to who asks for a zone.
  Secondaries(Loop& loop, Logger& log, dns::Transfers::OnAnswer on_answer);
  Secondaries(const Secondaries&) = delete;
  Secondaries& operator=(const Secondaries&) = delete;

  // Notifications leave from the first of our addresses of each family: where secondaries know us.
  void UseSources(const std::vector<dns::Endpoint>& listen);
  // These zones are answered from now on: who may have them, and who is told of new serials. The
  // zones of addresses go where the first zone goes.
  void OnZones(const configs::Config& config, const dns::ZoneTable& table);

  dns::Transfers& transfers() { return transfers_; }
  const dns::TransferCounters& transfer_counters() const { return transfers_.counters(); }
  const dns::NotifyCounters& notify_counters() const { return notifier_.counters(); }

 private:
  Logger& log_;
  dns::Transfers transfers_;
  dns::Notifier notifier_;
  std::map<std::string, std::uint32_t> told_;  // serials, by apex
};

}  // namespace summon::summoner
