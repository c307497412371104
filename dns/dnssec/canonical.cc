// SPDX-License-Identifier: Apache-2.0
// Canonical forms; see the header.
#include "dns/dnssec/canonical.h"

#include <algorithm>

#include "base/check.h"
#include "dns/dnssec/key.h"

namespace summon::dns::dnssec {

namespace {

// Where the names are: `prefix` octets, then `strings` character strings, then `names` names.
struct Shape {
  std::size_t prefix = 0;
  std::size_t strings = 0;
  std::size_t names = 0;
};

// The list of RFC 4034 section 6.2, without what is obsolete since before it, and without NSEC and
// HINFO (RFC 6840 section 5.1).
Shape ShapeOf(RrType type) {
  switch (static_cast<std::uint16_t>(type)) {
    case 2:                           // NS
    case 3:                           // MD
    case 4:                           // MF
    case 5:                           // CNAME
    case 7:                           // MB
    case 8:                           // MG
    case 9:                           // MR
    case 12:                          // PTR
    case 39: return {.names = 1};     // DNAME
    case 6:                           // SOA
    case 14:                          // MINFO
    case 17: return {.names = 2};     // RP
    case 15:                          // MX
    case 18:                          // AFSDB
    case 21:                          // RT
    case 36: return {.prefix = 2, .names = 1};                // KX
    case 26: return {.prefix = 2, .names = 2};                // PX
    case 33: return {.prefix = 6, .names = 1};                // SRV
    case 35: return {.prefix = 4, .strings = 3, .names = 1};  // NAPTR
    default: return {};
  }
}

void AppendBe16(std::vector<std::uint8_t>& out, std::size_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}

void AppendBe32(std::vector<std::uint8_t>& out, std::uint32_t value) {
  AppendBe16(out, value >> 16);
  AppendBe16(out, value & 0xffff);
}

// RFC 4034 section 3.1.3: without the root, and without the asterisk of a wildcard's own name.
std::uint8_t LabelsField(const Name& owner) {
  const Bytes first = owner.first_label();
  const bool is_wildcard = first.size() == 1 && first[0] == '*';
  return static_cast<std::uint8_t>(owner.label_count() - (is_wildcard ? 1 : 0));
}

}  // namespace

Rdata CanonicalRdata(RrType type, Bytes rdata) {
  Rdata out(rdata.begin(), rdata.end());
  const Shape shape = ShapeOf(type);
  std::size_t at = shape.prefix;
  for (std::size_t i = 0; i < shape.strings; ++i) {
    if (at >= out.size()) return out;
    at += 1 + std::size_t{out[at]};
  }
  for (std::size_t i = 0; i < shape.names; ++i) {
    if (at >= out.size()) return out;
    const std::size_t size = WireNameLength(Bytes(out).subspan(at));
    for (std::size_t octet = at; octet < at + size; ++octet) out[octet] = FoldCase(out[octet]);
    at += size;
  }
  return out;
}

RrsigRdata RrsigHead(const SetToSign& set, const SignatureTerms& terms) {
  RrsigRdata out;
  ByteWriter writer(out.octets);
  const Name signer = set.apex.Lowered();
  const bool fits = writer.Be16(static_cast<std::uint16_t>(set.type)) && writer.U8(kAlgorithm) &&
                    writer.U8(LabelsField(set.owner)) && writer.Be32(set.original_ttl) &&
                    writer.Be32(static_cast<std::uint32_t>(terms.expiration)) &&
                    writer.Be32(static_cast<std::uint32_t>(terms.inception)) &&
                    writer.Be16(terms.key_tag) && writer.Put(signer.wire());
  SUMMON_CHECK(fits);  // it was made for the longest name
  out.size = writer.position();
  return out;
}

std::vector<std::uint8_t> SignedOctets(const SetToSign& set, const RrsigRdata& head) {
  std::vector<Rdata> rdatas;
  rdatas.reserve(set.rdatas.size());
  for (const Bytes rdata : set.rdatas) rdatas.push_back(CanonicalRdata(set.type, rdata));
  std::sort(rdatas.begin(), rdatas.end());
  rdatas.erase(std::unique(rdatas.begin(), rdatas.end()), rdatas.end());

  const Name owner = set.owner.Lowered();
  std::vector<std::uint8_t> out(head.bytes().begin(), head.bytes().end());
  for (const Rdata& rdata : rdatas) {
    out.insert(out.end(), owner.wire().begin(), owner.wire().end());
    AppendBe16(out, static_cast<std::uint16_t>(set.type));
    AppendBe16(out, static_cast<std::uint16_t>(RrClass::kIn));
    AppendBe32(out, set.original_ttl);
    AppendBe16(out, rdata.size());
    out.insert(out.end(), rdata.begin(), rdata.end());
  }
  return out;
}

}  // namespace summon::dns::dnssec
