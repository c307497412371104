// SPDX-License-Identifier: Apache-2.0
#pragma once
// Secrets from the system's random source.

#include "base/siphash.h"

namespace summon {

// Early at boot it waits until the source is ready; it cannot fail.
SipKey RandomSipKey();

}  // namespace summon
