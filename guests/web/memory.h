// SPDX-License-Identifier: Apache-2.0
#pragma once
// lwIP's memory: size classes carved from the guest's heap when first needed.
//
// A class has a bound, so that no kind of object starves the others. Touches no memory before it
// is asked for: a fresh page costs 4 us on some hosts.

#include <cstddef>
#include <span>

namespace summon::guest::web {

// To be called once, before lwIP.
void UseHeap(std::span<std::byte> heap);

}  // namespace summon::guest::web
