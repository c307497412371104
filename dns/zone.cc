// SPDX-License-Identifier: Apache-2.0
// The look-up algorithm of RFC 1034 section 4.3.2, over nodes that lie one behind the other.
#include "dns/zone.h"

#include <cstddef>

#include "base/check.h"
#include "dns/fold.h"

namespace summon::dns {

namespace {

constexpr std::size_t AlignUp(std::size_t size, std::size_t unit) {
  return (size + unit - 1) / unit * unit;
}

}  // namespace

const std::uint8_t* RecordSet::behind() const {
  // SAFETY: a layout leaves room for the records behind each set.
  return reinterpret_cast<const std::uint8_t*>(this + 1);
}

const RecordSet* RecordSet::next() const {
  // SAFETY: a layout puts sets behind each other at multiples of their alignment; an iterator
  // counts them and does not look at what is behind the last one.
  return reinterpret_cast<const RecordSet*>(behind() + AlignUp(octets_, alignof(RecordSet)));
}

const std::uint8_t* Node::behind() const {
  // SAFETY: a layout leaves room for the name behind each node.
  return reinterpret_cast<const std::uint8_t*>(this + 1);
}

const RecordSet* Node::first_set() const {
  // SAFETY: a layout puts the first set behind the name; when there is none nobody looks.
  return reinterpret_cast<const RecordSet*>(behind() + AlignUp(name_size_, alignof(RecordSet)));
}

std::size_t Node::size() const {
  const RecordSet* set = first_set();
  for (std::size_t i = 0; i < set_count_; ++i) set = set->next();
  // SAFETY: only addresses are compared, both in the table's memory.
  const auto octets = static_cast<std::size_t>(reinterpret_cast<const std::uint8_t*>(set) -
                                               reinterpret_cast<const std::uint8_t*>(this));
  return AlignUp(octets, ZoneTable::kUnit);
}

Name Node::name() const {
  const auto name = Name::FromWire(wire_name());
  SUMMON_CHECK(name.has_value());  // it was one when it was added
  return *name;
}

const RecordSet* Node::Find(RrType type) const {
  // A name has a handful of types: a scan is quicker than any index.
  const RecordSet* set = first_set();
  for (std::size_t i = 0; i < set_count_; ++i, set = set->next()) {
    if (set->type == type) return set;
  }
  return nullptr;
}

const Node* ZoneTable::NodeAt(std::size_t octet) const {
  // SAFETY: only places that the layout put a node at are asked for.
  return reinterpret_cast<const Node*>(memory_.data() + octet);
}

ZoneTable::Slot* ZoneTable::slots() const {
  // SAFETY: the pages are an array of slots, and zeroed pages are empty ones.
  return reinterpret_cast<Slot*>(slots_.data());
}

const Node* ZoneTable::Seek(Bytes folded) const {
  const std::uint64_t hash = SipHash13(key_, folded);
  const auto tag = static_cast<std::uint32_t>(hash >> 32);
  // At most half of the slots are used: the search ends.
  for (std::size_t at = hash & mask_;; at = (at + 1) & mask_) {
    const Slot& slot = slots()[at];
    if (slot.node == 0) return nullptr;
    if (slot.tag != tag) continue;
    const Node* node = NodeAt(slot.node * kUnit);
    if (EqualsFolded(node->wire_name(), folded)) return node;
  }
}

ZoneTable::Match ZoneTable::Locate(const Name& name) const {
  FoldedName folded(name.wire());
  std::size_t at = 0;
  for (std::size_t labels = name.label_count(); labels > labels_max_; --labels) {
    at += 1 + std::size_t{folded[at]};
  }
  while (true) {
    if (const Node* node = Seek(folded.From(at))) {
      if (at == 0) return {node, node};
      if (node->cut || !node->has_wildcard) return {nullptr, node};
      return {Seek(folded.WildcardAt(at)), node};
    }
    if (folded[at] == 0) return {};
    at += 1 + std::size_t{folded[at]};
  }
}

Lookup ZoneTable::Find(const Name& name, RrType type) const {
  const Match match = Locate(name);
  if (!match.encloser) return {};
  Lookup lookup;
  lookup.zone = match.encloser->zone;
  const Node* cut = match.encloser->cut;
  // At a zone cut, DS is the parent's; everything else is the child's (RFC 4035 section 3.1.4.1).
  if (cut && !(type == RrType::kDs && match.node == cut)) {
    lookup.kind = Lookup::Kind::kDelegation;
    lookup.node = cut;
    lookup.records = cut->Find(RrType::kNs);
    return lookup;
  }
  if (!match.node) {
    lookup.kind = Lookup::Kind::kNxDomain;
    return lookup;
  }
  lookup.node = match.node;
  if (type == RrType::kDs && match.node->is_apex && match.node->zone->parent) {
    lookup.zone = match.node->zone->parent;
  }
  lookup.records = match.node->Find(type);
  lookup.kind = Lookup::Kind::kRecords;
  if (lookup.records) return lookup;
  lookup.records = match.node->Find(RrType::kCname);
  lookup.kind = Lookup::Kind::kAlias;
  if (type == RrType::kAny && !match.node->is_empty()) {
    lookup.kind = Lookup::Kind::kRecords;
    if (!lookup.records) lookup.records = match.node->first_set();
  }
  if (!lookup.records) lookup.kind = Lookup::Kind::kNoData;
  return lookup;
}

const Node* ZoneTable::FindNode(const Name& name) const {
  const Match match = Locate(name);
  return match.node && !match.encloser->cut ? match.node : nullptr;
}

const Node* ZoneTable::FindGlue(const Name& name) const {
  const Match match = Locate(name);
  return match.node == match.encloser ? match.node : nullptr;
}

}  // namespace summon::dns
