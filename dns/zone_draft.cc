// SPDX-License-Identifier: Apache-2.0
// A bump allocator in pieces, and an index by name over what lies in them.
#include "dns/zone_draft.h"

#include <cstring>
#include <memory>

#include "dns/fold.h"

namespace summon::dns {

namespace {

constexpr std::size_t kSlotsAtFirst = 64;

std::uint32_t HashOf(const SipKey& key, Bytes folded) {
  return static_cast<std::uint32_t>(SipHash13(key, folded));
}

}  // namespace

Bytes DraftRecord::rdata() const {
  // SAFETY: Append() leaves room for the data behind each record.
  return Bytes(reinterpret_cast<const std::uint8_t*>(this + 1), size);
}

Bytes DraftNode::wire_name() const {
  // SAFETY: Get() leaves room for the name behind each node.
  return Bytes(reinterpret_cast<const std::uint8_t*>(this + 1), name_size);
}

ZoneDraft::ZoneDraft(SipKey sip_key)
    : key(sip_key), slots_(kSlotsAtFirst * sizeof(Slot)), mask_(kSlotsAtFirst - 1) {}

std::uint8_t* ZoneDraft::At(DraftRef at) const {
  constexpr std::size_t kUnits = kChunk / kUnit;
  return chunks_[at / kUnits].data() + at % kUnits * kUnit;
}

DraftNode& ZoneDraft::node(DraftRef at) const {
  // SAFETY: references to nodes come from Get(), which makes one there.
  return *reinterpret_cast<DraftNode*>(At(at));
}

DraftRecord& ZoneDraft::record(DraftRef at) const {
  // SAFETY: references to records come from Append(), which makes one there.
  return *reinterpret_cast<DraftRecord*>(At(at));
}

ZoneDraft::Slot* ZoneDraft::slots() const {
  // SAFETY: the pages are an array of slots, and zeroed pages are empty ones.
  return reinterpret_cast<Slot*>(slots_.data());
}

DraftRef ZoneDraft::Allocate(std::size_t size) {
  if (used_ + size > kChunk) {
    used_ = chunks_.empty() ? kUnit : 0;  // place 0 is nowhere
    chunks_.emplace_back(kChunk);
  }
  const std::size_t at = (chunks_.size() - 1) * kChunk + used_;
  used_ += (size + kUnit - 1) / kUnit * kUnit;
  return static_cast<DraftRef>(at / kUnit);  // kNamesMax and a table's size keep it below 2^32
}

ZoneDraft::Slot* ZoneDraft::SlotFor(Bytes folded, std::uint32_t hash) const {
  for (std::size_t at = hash & mask_;; at = (at + 1) & mask_) {
    Slot& slot = slots()[at];
    if (slot.node == 0) return &slot;
    if (slot.hash == hash && EqualsFolded(node(slot.node).wire_name(), folded)) return &slot;
  }
}

void ZoneDraft::Grow() {
  const Pages old = std::move(slots_);
  const std::size_t old_count = mask_ + 1;
  slots_ = Pages(old.size() * 2);
  mask_ = old_count * 2 - 1;
  // SAFETY: as in slots().
  const auto* from = reinterpret_cast<const Slot*>(old.data());
  for (std::size_t i = 0; i < old_count; ++i) {
    if (from[i].node == 0) continue;
    std::size_t at = from[i].hash & mask_;
    while (slots()[at].node != 0) at = (at + 1) & mask_;
    slots()[at] = from[i];
  }
}

DraftNode* ZoneDraft::Find(const Name& name) const {
  const FoldedName folded(name.wire());
  const Slot* slot = SlotFor(folded.From(0), HashOf(key, folded.From(0)));
  return slot->node == 0 ? nullptr : &node(slot->node);
}

DraftNode& ZoneDraft::Get(const Name& name) {
  const FoldedName folded(name.wire());
  const std::uint32_t hash = HashOf(key, folded.From(0));
  Slot* slot = SlotFor(folded.From(0), hash);
  if (slot->node != 0) return node(slot->node);
  if ((name_count_ + 1) * 2 > mask_) {
    Grow();
    slot = SlotFor(folded.From(0), hash);
  }
  ++name_count_;
  const Bytes wire = name.wire();
  const DraftRef at = Allocate(sizeof(DraftNode) + wire.size());
  *slot = Slot{hash, at};
  DraftNode* made = std::construct_at(&node(at));
  made->name_size = static_cast<std::uint8_t>(wire.size());
  std::memcpy(At(at) + sizeof(DraftNode), wire.data(), wire.size());
  (last_node_ == 0 ? first_node_ : node(last_node_).next) = at;
  last_node_ = at;
  return *made;
}

void ZoneDraft::Append(DraftNode& to, const ZoneTable::Builder::Record& added) {
  const DraftRef at = Allocate(sizeof(DraftRecord) + added.rdata.size());
  DraftRecord* made = std::construct_at(&record(at));
  made->ttl = added.ttl;
  made->type = added.type;
  made->size = static_cast<std::uint16_t>(added.rdata.size());
  if (made->size > 0) std::memcpy(At(at) + sizeof(DraftRecord), added.rdata.data(), made->size);
  (to.last == 0 ? to.first : record(to.last).next) = at;
  to.last = at;
}

}  // namespace summon::dns
