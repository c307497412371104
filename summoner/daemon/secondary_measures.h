// SPDX-License-Identifier: Apache-2.0
#pragma once
// What transfers and notifications count, as metrics.

#include "metrics/catalogue.h"
#include "summoner/daemon/secondaries.h"

namespace summon::summoner {

class SecondaryMeasures final {
 public:
  // Adds what has grown since the last time.
  void Update(const Secondaries& now, metrics::Catalogue& catalogue);

 private:
  dns::TransferCounters transfers_seen_;
  dns::NotifyCounters notifies_seen_;
};

}  // namespace summon::summoner
