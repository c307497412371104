// SPDX-License-Identifier: Apache-2.0
// Local names; see the header.
#include "dns/forward/local_names.h"

#include <array>
#include <string_view>

#include "dns/rdata.h"

namespace summon::dns::forward {

namespace {

constexpr std::uint32_t kLoopbackTtl = 86'400;  // never changes

struct Special {
  std::string_view zone;  // uncompressed wire form without the root label
  LocalName kind;
};
constexpr std::array<Special, 8> kSpecial = {{
    {"\x09localhost", LocalName::kLoopback},     // RFC 6761 section 6.3
    {"\x07invalid", LocalName::kNoName},         // RFC 6761 section 6.4
    {"\x04test", LocalName::kNoName},            // RFC 6761 section 6.2
    {"\x05local", LocalName::kNoName},           // RFC 6762 section 22.1
    {"\x05onion", LocalName::kNoName},           // RFC 7686 section 2
    {"\x03" "alt", LocalName::kNoName},          // RFC 9476
    {"\x04home\x04" "arpa", LocalName::kNoName},  // RFC 8375 section 4
    {"\x08resolver\x04" "arpa", LocalName::kNoData},
}};

// True when the wire form `name` ends in the labels of `zone`.
bool IsBelow(const Name& name, std::string_view zone) {
  Name at = name;
  while (at.wire().size() > zone.size() + 1) at = at.Parent();
  // SAFETY: char and uint8_t have the same representation.
  const Bytes octets(reinterpret_cast<const std::uint8_t*>(zone.data()), zone.size());
  return at.wire().size() == zone.size() + 1 && EqualFolded(at.wire().first(zone.size()), octets);
}

}  // namespace

LocalName LocalNameOf(const Name& name, const Name& rule_zone) {
  for (const Special& special : kSpecial) {
    if (IsBelow(name, special.zone) && !IsBelow(rule_zone, special.zone)) return special.kind;
  }
  return LocalName::kNone;
}

Response WriteLocalAnswer(LocalName local, const Query& query, std::span<std::uint8_t> space) {
  ResponseWriter writer(space, query);
  writer.SetRecursionAvailable();
  if (local == LocalName::kNoName) writer.SetRcode(Rcode::kNxDomain);
  if (local == LocalName::kLoopback) {
    const RecordHead head{query.name, query.type, kLoopbackTtl};
    if (query.type == RrType::kA) {
      (void)writer.Add(Section::kAnswer, head,  // it fits into any answer
                       AddressRdata(Ipv4Address{{127, 0, 0, 1}}));
    } else if (query.type == RrType::kAaaa) {
      Ipv6Address loopback;
      loopback.octets[15] = 1;
      (void)writer.Add(Section::kAnswer, head, AddressRdata(loopback));
    }
  }
  return writer.Finish();
}

}  // namespace summon::dns::forward
