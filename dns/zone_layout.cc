// SPDX-License-Identifier: Apache-2.0
// Two passes: how much memory everything takes, then everything at its place. Connecting the names
// comes last, for it needs all of them.
#include "dns/zone_layout.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

#include "base/check.h"
#include "base/strings.h"
#include "dns/fold.h"

namespace summon::dns {

namespace {

constexpr std::size_t AlignUp(std::size_t size, std::size_t unit) {
  return (size + unit - 1) / unit * unit;
}

}  // namespace

ZoneLayout::ZoneLayout(ZoneDraft& draft)
    : draft_(draft), table_(new ZoneTable(draft.key)) {}

// A zone inside another one of ours hangs below the other's names.
void ZoneLayout::Nest(Zone& zone) {
  for (Name at = zone.apex; !at.is_root() && !zone.parent;) {
    at = at.Parent();
    const DraftNode* found = draft_.Find(at);
    if (found && found->zone != 0) zone.parent = table_->zones_[found->zone - 1].get();
  }
  if (!zone.parent) return;
  for (Name at = zone.apex; !(at == zone.parent->apex); at = at.Parent()) draft_.Get(at);
}

void ZoneLayout::ListTypes(const DraftNode& from) {
  types_.clear();
  for (DraftRef at = from.first; at != 0; at = draft_.record(at).next) {
    const RrType type = draft_.record(at).type;
    if (std::find(types_.begin(), types_.end(), type) == types_.end()) types_.push_back(type);
  }
}

std::size_t ZoneLayout::SizeOf(const DraftNode& from) {
  ListTypes(from);
  std::size_t size = sizeof(Node) + AlignUp(from.name_size, alignof(RecordSet));
  for (const RrType type : types_) {
    std::size_t octets = 0;
    for (DraftRef at = from.first; at != 0; at = draft_.record(at).next) {
      const DraftRecord& record = draft_.record(at);
      if (record.type == type) octets += RecordSet::kRecordHead + record.size;
    }
    size += sizeof(RecordSet) + AlignUp(octets, alignof(RecordSet));
  }
  return AlignUp(size, ZoneTable::kUnit);
}

// Puts the records of one type at `at`; where the next set goes.
std::size_t ZoneLayout::PutSet(const DraftNode& from, RrType type, std::size_t at) {
  // SAFETY: SizeOf() has counted this set: it and its records lie in the table's memory.
  auto* set = new (table_->memory_.data() + at) RecordSet();
  set->type = type;
  set->ttl = ZoneTable::Builder::kTtlMax;
  for (DraftRef i = from.first; i != 0; i = draft_.record(i).next) {
    const DraftRecord& record = draft_.record(i);
    if (record.type == type) set->ttl = std::min(set->ttl, record.ttl);
  }
  at += sizeof(RecordSet);
  ByteWriter writer({table_->memory_.data() + at, table_->memory_.size() - at});
  for (DraftRef i = from.first; i != 0; i = draft_.record(i).next) {
    const DraftRecord& record = draft_.record(i);
    if (record.type != type) continue;
    const bool fits = writer.Be16(RecordSet::kQuestionPointer) &&
                      writer.Be16(static_cast<std::uint16_t>(type)) &&
                      writer.Be16(static_cast<std::uint16_t>(RrClass::kIn)) &&
                      writer.Be32(set->ttl) && writer.Be16(record.size) &&
                      writer.Put(record.rdata());
    SUMMON_CHECK(fits);
    ++set->count;
  }
  set->octets_ = static_cast<std::uint32_t>(writer.position());
  return at + AlignUp(writer.position(), alignof(RecordSet));
}

// Puts a node at `at`; where the next one goes.
std::size_t ZoneLayout::Put(const DraftNode& from, std::size_t at) {
  ListTypes(from);
  // SAFETY: SizeOf() has counted this node.
  auto* node = new (table_->memory_.data() + at) Node();
  node->owner = from.owner;
  node->is_apex = from.zone != 0;
  if (node->is_apex) node->zone = table_->zones_[from.zone - 1].get();
  node->set_count_ = static_cast<std::uint8_t>(types_.size());
  node->name_size_ = from.name_size;
  at += sizeof(Node);
  std::memcpy(table_->memory_.data() + at, from.wire_name().data(), from.name_size);
  at += AlignUp(from.name_size, alignof(RecordSet));
  for (const RrType type : types_) at = PutSet(from, type, at);
  return AlignUp(at, ZoneTable::kUnit);
}

Node* ZoneLayout::NodeAt(std::size_t at) {
  // SAFETY: only places where Put() has made one are asked for.
  return reinterpret_cast<Node*>(table_->memory_.data() + at);
}

void ZoneLayout::Insert(std::size_t at) {
  const FoldedName folded(NodeAt(at)->wire_name());
  const std::uint64_t hash = SipHash13(table_->key_, folded.From(0));
  std::size_t place = hash & table_->mask_;
  while (table_->slots()[place].node != 0) place = (place + 1) & table_->mask_;
  table_->slots()[place] = {static_cast<std::uint32_t>(hash >> 32),
                            static_cast<std::uint32_t>(at / ZoneTable::kUnit)};
}

Node* ZoneLayout::ParentOf(const Node& node) {
  const FoldedName folded(node.wire_name());
  if (folded.size() == 1) return nullptr;
  // SAFETY: the table is this layout's own and not const yet.
  return const_cast<Node*>(table_->Seek(folded.From(1 + std::size_t{folded[0]})));
}

// Fills in what is known from above: zone and delegation. As deep as a name has labels.
void ZoneLayout::Connect(Node& node) {
  if (node.zone) return;  // an apex, or done
  Node* parent = ParentOf(node);
  SUMMON_CHECK(parent);  // everything up to an apex exists
  Connect(*parent);
  node.zone = parent->zone;
  node.cut = parent->cut;  // the topmost one stays
  if (!node.cut && node.Find(RrType::kNs)) node.cut = &node;
}

Result<std::unique_ptr<const ZoneTable>> ZoneLayout::Finish() {
  table_->zones_ = std::move(draft_.zones);
  for (const auto& zone : table_->zones_) Nest(*zone);
  std::size_t size = ZoneTable::kFirstNode;
  for (DraftRef at = draft_.first_node(); at != 0; at = draft_.node(at).next) {
    size += SizeOf(draft_.node(at));
  }
  constexpr std::size_t kSizeMax = (std::size_t{1} << 32) * ZoneTable::kUnit;
  if (size >= kSizeMax) {
    return Error(ErrorCode::kExhausted, StrCat("lay out the zones: ", size,
                                               " octets; at most ", kSizeMax));
  }
  table_->memory_ = Pages(size);
  table_->name_count_ = draft_.name_count();
  const std::size_t slot_count = std::bit_ceil(table_->name_count_ * 2 + 1);
  table_->slots_ = Pages(slot_count * sizeof(ZoneTable::Slot));
  table_->mask_ = slot_count - 1;
  std::size_t place = ZoneTable::kFirstNode;
  for (DraftRef at = draft_.first_node(); at != 0; at = draft_.node(at).next) {
    const std::size_t next = Put(draft_.node(at), place);
    Insert(place);
    place = next;
  }
  SUMMON_CHECK(place == size);
  for (std::size_t at = ZoneTable::kFirstNode; at < size; at += NodeAt(at)->size()) {
    Node& node = *NodeAt(at);
    Connect(node);
    table_->labels_max_ = std::max(table_->labels_max_, node.name().label_count());
    const Bytes wire = node.wire_name();
    Node* parent = wire[0] == 1 && wire[1] == '*' ? ParentOf(node) : nullptr;
    if (parent) parent->has_wildcard = true;
    if (!node.is_apex || node.Find(RrType::kNs)) continue;
    return Error(ErrorCode::kInvalid,
                 StrCat("build zone ", node.name().ToText(), ": it has no NS record"));
  }
  return std::unique_ptr<const ZoneTable>(std::move(table_));
}

}  // namespace summon::dns
