// SPDX-License-Identifier: Apache-2.0
#pragma once
// Brings what the forwarder counts into the catalogue of metrics, as differences.

#include "dns/forward/counters.h"
#include "metrics/catalogue.h"

namespace summon::summoner {

class ForwardMeasures final {
 public:
  // Adds what `now` has grown by since the last time.
  void Update(const dns::forward::Counters& now, metrics::Catalogue& catalogue);

 private:
  void UpdateEvents(const dns::forward::Counters& now, metrics::Catalogue& catalogue);
  void UpdateTimes(const dns::forward::Latencies& now, metrics::Catalogue& catalogue);

  dns::forward::Counters seen_;
};

}  // namespace summon::summoner
