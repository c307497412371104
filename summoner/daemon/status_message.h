// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the daemon knows of a service, as the message that `summon` prints.

#include "configs/config.h"
#include "summoner/control/control.pb.h"
#include "summoner/summoner.h"

namespace summon::summoner {

control::Service StatusMessage(const configs::Service& service, const ServiceStatus& status,
                               Instant now);

}  // namespace summon::summoner
