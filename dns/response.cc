// SPDX-License-Identifier: Apache-2.0
// Answers, octet by octet.
#include "dns/response.h"

#include <algorithm>

#include "base/check.h"
#include "dns/rdata.h"

namespace summon::dns {

namespace {

constexpr std::uint16_t kFlagResponse = 0x8000;
constexpr std::uint16_t kFlagAuthoritative = 0x0400;
constexpr std::uint16_t kFlagTruncated = 0x0200;
constexpr std::uint16_t kFlagRecursionDesired = 0x0100;
constexpr std::uint16_t kFlagRecursionAvailable = 0x0080;
constexpr std::uint16_t kFlagAuthenticData = 0x0020;
constexpr std::uint16_t kFlagCheckingDisabled = 0x0010;
constexpr std::uint16_t kPointer = 0xc000;
constexpr std::size_t kPointerReach = 0x4000;  // a pointer has 14 bits

}  // namespace

ResponseWriter::ResponseWriter(std::span<std::uint8_t> space, const Query& query)
    : writer_({}), query_(query) {
  space_ = space;
  Begin(query, static_cast<std::uint8_t>(Opcode::kQuery), true);
}

ResponseWriter::ResponseWriter(std::span<std::uint8_t> space, const Rejection& rejection)
    : writer_({}), query_(rejection.query) {
  space_ = space;
  rcode_ = rejection.rcode;
  extended_error_ = rejection.extended_error;
  Begin(rejection.query, rejection.opcode, rejection.has_question);
}

void ResponseWriter::Begin(const Query& query, std::uint8_t opcode, bool with_question) {
  SUMMON_CHECK(space_.size() >= kUdpSizeMin);
  space_ = space_.first(std::min(space_.size(), ResponseLimit(query)));
  const std::size_t opt_size = query.edns ? OptSize(*query.edns, query.reply) : 0;
  writer_ = ByteWriter(space_.first(space_.size() - opt_size));
  opcode_ = opcode;
  has_question_ = with_question;
  constexpr std::array<std::uint8_t, kHeaderSize> kEmptyHeader{};
  bool fits = writer_.Put(kEmptyHeader);
  if (with_question) {
    fits = fits && WriteQuestionName(query.name.wire()) &&
           writer_.Be16(static_cast<std::uint16_t>(query.type)) &&
           writer_.Be16(static_cast<std::uint16_t>(query.rr_class));
  }
  // A header, the longest question and the longest OPT.
  static_assert(kHeaderSize + Name::kWireMax + 4 + kOptSizeMax <= kUdpSizeMin);
  SUMMON_CHECK(fits);
}

// The first name: there is nothing that it could point at.
bool ResponseWriter::WriteQuestionName(Bytes wire) {
  const std::size_t position = writer_.position();
  if (!writer_.Put(wire)) return false;
  for (std::size_t at = 0; wire[at] != 0 && place_count_ < kPlacesMax; at += 1 + wire[at]) {
    places_[place_count_++] = static_cast<std::uint16_t>(position + at);
  }
  return true;
}

bool ResponseWriter::BeginSet(Section section) {
  if (truncated_) return false;
  const auto index = static_cast<std::size_t>(section);
  SUMMON_CHECK(index >= section_index_);
  section_index_ = index;
  set_position_ = writer_.position();
  set_places_ = place_count_;
  set_count_ = counts_[index];
  return true;
}

bool ResponseWriter::AbandonSet(Section section) {
  (void)writer_.Rewind(set_position_);  // it was passed on the way here
  place_count_ = set_places_;
  counts_[section_index_] = set_count_;
  if (section != Section::kAdditional) truncated_ = true;
  return false;
}

bool ResponseWriter::AddRecord(const RecordHead& head, Bytes rdata) {
  if (!WriteName(head.owner.wire()) || !writer_.Be16(static_cast<std::uint16_t>(head.type)) ||
      !writer_.Be16(static_cast<std::uint16_t>(head.rr_class)) || !writer_.Be32(head.ttl) ||
      !WriteRdata(head.type, rdata)) {
    return false;
  }
  ++counts_[section_index_];
  return true;
}

bool ResponseWriter::AddPrepared(const Prepared& prepared) {
  SUMMON_CHECK(section_index_ == 0 && counts_ == decltype(counts_){});
  const std::size_t at = writer_.position();
  if (!writer_.Put(prepared.records)) {
    truncated_ = true;
    return false;
  }
  prepared_ = space_.subspan(at, prepared.records.size());
  counts_[0] = prepared.answers;
  counts_[1] = prepared.authorities;
  section_index_ = static_cast<std::size_t>(Section::kAdditional);
  return true;
}

bool ResponseWriter::WriteRdata(RrType type, Bytes rdata) {
  const std::size_t length_at = writer_.position();
  if (!writer_.Be16(0)) return false;
  const RdataShape shape = CompressibleShape(type);
  if (shape.names > 0 && rdata.size() >= shape.prefix) {
    if (!writer_.Put(rdata.first(shape.prefix))) return false;
    rdata = rdata.subspan(shape.prefix);
    for (std::size_t i = 0; i < shape.names; ++i) {
      const std::size_t name_size = WireNameLength(rdata);
      if (!WriteName(rdata.first(name_size))) return false;
      rdata = rdata.subspan(name_size);
    }
  }
  if (!writer_.Put(rdata)) return false;
  const std::size_t length = writer_.position() - length_at - 2;
  return writer_.PatchBe16(length_at, static_cast<std::uint16_t>(length));
}

bool ResponseWriter::WriteName(Bytes wire) {
  std::size_t at = 0;
  while (at < wire.size() && wire[at] != 0) {
    if (const auto place = FindPlace(wire.subspan(at))) {
      return writer_.Be16(static_cast<std::uint16_t>(kPointer | *place));
    }
    const std::size_t position = writer_.position();
    const std::size_t label_size = 1 + std::size_t{wire[at]};
    if (!writer_.Put(wire.subspan(at, label_size))) return false;
    // A place is remembered before its name is whole: within one name nothing matches it, for a
    // suffix is shorter than the name it ends.
    if (position < kPointerReach && place_count_ < kPlacesMax) {
      places_[place_count_++] = static_cast<std::uint16_t>(position);
    }
    at += label_size;
  }
  return writer_.U8(0);
}

std::optional<std::uint16_t> ResponseWriter::FindPlace(Bytes wire) const {
  for (std::size_t i = 0; i < place_count_; ++i) {
    if (MatchesAt(places_[i], wire)) return places_[i];
  }
  return std::nullopt;
}

bool ResponseWriter::MatchesAt(std::size_t at, Bytes wire) const {
  const Bytes message = writer_.written();
  while (true) {
    if (at >= message.size()) return false;  // a name that is being written
    const std::uint8_t length = message[at];
    if ((length & 0xc0) == 0xc0) {
      at = static_cast<std::size_t>(length & 0x3f) << 8 | message[at + 1];  // ours: leads backward
      continue;
    }
    if (length != wire[0]) return false;
    if (length == 0) return true;
    const std::size_t size = 1 + std::size_t{length};
    if (!EqualFolded(message.subspan(at, size), wire.first(size))) return false;
    at += size;
    wire = wire.subspan(size);
  }
}

std::size_t ResponseWriter::WriteOpt() {
  OptContent content{.asked = *query_.edns, .reply = query_.reply, .rcode = rcode_};
  content.error = extended_error_;
  content.compact = compact_;
  content.before = writer_.position();
  content.encrypted = query_.transport == Transport::kTls;
  // Into what follows the records, with the octets that were kept back.
  return dns::WriteOpt(space_.subspan(writer_.position()), content);
}

void ResponseWriter::WriteHeader() {
  const std::uint16_t flags = static_cast<std::uint16_t>(
      kFlagResponse | (opcode_ & 0xf) << 11 | (authoritative_ ? kFlagAuthoritative : 0) |
      (truncated_ ? kFlagTruncated : 0) | (query_.recursion_desired ? kFlagRecursionDesired : 0) |
      (recursion_available_ ? kFlagRecursionAvailable : 0) |
      (authentic_data_ ? kFlagAuthenticData : 0) |
      (recursion_available_ && query_.checking_disabled ? kFlagCheckingDisabled : 0) |
      (static_cast<std::uint16_t>(rcode_) & 0xf));
  ByteWriter header(space_);
  (void)header.Be16(query_.id);  // Begin() has made room for the header
  (void)header.Be16(flags);
  (void)header.Be16(has_question_ ? 1 : 0);
  (void)header.Be16(counts_[0]);
  (void)header.Be16(counts_[1]);
  (void)header.Be16(static_cast<std::uint16_t>(counts_[2] + (query_.edns ? 1 : 0)));
}

Response ResponseWriter::Finish() {
  const std::size_t opt_size = query_.edns ? WriteOpt() : 0;
  WriteHeader();
  return Response{Bytes(space_.first(writer_.position() + opt_size)), rcode_, truncated_, opt_size};
}

}  // namespace summon::dns
