// SPDX-License-Identifier: Apache-2.0
#pragma once
// Service parameters of SVCB and HTTPS records (RFC 9460 sections 2.1, 2.2, 7, 8; RFC 9461 for
// dohpath, RFC 9540 for ohttp).

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/result.h"
#include "dns/presentation.h"

namespace summon::dns {

enum class SvcKey : std::uint16_t {
  kMandatory = 0,
  kAlpn = 1,
  kNoDefaultAlpn = 2,
  kPort = 3,
  kIpv4Hint = 4,
  kEch = 5,
  kIpv6Hint = 6,
  kDohPath = 7,
  kOhttp = 8,
};

// True when `params` is a list of parameters with ascending keys whose known values have their
// form, and everything that `mandatory` lists is there.
bool SvcParamsWellFormed(Bytes params);

// HTTPS or SVCB data that says which address to ask at (RFC 9460 section 7.3): `data` with
// `address` as a hint, unless it has hints, is an alias, or names another target than its owner.
std::vector<std::uint8_t> WithIpv4Hint(std::vector<std::uint8_t> data, const Ipv4Address& address);

// Reads "key=value" words and appends their wire form, in the order of keys. `failed` is the index
// of the word that an error is about.
Status ParseSvcParams(std::span<const Token> words, std::vector<std::uint8_t>& out,
                      std::size_t& failed);

// With a blank in front of each. `params` are well-formed.
std::string SvcParamsText(Bytes params);

}  // namespace summon::dns
