// SPDX-License-Identifier: Apache-2.0
// The zone table: building, and the look-up algorithm of RFC 1034 section 4.3.2.
#include "dns/zone.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "base/strings.h"

namespace summon::dns {

namespace {

constexpr std::string_view kWildcardLabel("\x01*", 2);

// A wire form as the key of the table, in lower case.
std::string KeyOf(const Name& name) {
  const Name lowered = name.Lowered();
  return std::string(lowered.wire().begin(), lowered.wire().end());
}

bool IsWildcard(const Name& name) {
  return name.first_label().size() == 1 && name.first_label()[0] == '*';
}

Error BadRecord(const Name& owner, RrType type, std::string_view cause) {
  return Error(ErrorCode::kInvalid,
               StrCat("add ", TypeText(type), " record of ", owner.ToText(), ": ", cause));
}

}  // namespace

const RecordSet* Node::Find(RrType type) const {
  // A name has a handful of types: a scan is quicker than any index.
  for (const RecordSet& set : sets) {
    if (set.type == type) return &set;
  }
  return nullptr;
}

std::size_t ZoneTable::KeyHash::operator()(std::string_view wire) const {
  // SAFETY: char and uint8_t have the same representation; the span does not outlive the call.
  return SipHash24(key, Bytes(reinterpret_cast<const std::uint8_t*>(wire.data()), wire.size()));
}

ZoneTable::Match ZoneTable::Locate(const Name& name) const {
  // The wildcard's two octets take the place of at least two of the name's own.
  std::array<char, Name::kWireMax> folded;
  const Bytes wire = name.wire();
  std::transform(wire.begin(), wire.end(), folded.begin(),
                 [](std::uint8_t octet) { return static_cast<char>(FoldCase(octet)); });
  std::size_t at = 0;
  std::size_t labels = name.label_count();
  for (; labels > labels_max_; --labels) at += 1 + static_cast<std::size_t>(folded[at]);
  while (true) {
    const auto found = nodes_.find(std::string_view(folded.data() + at, wire.size() - at));
    if (found != nodes_.end()) {
      const Node* node = &found->second;
      if (at == 0) return {node, node};
      if (node->cut) return {nullptr, node};
      const std::size_t star = at - kWildcardLabel.size();
      std::copy(kWildcardLabel.begin(), kWildcardLabel.end(), folded.data() + star);
      const auto wildcard = nodes_.find(std::string_view(folded.data() + star, wire.size() - star));
      return {wildcard == nodes_.end() ? nullptr : &wildcard->second, node};
    }
    if (folded[at] == 0) return {};
    at += 1 + static_cast<std::size_t>(folded[at]);
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
  if (type == RrType::kAny && !match.node->sets.empty()) {
    lookup.kind = Lookup::Kind::kRecords;
    if (!lookup.records) lookup.records = &match.node->sets.front();
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

ZoneTable::Builder::Builder(SipKey key) : table_(new ZoneTable(key)) {}
ZoneTable::Builder::~Builder() = default;
ZoneTable::Builder::Builder(Builder&&) noexcept = default;
ZoneTable::Builder& ZoneTable::Builder::operator=(Builder&&) noexcept = default;

Status ZoneTable::Builder::AddZone(const Name& apex, const Soa& soa, std::uint32_t ttl) {
  if (ttl > kTtlMax || soa.minimum_s > kTtlMax) {
    return Error(ErrorCode::kInvalid, StrCat("add zone ", apex.ToText(), ": a TTL is above ",
                                             kTtlMax));
  }
  Node& node = table_->nodes_[KeyOf(apex)];
  if (node.is_apex) {
    return Error(ErrorCode::kInvalid, StrCat("add zone ", apex.ToText(), ": it is there already"));
  }
  auto zone = std::make_unique<Zone>();
  zone->apex = apex;
  zone->soa = soa;
  zone->soa_rdata = SoaRdata(soa);
  zone->negative_ttl = std::min(ttl, soa.minimum_s);
  node.is_apex = true;
  node.name = apex;
  node.zone = zone.get();
  node.sets.push_back(RecordSet{RrType::kSoa, ttl, {zone->soa_rdata}});
  table_->zones_.push_back(std::move(zone));
  return Ok();
}

Result<Node*> ZoneTable::Builder::Place(const Name& name) {
  NodeMap& nodes = table_->nodes_;
  const auto known = nodes.find(KeyOf(name));
  if (known != nodes.end()) return &known->second;
  Name above = name;
  bool ours = false;
  while (!ours && !above.is_root()) {
    above = above.Parent();
    const auto found = nodes.find(KeyOf(above));
    ours = found != nodes.end() && found->second.is_apex;
  }
  if (!ours) {
    return Error(ErrorCode::kInvalid,
                 StrCat("place ", name.ToText(), ": it is in no zone of ours"));
  }
  if (nodes.size() + name.label_count() > kNamesMax) {
    return Error(ErrorCode::kExhausted,
                 StrCat("place ", name.ToText(), ": the table already has ", nodes.size(),
                        " names; at most ", kNamesMax));
  }
  // Everything between the name and its apex exists too, if only as an empty non-terminal.
  for (Name at = name; !(at == above); at = at.Parent()) nodes[KeyOf(at)].name = at;
  return &nodes.find(KeyOf(name))->second;
}

Status ZoneTable::Builder::AddRecord(const Record& record) {
  const auto refuse = [&record](std::string_view cause) {
    return BadRecord(record.owner, record.type, cause);
  };
  const auto number = static_cast<std::uint16_t>(record.type);
  if (record.type == RrType::kSoa) return refuse("the zone brings its own");
  if (record.type == RrType::kDname) return refuse("DNAME is not supported");
  if (number == 0 || record.type == RrType::kOpt || (number >= 128 && number <= 255)) {
    return refuse("the type is not of data");
  }
  if (record.type == RrType::kNs && IsWildcard(record.owner)) {
    return refuse("a wildcard cannot delegate (RFC 4592 section 4.2)");
  }
  if (record.ttl > kTtlMax) return refuse(StrCat("the TTL ", record.ttl, " is above ", kTtlMax));
  const Status checked = CheckRdata(record.type, record.rdata);
  if (!checked.ok()) return refuse(checked.error().message());

  Node* node = SUMMON_TRY(Place(record.owner));
  const bool is_alias = record.type == RrType::kCname;
  for (RecordSet& set : node->sets) {
    if (is_alias != (set.type == RrType::kCname)) {
      return refuse("a CNAME has no other record beside it (RFC 1034 section 3.6.2)");
    }
    if (set.type != record.type) continue;
    set.ttl = std::min(set.ttl, record.ttl);
    if (std::find(set.rdatas.begin(), set.rdatas.end(), record.rdata) != set.rdatas.end()) {
      return Ok();
    }
    if (is_alias) return refuse("a name has one CNAME only (RFC 2181 section 10.1)");
    set.rdatas.push_back(record.rdata);
    return Ok();
  }
  node->sets.push_back(RecordSet{record.type, record.ttl, {record.rdata}});
  return Ok();
}

Status ZoneTable::Builder::SetOwner(const Name& name, OwnerTag owner) {
  Node* node = SUMMON_TRY(Place(name));
  if (node->owner != kStatic && node->owner != owner) {
    return Error(ErrorCode::kInvalid,
                 StrCat("give name ", name.ToText(), " to an owner: it has another one already"));
  }
  node->owner = owner;
  return Ok();
}

// Fills in what needs the whole table: zone, delegation and the longest name.
Status ZoneTable::Builder::Connect(Node& node) {
  table_->labels_max_ = std::max(table_->labels_max_, node.name.label_count());
  Name at = node.name;
  while (true) {
    const auto found = table_->nodes_.find(KeyOf(at));
    SUMMON_CHECK(found != table_->nodes_.end());
    if (found->second.is_apex) {
      node.zone = found->second.zone;
      break;
    }
    if (found->second.Find(RrType::kNs)) node.cut = &found->second;  // the topmost one stays
    at = at.Parent();
  }
  if (!node.is_apex || node.Find(RrType::kNs)) return Ok();
  return Error(ErrorCode::kInvalid,
               StrCat("build zone ", node.name.ToText(), ": it has no NS record"));
}

// A zone inside another one of ours hangs below the other's names.
void ZoneTable::Builder::Nest(Zone& zone) {
  NodeMap& nodes = table_->nodes_;
  for (Name at = zone.apex; !at.is_root() && !zone.parent;) {
    at = at.Parent();
    const auto found = nodes.find(KeyOf(at));
    if (found != nodes.end() && found->second.is_apex) zone.parent = found->second.zone;
  }
  if (!zone.parent) return;
  for (Name at = zone.apex; !(at == zone.parent->apex); at = at.Parent()) {
    nodes[KeyOf(at)].name = at;
  }
}

Result<std::unique_ptr<const ZoneTable>> ZoneTable::Builder::Build() && {
  for (const auto& zone : table_->zones_) Nest(*zone);
  for (auto& [key, node] : table_->nodes_) SUMMON_TRY(Connect(node));
  return std::unique_ptr<const ZoneTable>(std::move(table_));
}

}  // namespace summon::dns
