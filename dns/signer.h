// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the writer of answers knows of signing them. The work is done in dns/dnssec.
//
// A zone without keys never comes here: for its answers signing costs the look at one pointer.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "dns/name.h"
#include "dns/types.h"

namespace summon::dns {

// The keys of one zone. Made and understood in dns/dnssec; everybody else passes them along.
class ZoneKeys {
 public:
  virtual ~ZoneKeys() = default;
};

// Whether the zone's data bounds how many different sets of the kind there can be.
enum class Provenance : std::uint8_t {
  kStored,       // records of a name of the zone, or what proves a type absent there
  kSynthesized,  // made for the name that was asked for: there are as many as anybody asks for
};

// One record set as it stands in an answer. Everything is borrowed for the call.
struct SetToSign {
  const ZoneKeys& keys;
  const Name& apex;  // of the zone whose keys these are
  const Name& owner;
  RrType type{};
  // At least the TTL that the answer gives (RFC 4034 section 3.1.4).
  std::uint32_t original_ttl = 0;
  std::span<const Bytes> rdatas;
  Provenance provenance = Provenance::kStored;
  // The asker's address is no forgery: it is spoken to over a connection.
  bool asker_proven = false;
};

// The data of an RRSIG record (RFC 4034 section 3.1).
struct RrsigRdata {
  static constexpr std::size_t kHeadSize = 18;
  static constexpr std::size_t kSignatureSize = 64;  // of P-256 (RFC 6605 section 4)
  static constexpr std::size_t kSizeMax = kHeadSize + Name::kWireMax + kSignatureSize;

  std::array<std::uint8_t, kSizeMax> octets;
  std::size_t size = 0;
  Bytes bytes() const { return Bytes(octets.data(), size); }
};

enum class SignOutcome : std::uint8_t {
  kSigned,
  kLimited,  // too many new signatures a second
  kRefused,  // the clock cannot be right, or the library failed
};

class Signer {
 public:
  virtual ~Signer() = default;
  // `out` is good when the outcome is kSigned.
  virtual SignOutcome Sign(const SetToSign& set, RrsigRdata& out) = 0;
};

}  // namespace summon::dns
