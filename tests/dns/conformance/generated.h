// SPDX-License-Identifier: Apache-2.0
#pragma once
// Zones and queries out of a seed, for comparing servers: names of few labels, so that queries hit
// data, wildcards, empty non-terminals, cuts and nothing about equally often.

#include <cstdint>
#include <random>
#include <string>

#include "dns/types.h"
#include "tests/dns/conformance/zones.h"
#include "tests/dns/wire.h"

namespace summon::dns::test {

inline constexpr const char* kGeneratedApex = "diff.test";

SourceZone GenerateZone(std::uint32_t seed);

struct GeneratedQuery {
  Packet packet;
  std::string name;
  RrType type{};
  bool edns = false;
};
GeneratedQuery GenerateQuery(std::mt19937& random);

}  // namespace summon::dns::test
