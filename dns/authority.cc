// SPDX-License-Identifier: Apache-2.0
// Answers from the zone table.
//
// Both entry points make the same plan - which aliases, then what - so what Resolve() promises is
// what WriteAnswer() writes.
#include "dns/authority.h"

#include <algorithm>
#include <array>

#include "dns/quick_answer.h"
#include "dns/signed_sections.h"

namespace summon::dns {

namespace {

// Aliases followed within our zones; a longer chain is cut and the client follows the rest.
constexpr std::size_t kAliasesMax = 8;
constexpr std::uint32_t kMinimalAnyTtl = 3'600;  // as in the examples of RFC 8482 section 6
// HINFO "RFC8482" "" (RFC 8482 section 4.2).
constexpr std::array<std::uint8_t, 9> kMinimalAnyRdata = {7, 'R', 'F', 'C', '8', '4', '8', '2', 0};

struct Alias {
  Name owner;
  Lookup lookup;
};

struct Plan {
  Resolution::Kind kind = Resolution::Kind::kRefused;
  std::array<Alias, kAliasesMax> aliases;
  std::size_t alias_count = 0;
  Name name;  // the question's, or where the aliases lead
  Lookup lookup;

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

// Kinds of records that a signed zone has at every name, and that are made when they are asked for.
bool IsProof(const Zone& zone, RrType type) {
  return zone.keys != nullptr && (type == RrType::kNsec || type == RrType::kRrsig);
}

// What the table may be asked for.
bool IsAsked(const Query& query) {
  return query.rr_class == RrClass::kIn && query.type != RrType::kAxfr &&
         query.type != RrType::kIxfr;
}

// Fills `plan`, which is large: the aliases are kept in it by value.
void MakePlan(const ZoneTable& table, const Query& query, Plan& plan) {
  if (!IsAsked(query)) return;
  plan.name = query.name;
  while (true) {
    plan.lookup = table.Find(plan.name, query.type);
    if (plan.lookup.kind != Lookup::Kind::kAlias) break;
    if (IsProof(*plan.lookup.zone, query.type)) break;  // stands beside an alias
    Alias& alias = plan.aliases[plan.alias_count++];
    alias.owner = plan.name;
    alias.lookup = plan.lookup;
    // The table has checked that the data is one whole name.
    plan.name = *Name::FromWire(alias.lookup.records->rdatas().front());
    if (plan.alias_count == kAliasesMax || plan.Followed(plan.name)) break;
  }
  plan.kind = KindOf(plan.lookup.kind);
  // Out of our zones: the aliases are all that we know, and no error.
  if (plan.lookup.kind == Lookup::Kind::kNotOurs && plan.alias_count > 0) {
    plan.kind = Resolution::Kind::kNoData;
  }
}

// The records that WritePlan() takes from, and where it puts them.
struct Output {
  const ZoneTable& table;
  const Query& query;
  const AnswerOptions& options;
  ResponseWriter& writer;
  SignedSections& sections;
};

// SOA, and what proves that `name` has not what was asked for.
void AddDenial(Output& out, const Plan& plan) {
  const Zone& zone = *plan.lookup.zone;
  const RecordHead head{zone.apex, RrType::kSoa, zone.negative_ttl};
  if (!out.sections.Add(Section::kAuthority, {.zone = zone}, head, zone.soa_rdata)) return;
  out.sections.AddDenial(Section::kAuthority, zone, plan.name, plan.lookup.node);
}

// Addresses of the name servers in `servers`, as far as we know them and they fit. Names with an
// owner are left out: giving their addresses away unasked is not ours to decide. Servers below
// `cut` cannot be found without their addresses: when those do not fit, TC says so (RFC 9471
// section 3.1).
void AddServerAddresses(Output& out, const RecordSet& servers, const Node* cut) {
  for (const Bytes rdata : servers.rdatas()) {
    const auto name = Name::FromWire(rdata);
    const Node* node = name ? out.table.FindGlue(*name) : nullptr;
    if (!node || node->owner != kStatic) continue;
    for (const RrType type : {RrType::kA, RrType::kAaaa}) {
      const RecordSet* set = node->Find(type);
      if (!set) continue;
      const RecordHead head{*name, type, set->ttl};
      // Glue is another server's data, which we do not sign. The rest is only a help.
      if (node->cut) {
        const bool fits = out.writer.AddSet(Section::kAdditional, head, set->rdatas());
        if (!fits && node->cut == cut) out.writer.SetTruncated();
      } else {
        (void)out.sections.AddSet(Section::kAdditional, {.zone = *node->zone, .node = node}, head,
                                  set->rdatas());
      }
    }
  }
}

void WriteRecords(Output& out, const Plan& plan) {
  const RecordSet& records = *plan.lookup.records;
  SignedSections::Source source{.zone = *plan.lookup.zone, .node = plan.lookup.node};
  if (out.query.type == RrType::kAny && records.type != RrType::kCname) {
    const RecordHead head{plan.name, RrType::kHinfo, kMinimalAnyTtl};
    (void)out.sections.Add(Section::kAnswer, source, head, kMinimalAnyRdata);  // else TC says so
    return;
  }
  const bool is_address = records.type == RrType::kA || records.type == RrType::kAaaa;
  const bool is_owned = is_address && plan.owner() != kStatic;
  const std::uint32_t ttl = is_owned ? out.options.owned_ttl.value_or(records.ttl) : records.ttl;
  if (is_owned) source.original_ttl = std::max(ttl, source.zone.owned_ttl_max);
  const RecordHead head{plan.name, records.type, ttl};
  if (!out.sections.AddSet(Section::kAnswer, source, head, records.rdatas())) return;
  if (records.type == RrType::kNs) AddServerAddresses(out, records, nullptr);
}

// The name may not have the type, or may not be; in a signed zone every name has proofs.
void WriteAbsence(Output& out, const Plan& plan) {
  const Zone& zone = *plan.lookup.zone;
  const bool is_missing = plan.lookup.kind == Lookup::Kind::kNxDomain;
  if (out.sections.Proves(zone)) {
    if (out.query.compact_ok()) out.writer.SetCompact();
    // A compact denial says that the name exists and has nothing, with NXNAME in the small print.
    if (is_missing && out.query.compact_ok()) out.writer.SetRcode(Rcode::kNxDomain);
    if (out.query.type == RrType::kNsec) {
      out.sections.AddDenial(Section::kAnswer, zone, plan.name, plan.lookup.node);
      return;
    }
    if (out.query.type == RrType::kRrsig) {
      out.sections.AddSomeSignature(zone, plan.name, plan.lookup.node);
      return;
    }
  } else if (is_missing) {
    out.writer.SetRcode(Rcode::kNxDomain);
  }
  AddDenial(out, plan);
}

void WriteReferral(Output& out, const Plan& plan) {
  const Zone& zone = *plan.lookup.zone;
  const Node& cut = *plan.lookup.node;
  const RecordSet& servers = *plan.lookup.records;
  const Name name = cut.name();
  // The servers are the child's to sign; whether it is signed is ours to say.
  const RecordHead head{name, RrType::kNs, servers.ttl};
  if (!out.writer.AddSet(Section::kAuthority, head, servers.rdatas())) return;
  if (const RecordSet* keys = cut.Find(RrType::kDs)) {
    const RecordHead ds_head{name, RrType::kDs, keys->ttl};
    if (out.sections.Proves(zone)) {
      (void)out.sections.AddSet(Section::kAuthority, {.zone = zone, .node = &cut}, ds_head,
                                keys->rdatas());  // else TC says so
    }
  } else {
    out.sections.AddDenial(Section::kAuthority, zone, name, &cut);
  }
  AddServerAddresses(out, servers, &cut);
}

EdeCode RefusalOf(const Query& query) {
  if (query.rr_class != RrClass::kIn) return EdeCode::kNotSupported;
  if (query.type == RrType::kAxfr || query.type == RrType::kIxfr) return EdeCode::kProhibited;
  return EdeCode::kNotAuthoritative;
}

// The sections, by the plan. The RCODE of a chain of aliases is that of its end (RFC 6604).
void WritePlan(Output& out, const Plan& plan) {
  for (std::size_t i = 0; i < plan.alias_count; ++i) {
    const Alias& alias = plan.aliases[i];
    const RecordSet& records = *alias.lookup.records;
    const RecordHead head{alias.owner, RrType::kCname, records.ttl};
    const SignedSections::Source source{.zone = *alias.lookup.zone, .node = alias.lookup.node};
    if (!out.sections.AddSet(Section::kAnswer, source, head, records.rdatas())) break;
  }
  // AA speaks of the first owner name in the answer (RFC 1035 section 4.1.1).
  if (plan.alias_count > 0) out.writer.SetAuthoritative();
  switch (plan.kind) {
    case Resolution::Kind::kRecords:
      out.writer.SetAuthoritative();
      WriteRecords(out, plan);
      break;
    case Resolution::Kind::kNxDomain:
    case Resolution::Kind::kNoData: {
      out.writer.SetAuthoritative();
      // A chain that leads out of our zones, or was cut, proves nothing about its end.
      const bool is_cut = plan.lookup.kind == Lookup::Kind::kAlias && plan.alias_count > 0;
      if (plan.lookup.kind != Lookup::Kind::kNotOurs && !is_cut) WriteAbsence(out, plan);
      break;
    }
    case Resolution::Kind::kReferral:
      WriteReferral(out, plan);
      break;
    case Resolution::Kind::kRefused:
      out.writer.SetRcode(Rcode::kRefused);
      out.writer.SetExtendedError({RefusalOf(out.query), {}});
      break;
  }
}

// Instead of an answer that could not be signed: without its signatures nobody who wants them may
// believe it.
Response WriteUnsigned(const Query& query, SignOutcome outcome, std::span<std::uint8_t> space) {
  ResponseWriter writer(space, query);
  // Who comes back over a connection has an address of its own, and a rate apart.
  if (outcome == SignOutcome::kLimited && !IsStream(query.transport)) {
    writer.SetTruncated();
    return writer.Finish();
  }
  writer.SetRcode(Rcode::kServFail);
  writer.SetExtendedError({EdeCode::kOther, outcome == SignOutcome::kLimited
                                                ? "too many signatures to make"
                                                : "the answer cannot be signed"});
  return writer.Finish();
}

// Large, because of what may be on the way to the answer; answers of prepared records do without.
[[gnu::noinline]] Response WriteByPlan(const ZoneTable& table, const Query& query,
                                       const AnswerOptions& options,
                                       std::span<std::uint8_t> space) {
  Plan plan;
  MakePlan(table, query, plan);
  ResponseWriter writer(space, query);
  SignedSections sections(writer, query, options.signer);
  Output out{table, query, options, writer, sections};
  WritePlan(out, plan);
  if (sections.outcome() != SignOutcome::kSigned) {
    return WriteUnsigned(query, sections.outcome(), space);
  }
  if (options.extended_error) writer.SetExtendedError(*options.extended_error);
  Response response = writer.Finish();
  response.subject = SubjectOf(plan.lookup);
  return response;
}

}  // namespace

Resolution Resolve(const ZoneTable& table, const Query& query) {
  if (!IsAsked(query)) return {};
  const Lookup lookup = table.Find(query.name, query.type);
  if (lookup.kind != Lookup::Kind::kAlias) {
    return {KindOf(lookup.kind), lookup.node ? lookup.node->owner : kStatic, lookup};
  }
  Plan plan;
  MakePlan(table, query, plan);
  return {plan.kind, plan.owner(), std::nullopt};
}

std::uint64_t SubjectOf(const Lookup& lookup) {
  const bool named = lookup.kind == Lookup::Kind::kRecords ||
                     lookup.kind == Lookup::Kind::kDelegation;
  const void* about = lookup.zone;
  if (named && lookup.node) about = lookup.node;
  // SAFETY: only told apart, never followed.
  return reinterpret_cast<std::uintptr_t>(about);
}

Response WriteAnswer(const ZoneTable& table, const Query& query, const AnswerOptions& options,
                     std::span<std::uint8_t> space) {
  return WriteAnswer(table, query, Resolve(table, query), options, space);
}

Response WriteAnswer(const ZoneTable& table, const Query& query, const Resolution& resolution,
                     const AnswerOptions& options, std::span<std::uint8_t> space) {
  if (resolution.direct) {
    const auto quick = WriteQuickly(*resolution.direct, query, options, space);
    if (quick) return *quick;
  }
  return WriteByPlan(table, query, options, space);
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
