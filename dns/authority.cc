// SPDX-License-Identifier: Apache-2.0
// Answers from the zone table.
//
// Both entry points make the same plan - which aliases, then what - so what Resolve() promises is
// what WriteAnswer() writes.
#include "dns/authority.h"

#include <array>

namespace summon::dns {

namespace {

// Aliases followed within our zones; a longer chain is cut and the client follows the rest.
constexpr std::size_t kAliasesMax = 8;
constexpr std::uint32_t kMinimalAnyTtl = 3'600;  // as in the examples of RFC 8482 section 6
// HINFO "RFC8482" "" (RFC 8482 section 4.2).
constexpr std::array<std::uint8_t, 9> kMinimalAnyRdata = {7, 'R', 'F', 'C', '8', '4', '8', '2', 0};

struct Alias {
  Name owner;
  const RecordSet* records = nullptr;
};

struct Plan {
  Resolution::Kind kind = Resolution::Kind::kRefused;
  std::array<Alias, kAliasesMax> aliases;
  std::size_t alias_count = 0;
  Name name;  // the question's, or where the aliases lead
  Lookup lookup;

  // For rate limiting: the node that the records come from (of a wildcard, its own), else the zone.
  std::uint64_t Subject() const {
    const bool named = kind == Resolution::Kind::kRecords || kind == Resolution::Kind::kReferral;
    const void* about = lookup.zone;
    if (named && lookup.node) about = lookup.node;
    // SAFETY: only told apart, never followed.
    return reinterpret_cast<std::uintptr_t>(about);
  }
  OwnerTag owner() const { return lookup.node ? lookup.node->owner : kStatic; }
  bool Followed(const Name& candidate) const {
    for (std::size_t i = 0; i < alias_count; ++i) {
      if (aliases[i].owner == candidate) return true;
    }
    return false;
  }
};

Resolution::Kind KindOf(Lookup::Kind kind) {
  switch (kind) {
    case Lookup::Kind::kRecords: return Resolution::Kind::kRecords;
    case Lookup::Kind::kAlias:
    case Lookup::Kind::kNoData: return Resolution::Kind::kNoData;
    case Lookup::Kind::kNxDomain: return Resolution::Kind::kNxDomain;
    case Lookup::Kind::kDelegation: return Resolution::Kind::kReferral;
    case Lookup::Kind::kNotOurs: return Resolution::Kind::kRefused;
  }
  return Resolution::Kind::kRefused;
}

// Fills `plan`, which is large: the aliases are kept in it by value.
void MakePlan(const ZoneTable& table, const Query& query, Plan& plan) {
  if (query.rr_class != RrClass::kIn || query.type == RrType::kAxfr ||
      query.type == RrType::kIxfr) {
    return;
  }
  plan.name = query.name;
  while (true) {
    plan.lookup = table.Find(plan.name, query.type);
    if (plan.lookup.kind != Lookup::Kind::kAlias) break;
    Alias& alias = plan.aliases[plan.alias_count++];
    alias.owner = plan.name;
    alias.records = plan.lookup.records;
    // The table has checked that the data is one whole name.
    plan.name = *Name::FromWire(alias.records->rdatas().front());
    if (plan.alias_count == kAliasesMax || plan.Followed(plan.name)) break;
  }
  plan.kind = KindOf(plan.lookup.kind);
  // Out of our zones: the aliases are all that we know, and no error.
  if (plan.lookup.kind == Lookup::Kind::kNotOurs && plan.alias_count > 0) {
    plan.kind = Resolution::Kind::kNoData;
  }
}

void AddSoa(ResponseWriter& writer, const Zone& zone) {
  const RecordHead head{zone.apex, RrType::kSoa, zone.negative_ttl};
  (void)writer.Add(Section::kAuthority, head, zone.soa_rdata);  // else TC says so
}

// Addresses of the name servers in `servers`, as far as we know them and they fit. Names with an
// owner are left out: giving their addresses away unasked is not ours to decide.
void AddServerAddresses(ResponseWriter& writer, const ZoneTable& table, const RecordSet& servers) {
  for (const Bytes rdata : servers.rdatas()) {
    const auto name = Name::FromWire(rdata);
    const Node* node = name ? table.FindGlue(*name) : nullptr;
    if (!node || node->owner != kStatic) continue;
    for (const RrType type : {RrType::kA, RrType::kAaaa}) {
      const RecordSet* set = node->Find(type);
      if (!set) continue;
      const RecordHead head{*name, type, set->ttl};
      (void)writer.AddSet(Section::kAdditional, head, set->rdatas());  // only a help
    }
  }
}

void WriteRecords(ResponseWriter& writer, const ZoneTable& table, const Query& query,
                  const Plan& plan, const AnswerOptions& options) {
  const RecordSet& records = *plan.lookup.records;
  if (query.type == RrType::kAny && records.type != RrType::kCname) {
    const RecordHead head{plan.name, RrType::kHinfo, kMinimalAnyTtl};
    (void)writer.Add(Section::kAnswer, head, kMinimalAnyRdata);  // else TC says so
    return;
  }
  const bool is_address = records.type == RrType::kA || records.type == RrType::kAaaa;
  const bool is_owned = is_address && plan.owner() != kStatic && options.owned_ttl.has_value();
  const RecordHead head{plan.name, records.type, is_owned ? *options.owned_ttl : records.ttl};
  if (!writer.AddSet(Section::kAnswer, head, records.rdatas())) return;
  if (records.type == RrType::kNs) AddServerAddresses(writer, table, records);
}

// The sections, by the plan. The RCODE of a chain of aliases is that of its end (RFC 6604).
void WritePlan(ResponseWriter& writer, const ZoneTable& table, const Query& query,
               const Plan& plan, const AnswerOptions& options) {
  for (std::size_t i = 0; i < plan.alias_count; ++i) {
    const Alias& alias = plan.aliases[i];
    const RecordHead head{alias.owner, RrType::kCname, alias.records->ttl};
    if (!writer.AddSet(Section::kAnswer, head, alias.records->rdatas())) break;
  }
  // AA speaks of the first owner name in the answer (RFC 1035 section 4.1.1).
  if (plan.alias_count > 0) writer.SetAuthoritative();
  switch (plan.kind) {
    case Resolution::Kind::kRecords:
      writer.SetAuthoritative();
      WriteRecords(writer, table, query, plan, options);
      break;
    case Resolution::Kind::kNxDomain:
      writer.SetRcode(Rcode::kNxDomain);
      [[fallthrough]];
    case Resolution::Kind::kNoData:
      writer.SetAuthoritative();
      // A chain that leads out of our zones, or was cut, proves nothing about its end.
      if (plan.lookup.kind == Lookup::Kind::kNoData ||
          plan.lookup.kind == Lookup::Kind::kNxDomain) {
        AddSoa(writer, *plan.lookup.zone);
      }
      break;
    case Resolution::Kind::kReferral: {
      const RecordSet& servers = *plan.lookup.records;
      const Name cut = plan.lookup.node->name();
      const RecordHead head{cut, RrType::kNs, servers.ttl};
      if (writer.AddSet(Section::kAuthority, head, servers.rdatas())) {
        AddServerAddresses(writer, table, servers);
      }
      break;
    }
    case Resolution::Kind::kRefused:
      writer.SetRcode(Rcode::kRefused);
      writer.SetExtendedError({EdeCode::kNotAuthoritative, {}});
      break;
  }
}

}  // namespace

Resolution Resolve(const ZoneTable& table, const Query& query) {
  Plan plan;
  MakePlan(table, query, plan);
  return Resolution{plan.kind, plan.owner()};
}

Response WriteAnswer(const ZoneTable& table, const Query& query, const AnswerOptions& options,
                     std::span<std::uint8_t> space) {
  Plan plan;
  MakePlan(table, query, plan);
  ResponseWriter writer(space, query);
  WritePlan(writer, table, query, plan, options);
  if (options.extended_error) writer.SetExtendedError(*options.extended_error);
  Response response = writer.Finish();
  response.subject = plan.Subject();
  return response;
}

Response WriteError(const Query& query, const ErrorAnswer& error, std::span<std::uint8_t> space) {
  ResponseWriter writer(space, query);
  writer.SetRcode(error.rcode);
  if (error.extended_error) writer.SetExtendedError(*error.extended_error);
  return writer.Finish();
}

Response WriteRejection(const Rejection& rejection, std::span<std::uint8_t> space) {
  ResponseWriter writer(space, rejection);
  // Who asks for nothing but a cookie hears whether the one that it has is good (RFC 7873
  // section 5.4).
  if (rejection.reason == RejectReason::kCookieOnly &&
      rejection.query.cookie_state() == CookieState::kBad) {
    writer.SetRcode(Rcode::kBadCookie);
  }
  return writer.Finish();
}

}  // namespace summon::dns
