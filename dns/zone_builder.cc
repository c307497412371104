// SPDX-License-Identifier: Apache-2.0
// What may be in a zone.
#include <algorithm>

#include "base/strings.h"
#include "dns/zone.h"
#include "dns/zone_draft.h"
#include "dns/zone_layout.h"

namespace summon::dns {

namespace {

constexpr std::size_t kSetMax = 65'535;  // an answer counts with 16 bits

bool IsWildcard(const Name& name) {
  return name.first_label().size() == 1 && name.first_label()[0] == '*';
}

Error BadRecord(const Name& owner, RrType type, std::string_view cause) {
  return Error(ErrorCode::kInvalid,
               StrCat("add ", TypeText(type), " record of ", owner.ToText(), ": ", cause));
}

// What a record's own content forbids. Empty when nothing does.
std::string Objection(const ZoneTable::Builder::Record& record) {
  constexpr std::uint32_t kTtlMax = ZoneTable::Builder::kTtlMax;
  const auto number = static_cast<std::uint16_t>(record.type);
  if (record.type == RrType::kSoa) return "the zone brings its own";
  if (record.type == RrType::kDname) return "DNAME is not supported";
  if (number == 0 || record.type == RrType::kOpt || (number >= 128 && number <= 255)) {
    return "the type is not of data";
  }
  if (record.type == RrType::kNs && IsWildcard(record.owner)) {
    return "a wildcard cannot delegate (RFC 4592 section 4.2)";
  }
  if (record.ttl > kTtlMax) return StrCat("the TTL ", record.ttl, " is above ", kTtlMax);
  const Status checked = CheckRdata(record.type, record.rdata);
  return checked.ok() ? std::string() : checked.error().message();
}

// Writes one record with a pointer in each name that ends as the apex does.
class SoaPreparer {
 public:
  explicit SoaPreparer(const Name& apex) : apex_(apex) {}

  void Be16(std::uint16_t value) {
    soa_.octets.push_back(static_cast<std::uint8_t>(value >> 8));
    soa_.octets.push_back(static_cast<std::uint8_t>(value));
  }
  void Put(Bytes bytes) { soa_.octets.insert(soa_.octets.end(), bytes.begin(), bytes.end()); }
  void PutName(const Name& name) {
    Name end = name;  // what it has in common with the apex
    while (!end.is_root() && !apex_.IsSubdomainOf(end)) end = end.Parent();
    const std::size_t shared = end.is_root() ? 0 : end.wire().size();
    Put(name.wire().first(name.wire().size() - shared));
    if (shared == 0) return;
    soa_.pointers[soa_.pointer_count++] = {
        static_cast<std::uint16_t>(soa_.octets.size()),
        static_cast<std::uint16_t>(apex_.wire().size() - shared)};
    Be16(0);
  }
  PreparedSoa Finish() && {
    const std::size_t length = soa_.octets.size() - RecordSet::kRecordHead;
    soa_.octets[RecordSet::kRecordHead - 2] = static_cast<std::uint8_t>(length >> 8);
    soa_.octets[RecordSet::kRecordHead - 1] = static_cast<std::uint8_t>(length);
    return std::move(soa_);
  }

 private:
  const Name& apex_;
  PreparedSoa soa_;
};

PreparedSoa PrepareSoa(const Zone& zone) {
  if (zone.apex.is_root()) return {};
  constexpr std::size_t kNumbers = 20;  // behind the two names
  SoaPreparer record(zone.apex);
  record.PutName(zone.apex);
  record.Be16(static_cast<std::uint16_t>(RrType::kSoa));
  record.Be16(static_cast<std::uint16_t>(RrClass::kIn));
  record.Be16(static_cast<std::uint16_t>(zone.negative_ttl >> 16));
  record.Be16(static_cast<std::uint16_t>(zone.negative_ttl));
  record.Be16(0);  // Finish() knows the length
  record.PutName(zone.soa.primary);
  record.PutName(zone.soa.mailbox);
  record.Put(Bytes(zone.soa_rdata).last(kNumbers));
  return std::move(record).Finish();
}

// The node for a name in one of our zones, made with everything above it when it is not there.
Result<DraftNode*> Place(ZoneDraft& draft, const Name& name) {
  if (DraftNode* known = draft.Find(name)) return known;
  Name above = name;
  bool ours = false;
  while (!ours && !above.is_root()) {
    above = above.Parent();
    const DraftNode* found = draft.Find(above);
    ours = found && found->zone != 0;
  }
  if (!ours) {
    return Error(ErrorCode::kInvalid,
                 StrCat("place ", name.ToText(), ": it is in no zone of ours"));
  }
  if (draft.name_count() + name.label_count() > ZoneTable::Builder::kNamesMax) {
    return Error(ErrorCode::kExhausted,
                 StrCat("place ", name.ToText(), ": the table already has ", draft.name_count(),
                        " names; at most ", ZoneTable::Builder::kNamesMax));
  }
  // Everything between the name and its apex exists too, if only as an empty non-terminal.
  for (Name at = name; !(at == above); at = at.Parent()) draft.Get(at);
  return &draft.Get(name);
}

}  // namespace

ZoneTable::Builder::Builder(SipKey key) : draft_(std::make_unique<ZoneDraft>(key)) {}
ZoneTable::Builder::~Builder() = default;
ZoneTable::Builder::Builder(Builder&&) noexcept = default;
ZoneTable::Builder& ZoneTable::Builder::operator=(Builder&&) noexcept = default;

Status ZoneTable::Builder::AddZone(const Name& apex, const Soa& soa, std::uint32_t ttl) {
  if (ttl > kTtlMax || soa.minimum_s > kTtlMax) {
    return Error(ErrorCode::kInvalid, StrCat("add zone ", apex.ToText(), ": a TTL is above ",
                                             kTtlMax));
  }
  DraftNode& node = draft_->Get(apex);
  if (node.zone != 0) {
    return Error(ErrorCode::kInvalid, StrCat("add zone ", apex.ToText(), ": it is there already"));
  }
  auto zone = std::make_unique<Zone>();
  zone->apex = apex;
  zone->soa = soa;
  zone->soa_rdata = SoaRdata(soa);
  zone->negative_ttl = std::min(ttl, soa.minimum_s);
  zone->prepared_soa = PrepareSoa(*zone);
  draft_->Append(node, {apex, RrType::kSoa, ttl, zone->soa_rdata});
  ++node.types;
  draft_->zones.push_back(std::move(zone));
  node.zone = static_cast<std::uint32_t>(draft_->zones.size());
  return Ok();
}

Status ZoneTable::Builder::AddRecord(const Record& record) {
  const auto refuse = [&record](std::string_view cause) {
    return BadRecord(record.owner, record.type, cause);
  };
  const std::string objection = Objection(record);
  if (!objection.empty()) return refuse(objection);

  DraftNode* node = SUMMON_TRY(Place(*draft_, record.owner));
  const bool is_alias = record.type == RrType::kCname;
  std::size_t of_type = 0;
  for (DraftRef at = node->first; at != 0; at = draft_->record(at).next) {
    const DraftRecord& known = draft_->record(at);
    if (is_alias != (known.type == RrType::kCname)) {
      return refuse("a CNAME has no other record beside it (RFC 1034 section 3.6.2)");
    }
    if (known.type != record.type) continue;
    ++of_type;
    const Bytes rdata = known.rdata();
    if (!std::equal(rdata.begin(), rdata.end(), record.rdata.begin(), record.rdata.end())) {
      continue;
    }
    draft_->record(at).ttl = std::min(known.ttl, record.ttl);
    return Ok();
  }
  if (is_alias && of_type > 0) return refuse("a name has one CNAME only (RFC 2181 section 10.1)");
  if (of_type >= kSetMax) return refuse(StrCat("there are ", of_type, " already"));
  if (of_type == 0 && node->types == Node::kTypesMax) {
    return refuse(StrCat("the name has ", Node::kTypesMax, " types already"));
  }
  if (of_type == 0) ++node->types;
  draft_->Append(*node, record);
  return Ok();
}

Status ZoneTable::Builder::SetSigning(const Name& apex, Signing signing) {
  for (const auto& zone : draft_->zones) {
    if (!(zone->apex == apex)) continue;
    zone->keys = std::move(signing.keys);
    zone->owned_ttl_max = signing.owned_ttl_max;
    return Ok();
  }
  return Error(ErrorCode::kInvalid, StrCat("sign zone ", apex.ToText(), ": it is not ours"));
}

Status ZoneTable::Builder::SetOwner(const Name& name, OwnerTag owner) {
  DraftNode* node = SUMMON_TRY(Place(*draft_, name));
  if (node->owner != kStatic && node->owner != owner) {
    return Error(ErrorCode::kInvalid,
                 StrCat("give name ", name.ToText(), " to an owner: it has another one already"));
  }
  node->owner = owner;
  return Ok();
}

Result<std::unique_ptr<const ZoneTable>> ZoneTable::Builder::Build() && {
  const std::unique_ptr<ZoneDraft> draft = std::move(draft_);
  return ZoneLayout(*draft).Finish();
}

}  // namespace summon::dns
