// SPDX-License-Identifier: Apache-2.0
// The few names of class CHAOS.
#include "dns/chaos.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace summon::dns {

namespace {

// Names in wire form, without the root's octet.
constexpr std::array<std::string_view, 2> kVersionNames = {
    std::string_view("\x07version\x04" "bind"), std::string_view("\x07version\x06server")};
constexpr std::array<std::string_view, 2> kHostNames = {
    std::string_view("\x08hostname\x04" "bind"), std::string_view("\x02id\x06server")};

template <typename Names>
bool IsOneOf(const Name& name, const Names& names) {
  const Bytes wire = name.wire().first(name.wire().size() - 1);
  return std::any_of(names.begin(), names.end(), [wire](std::string_view candidate) {
    return wire.size() == candidate.size() &&
           std::equal(wire.begin(), wire.end(), candidate.begin(), [](std::uint8_t a, char b) {
             return FoldCase(a) == static_cast<std::uint8_t>(b);
           });
  });
}

std::string_view TextOf(const Name& name, const ServerIdentity& identity) {
  if (IsOneOf(name, kVersionNames)) return identity.version;
  if (IsOneOf(name, kHostNames)) return identity.hostname;
  return {};
}

}  // namespace

Response WriteIdentity(const Query& query, const ServerIdentity& identity,
                       std::span<std::uint8_t> space) {
  ResponseWriter writer(space, query);
  const std::string_view text = TextOf(query.name, identity).substr(0, ServerIdentity::kTextMax);
  if (text.empty()) {
    writer.SetRcode(Rcode::kRefused);
    writer.SetExtendedError({EdeCode::kProhibited, {}});
    return writer.Finish();
  }
  writer.SetAuthoritative();
  if (query.type == RrType::kTxt || query.type == RrType::kAny) {
    std::array<std::uint8_t, 1 + ServerIdentity::kTextMax> rdata;
    rdata[0] = static_cast<std::uint8_t>(text.size());
    std::copy(text.begin(), text.end(), rdata.begin() + 1);
    // No time to live: it is for whoever asks now (RFC 4892 section 3).
    const RecordHead head{query.name, RrType::kTxt, 0, RrClass::kChaos};
    (void)writer.Add(Section::kAnswer, head, Bytes(rdata.data(), 1 + text.size()));  // else TC
  }
  return writer.Finish();
}

}  // namespace summon::dns
