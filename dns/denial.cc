// SPDX-License-Identifier: Apache-2.0
// NSEC data by RFC 4034 section 4.1 and RFC 9824 section 3.
#include "dns/denial.h"

#include <algorithm>
#include <array>

#include "base/check.h"

namespace summon::dns {

namespace {

constexpr std::size_t kWindowTypes = 256;  // RFC 4034 section 4.1.2
constexpr std::size_t kWindowOctetsMax = kWindowTypes / 8;

// The next octet in canonical order, which knows no upper case. Not for 255.
std::uint8_t NextOctet(std::uint8_t octet) {
  const auto next = static_cast<std::uint8_t>(octet + 1);
  return FoldCase(next) == next ? next : std::uint8_t{'Z' + 1};
}

// The node is where the authority of `zone` ends: a delegation, or the apex of a zone below.
bool IsCut(const Zone& zone, const Node& node) {
  return node.cut == &node || (node.is_apex && node.zone != &zone);
}

// The types that the zone has at the node, in order, with those that the record brings itself.
std::vector<std::uint16_t> TypesAt(const Zone& zone, const Node* node) {
  std::vector<std::uint16_t> types = {static_cast<std::uint16_t>(RrType::kRrsig),
                                      static_cast<std::uint16_t>(RrType::kNsec)};
  if (node == nullptr) {
    types.push_back(static_cast<std::uint16_t>(RrType::kNxName));
  } else {
    // Above a cut a name has what the parent may speak of (RFC 4035 section 2.3).
    const bool is_cut = IsCut(zone, *node);
    for (const RecordSet& set : node->sets()) {
      const bool is_parents = set.type == RrType::kDs;
      const bool is_shown = is_cut ? is_parents || set.type == RrType::kNs
                                   : !(is_parents && node->is_apex);
      if (is_shown) types.push_back(static_cast<std::uint16_t>(set.type));
    }
  }
  std::sort(types.begin(), types.end());
  return types;
}

void AppendBitmap(const std::vector<std::uint16_t>& types, Rdata& out) {
  for (std::size_t i = 0; i < types.size();) {
    const std::size_t window = types[i] / kWindowTypes;
    std::array<std::uint8_t, kWindowOctetsMax> bits{};
    std::size_t used = 0;
    for (; i < types.size() && types[i] / kWindowTypes == window; ++i) {
      const std::size_t low = types[i] % kWindowTypes;
      bits[low / 8] = static_cast<std::uint8_t>(bits[low / 8] | 0x80 >> low % 8);
      used = low / 8 + 1;
    }
    out.push_back(static_cast<std::uint8_t>(window));
    out.push_back(static_cast<std::uint8_t>(used));
    out.insert(out.end(), bits.begin(), bits.begin() + static_cast<std::ptrdiff_t>(used));
  }
}

}  // namespace

Name NextAside(const Name& name, const Name& apex) {
  for (Name at = name.Lowered(); !at.is_root() && !(at == apex); at = at.Parent()) {
    const Bytes first = at.first_label();
    std::array<std::uint8_t, Name::kLabelMax + 1> label{};
    std::copy(first.begin(), first.end(), label.begin());
    const Name parent = at.Parent();
    if (first.size() < Name::kLabelMax) {
      if (const auto next = parent.Prepend(Bytes(label.data(), first.size() + 1))) return *next;
    }
    for (std::size_t size = first.size(); size > 0; --size) {
      if (label[size - 1] == 0xff) continue;
      label[size - 1] = NextOctet(label[size - 1]);
      const auto next = parent.Prepend(Bytes(label.data(), size));
      SUMMON_CHECK(next);  // no longer than the name it follows
      return *next;
    }
  }
  return apex.Lowered();
}

Name NextBelow(const Name& name, const Name& apex) {
  constexpr std::array<std::uint8_t, 1> kZeroLabel = {0};
  const auto below = name.Lowered().Prepend(kZeroLabel);
  return below ? *below : NextAside(name, apex);
}

Rdata NsecRdataFor(const Zone& zone, const Name& name, const Node* node) {
  const bool is_cut = node && IsCut(zone, *node);
  const Name next = is_cut ? NextAside(name, zone.apex) : NextBelow(name, zone.apex);
  Rdata rdata(next.wire().begin(), next.wire().end());
  AppendBitmap(TypesAt(zone, node), rdata);
  return rdata;
}

}  // namespace summon::dns
