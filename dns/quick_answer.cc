// SPDX-License-Identifier: Apache-2.0
// Prepared octets, put behind the question; TTLs and pointers are all that is written into them.
#include "dns/quick_answer.h"

#include "dns/rdata.h"

namespace summon::dns {

namespace {

constexpr std::size_t kTtlAt = 6;  // in a record whose owner is a pointer
constexpr std::size_t kPointer = 0xc000;

void PutBe16(std::span<std::uint8_t> octets, std::size_t at, std::size_t value) {
  octets[at] = static_cast<std::uint8_t>(value >> 8);
  octets[at + 1] = static_cast<std::uint8_t>(value);
}

void PutTtl(std::span<std::uint8_t> records, std::uint16_t count, std::uint32_t ttl) {
  std::size_t at = 0;
  for (std::uint16_t i = 0; i < count; ++i) {
    PutBe16(records, at + kTtlAt, ttl >> 16);
    PutBe16(records, at + kTtlAt + 2, ttl);
    const std::size_t length_at = at + RecordSet::kRecordHead - 2;
    at += RecordSet::kRecordHead + (std::size_t{records[length_at]} << 8 | records[length_at + 1]);
  }
}

bool AddRecords(ResponseWriter& writer, const Lookup& lookup, const AnswerOptions& options) {
  const RecordSet& set = *lookup.records;
  if (!writer.AddPrepared({.records = set.records(), .answers = set.count})) return false;
  const bool is_address = set.type == RrType::kA || set.type == RrType::kAaaa;
  if (options.owned_ttl && is_address && lookup.node->owner != kStatic) {
    PutTtl(writer.prepared_space(), set.count, *options.owned_ttl);
  }
  return true;
}

bool AddSoa(ResponseWriter& writer, const Lookup& lookup, const Query& query) {
  const PreparedSoa& soa = lookup.zone->prepared_soa;
  if (!writer.AddPrepared({.records = soa.octets, .authorities = 1})) return false;
  // The zone's name ends the question's.
  const std::size_t apex_at =
      kHeaderSize + query.name.wire().size() - lookup.zone->apex.wire().size();
  for (std::size_t i = 0; i < soa.pointer_count; ++i) {
    PutBe16(writer.prepared_space(), soa.pointers[i].at,
            kPointer | (apex_at + soa.pointers[i].in_apex));
  }
  return true;
}

}  // namespace

std::optional<Response> WriteQuickly(const Lookup& lookup, const Query& query,
                                     const AnswerOptions& options,
                                     std::span<std::uint8_t> space) {
  const bool has_records = lookup.kind == Lookup::Kind::kRecords;
  const bool is_missing = lookup.kind == Lookup::Kind::kNxDomain;
  if (!has_records && !is_missing && lookup.kind != Lookup::Kind::kNoData) return std::nullopt;
  if (lookup.zone->keys && options.signer && query.dnssec_ok()) return std::nullopt;
  if (query.type == RrType::kAny) return std::nullopt;
  if (has_records && CompressibleShape(query.type).names > 0) return std::nullopt;
  if (!has_records && lookup.zone->prepared_soa.octets.empty()) return std::nullopt;

  ResponseWriter writer(space, query);
  writer.SetAuthoritative();
  if (is_missing) writer.SetRcode(Rcode::kNxDomain);
  const bool fits =
      has_records ? AddRecords(writer, lookup, options) : AddSoa(writer, lookup, query);
  if (!fits) return std::nullopt;
  if (options.extended_error) writer.SetExtendedError(*options.extended_error);
  Response response = writer.Finish();
  response.subject = SubjectOf(lookup);
  return response;
}

}  // namespace summon::dns
