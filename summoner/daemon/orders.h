// SPDX-License-Identifier: Apache-2.0
#pragma once
// From a configured service to the order that a launcher understands, with its files open.

#include "base/result.h"
#include "configs/config.h"
#include "launcher/launch_order.h"

namespace summon::summoner {

// Opens the service's images and block files. Blocks on the file system: not for the loop thread.
// Errors: kNotFound or kPermission with the path and the service's name.
Result<launcher::LaunchOrder> MakeOrder(const configs::Service& service,
                                        const configs::Network& network);

}  // namespace summon::summoner
