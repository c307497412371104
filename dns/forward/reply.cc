// SPDX-License-Identifier: Apache-2.0
// The parser of replies. Every read is bounded by ByteReader, every loop by a count of the message
// that is itself bounded.
#include "dns/forward/reply.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "dns/forward/question.h"
#include "dns/message.h"
#include "dns/message_reader.h"
#include "dns/rdata.h"

namespace summon::dns::forward {

namespace {

constexpr std::uint16_t kFlagResponse = 0x8000;
constexpr std::uint16_t kFlagOpcode = 0x7800;
constexpr std::uint16_t kFlagTruncated = 0x0200;
constexpr std::uint16_t kFlagAuthenticData = 0x0020;
constexpr std::uint16_t kRcodeBits = 0x000f;
constexpr std::uint32_t kTtlMax = 0x7fff'ffff;      // RFC 2181 section 8: what is above means 0
constexpr std::uint16_t kOptionExtendedError = 15;  // RFC 8914 section 2

// The name that data begins with after `prefix` octets; `end` is where the reader then stands.
std::optional<Name> NameInData(Bytes message, const MessageRecord& record, std::size_t prefix,
                               std::size_t* end = nullptr) {
  ByteReader reader(message.first(record.rdata_at + record.rdata.size()));
  if (!reader.Seek(record.rdata_at) || !reader.Skip(prefix)) return std::nullopt;
  const auto name = ReadName(reader);
  if (name && end != nullptr) *end = reader.position();
  return name;
}

// True when the data is what its type says, as far as pointers may stand in it: one that leads
// nowhere must not reach a client.
bool DataIsWellFormed(Bytes message, const MessageRecord& record) {
  const std::size_t size = record.rdata.size();
  if (record.type == RrType::kA) return size == 4;
  if (record.type == RrType::kAaaa) return size == 16;
  std::size_t prefix = 0;
  std::size_t names = 0;
  if (record.type == RrType::kSrv || record.type == RrType::kDname) {
    // Not to be compressed (RFC 2782, RFC 6672), but some do.
    prefix = record.type == RrType::kSrv ? 6 : 0;
    names = 1;
  } else {
    const RdataShape shape = CompressibleShape(record.type);
    prefix = shape.prefix;
    names = shape.names;
  }
  std::size_t at = 0;
  for (std::size_t i = 0; i < names; ++i) {
    std::size_t end = 0;
    if (!NameInData(message, record, at + prefix, &end)) return false;
    at = end - record.rdata_at;
    prefix = 0;
  }
  if (record.type == RrType::kSoa) return size - at == 20;  // five numbers (RFC 1035)
  return names == 0 || at == size;
}

std::uint32_t SaneTtl(std::uint32_t ttl) { return ttl > kTtlMax ? 0 : ttl; }

// The least of SOA's TTL and its MINIMUM, which are its last four octets.
std::uint32_t NegativeTtl(const MessageRecord& soa) {
  ByteReader reader(soa.rdata.last(4));
  return std::min(SaneTtl(soa.ttl), SaneTtl(*reader.Be32()));
}

// True when a hint of an SVCB or HTTPS record (RFC 9460 section 2.2) is a private address.
bool HasPrivateHint(Bytes message, const MessageRecord& record) {
  constexpr std::uint16_t kIpv4Hint = 4;
  constexpr std::uint16_t kIpv6Hint = 6;
  std::size_t end = 0;
  if (!NameInData(message, record, 2, &end)) return false;
  ByteReader reader(record.rdata.subspan(end - record.rdata_at));
  while (true) {
    const auto key = reader.Be16();
    const auto length = reader.Be16();
    if (!length) return false;
    const auto value = reader.Take(*length);
    if (!value) return false;
    const std::size_t step = *key == kIpv4Hint ? 4 : 16;
    if (*key != kIpv4Hint && *key != kIpv6Hint) continue;
    for (std::size_t at = 0; at + step <= value->size(); at += step) {
      if (IsPrivateAddress(value->subspan(at, step))) return true;
    }
  }
}

bool LeadsIntoPrivate(Bytes message, const MessageRecord& record) {
  switch (record.type) {
    case RrType::kA:
    case RrType::kAaaa:
      return IsPrivateAddress(record.rdata);
    case RrType::kSvcb:
    case RrType::kHttps:
      return HasPrivateHint(message, record);
    default:
      return false;
  }
}

// The name that was asked for and those that its aliases lead to.
class Trail {
 public:
  explicit Trail(const Name& start) { names_[count_++] = start; }

  bool Has(const Name& name) const {
    return std::any_of(names_.begin(), names_.begin() + count_,
                       [&name](const Name& one) { return one == name; });
  }
  // At one of the names or above one.
  bool IsAbove(const Name& name) const {
    return std::any_of(names_.begin(), names_.begin() + count_,
                       [&name](const Name& one) { return one.IsSubdomainOf(name); });
  }
  bool Add(const Name& name) {
    if (count_ == std::ssize(names_)) return false;
    names_[count_++] = name;
    return true;
  }

 private:
  std::array<Name, kAliasesMax + 1> names_;
  std::ptrdiff_t count_ = 0;
};

class Parser {
 public:
  Parser(Bytes message, const Expected& expected)
      : message_(message), reader_(message), expected_(expected), trail_(expected.name) {}

  ReplyVerdict Run();

 private:
  std::optional<Forgery> CheckHead();
  // False when a record is malformed.
  bool ReadAnswers();
  bool WalkAnswers(std::size_t& grown);
  bool ReadAuthorities();
  bool ReadAdditionals();
  bool TakeOpt(const MessageRecord& record);
  bool AnswersBelong();
  void Lower(std::uint32_t ttl) { least_ttl_ = std::min(least_ttl_, SaneTtl(ttl)); }
  void Conclude();

  Bytes message_;
  ByteReader reader_;
  const Expected& expected_;
  MessageHeader header_{};
  Trail trail_;
  Reply reply_;
  std::uint32_t least_ttl_ = kTtlMax;
  std::optional<std::uint32_t> soa_ttl_;
  bool off_topic_ = false;
  bool has_data_ = false;  // a record of the type that was asked for
};

std::optional<Forgery> Parser::CheckHead() {
  const auto header = ReadHeader(reader_);
  if (!header) return Forgery::kMalformed;
  header_ = *header;
  if (!(header_.flags & kFlagResponse) || (header_.flags & kFlagOpcode)) {
    return Forgery::kNotResponse;
  }
  if (header_.id != expected_.id) return Forgery::kWrongId;
  if (header_.questions != 1) return Forgery::kWrongQuestion;
  const auto name = ReadName(reader_);
  const auto type = reader_.Be16(), rr_class = reader_.Be16();
  if (!name || !rr_class) return Forgery::kMalformed;
  if (!(*name == expected_.name) || *type != static_cast<std::uint16_t>(expected_.type) ||
      *rr_class != static_cast<std::uint16_t>(RrClass::kIn)) {
    return Forgery::kWrongQuestion;
  }
  if (expected_.exact_case && !SameOctets(*name, expected_.name)) return Forgery::kWrongCase;
  return std::nullopt;
}

// Follows the aliases once, in the order of the records.
bool Parser::WalkAnswers(std::size_t& grown) {
  if (!reader_.Seek(reply_.records_at)) return false;
  for (std::size_t i = 0; i < header_.answers; ++i) {
    const auto record = ReadRecord(reader_);
    if (!record || record->type == RrType::kOpt || !DataIsWellFormed(message_, *record)) {
      return false;
    }
    if (record->type != RrType::kCname || !trail_.Has(record->owner)) continue;
    const auto target = NameInData(message_, *record, 0);
    if (!target) return false;
    if (trail_.Has(*target)) continue;
    if (!trail_.Add(*target)) return false;
    ++grown;
  }
  return true;
}

bool Parser::ReadAnswers() {
  // Some servers give aliases in another order than they lead: walk until nothing is new. Each walk
  // but the last adds a name, and the names are bounded.
  std::size_t grown = 1;
  while (grown > 0) {
    grown = 0;
    if (!WalkAnswers(grown)) return false;
    if (header_.answers < 2) break;
  }
  return reader_.Seek(reply_.records_at) && AnswersBelong();
}

bool Parser::AnswersBelong() {
  for (std::size_t i = 0; i < header_.answers; ++i) {
    const auto record = ReadRecord(reader_);
    if (!record) return false;
    // A DNAME stands above the name, and so does its signature.
    const bool may_be_above = record->type == RrType::kDname || record->type == RrType::kRrsig;
    const bool belongs = record->rr_class == static_cast<std::uint16_t>(RrClass::kIn) &&
                         (trail_.Has(record->owner) ||
                          (may_be_above && trail_.IsAbove(record->owner)));
    if (!belongs) off_topic_ = true;
    if (record->type == expected_.type || expected_.type == RrType::kAny) has_data_ = true;
    if (LeadsIntoPrivate(message_, *record)) reply_.private_address = true;
    Lower(record->ttl);
  }
  return true;
}

bool Parser::ReadAuthorities() {
  for (std::size_t i = 0; i < header_.authorities; ++i) {
    const auto record = ReadRecord(reader_);
    if (!record || record->type == RrType::kOpt || !DataIsWellFormed(message_, *record)) {
      return false;
    }
    const bool names_zone = record->type == RrType::kSoa || record->type == RrType::kNs;
    if (record->rr_class != static_cast<std::uint16_t>(RrClass::kIn) ||
        (names_zone && !trail_.IsAbove(record->owner))) {
      off_topic_ = true;
    }
    if (record->type == RrType::kSoa) {
      soa_ttl_ = std::min(soa_ttl_.value_or(kTtlMax), NegativeTtl(*record));
    }
    Lower(record->ttl);
  }
  return true;
}

bool Parser::TakeOpt(const MessageRecord& record) {
  if (reply_.has_edns || !record.owner.is_root()) return false;
  reply_.has_edns = true;
  const auto upper = static_cast<std::uint16_t>(record.ttl >> 24 << 4);
  reply_.rcode = static_cast<Rcode>(static_cast<std::uint16_t>(reply_.rcode) | upper);
  ByteReader options(record.rdata);
  while (options.remaining() > 0) {
    const auto code = options.Be16();
    const auto length = options.Be16();
    if (!length) return false;
    const auto value = options.Take(*length);
    if (!value) return false;
    if (*code != kOptionExtendedError || reply_.extended_error || value->size() < 2) continue;
    reply_.extended_error = static_cast<std::uint16_t>((*value)[0] << 8 | (*value)[1]);
  }
  return true;
}

bool Parser::ReadAdditionals() {
  for (std::size_t i = 0; i < header_.additionals; ++i) {
    const auto record = ReadRecord(reader_);
    if (!record) return false;
    if (record->type == RrType::kOpt && !TakeOpt(*record)) return false;
  }
  return reader_.remaining() == 0;
}

void Parser::Conclude() {
  reply_.negative = reply_.rcode == Rcode::kNxDomain ||
                    (reply_.rcode == Rcode::kNoError && !has_data_);
  if (reply_.rcode != Rcode::kNoError && reply_.rcode != Rcode::kNxDomain) return;
  if (!reply_.negative) {
    reply_.ttl = least_ttl_;
  } else if (soa_ttl_) {  // without SOA it is not to be kept (RFC 2308 section 5)
    reply_.ttl = std::min(least_ttl_, *soa_ttl_);
  }
}

ReplyVerdict Parser::Run() {
  if (const auto forgery = CheckHead()) return *forgery;
  const std::size_t count =
      std::size_t{header_.answers} + header_.authorities + header_.additionals;
  if (count > kReplyRecordsMax) return Forgery::kMalformed;
  reply_.rcode = static_cast<Rcode>(header_.flags & kRcodeBits);
  reply_.truncated = (header_.flags & kFlagTruncated) != 0;
  reply_.authentic_data = (header_.flags & kFlagAuthenticData) != 0;
  reply_.answers = header_.answers;
  reply_.authorities = header_.authorities;
  reply_.records_at = reply_.records_end = reader_.position();
  // Some cut in the middle of a record: what was sent of it is of no use, and TCP has it all.
  if (reply_.truncated) {
    reply_.answers = reply_.authorities = 0;
    return reply_;
  }
  if (!ReadAnswers() || !ReadAuthorities()) return Forgery::kMalformed;
  reply_.records_end = reader_.position();
  if (!ReadAdditionals()) return Forgery::kMalformed;
  if (off_topic_) return Forgery::kOffTopic;
  Conclude();
  return reply_;
}

}  // namespace

std::string_view ForgeryText(Forgery forgery) {
  switch (forgery) {
    case Forgery::kMalformed: return "malformed";
    case Forgery::kNotResponse: return "not_response";
    case Forgery::kWrongId: return "wrong_id";
    case Forgery::kWrongQuestion: return "wrong_question";
    case Forgery::kWrongCase: return "wrong_case";
    case Forgery::kOffTopic: return "off_topic";
  }
  SUMMON_CHECK(!"a forgery without a text");
  return {};
}

ReplyVerdict ParseReply(Bytes message, const Expected& expected) {
  return Parser(message, expected).Run();
}

bool IsPrivateAddress(Bytes address) {
  if (address.size() == 4) {
    const std::uint8_t a = address[0], b = address[1];
    return a == 0 || a == 10 || a == 127 ||      // RFC 1122, RFC 1918
           (a == 100 && (b & 0xc0) == 64) ||     // RFC 6598
           (a == 169 && b == 254) ||             // RFC 3927
           (a == 172 && (b & 0xf0) == 16) ||     // RFC 1918
           (a == 192 && b == 168) ||             // RFC 1918
           (a == 255 && b == 255);               // RFC 919
  }
  if (address.size() != 16) return false;
  if ((address[0] & 0xfe) == 0xfc) return true;                           // RFC 4193
  if (address[0] == 0xfe && (address[1] & 0xc0) == 0x80) return true;     // RFC 4291, link-local
  const auto zeros = static_cast<std::size_t>(
      std::find_if(address.begin(), address.end(), [](std::uint8_t o) { return o != 0; }) -
      address.begin());
  if (zeros >= 15) return address[15] <= 1;                        // unspecified, loopback
  if (zeros >= 12) return IsPrivateAddress(address.subspan(12));   // RFC 4291, compatible
  if (zeros == 10 && address[10] == 0xff && address[11] == 0xff) {        // RFC 4291, mapped
    return IsPrivateAddress(address.subspan(12));
  }
  // The well-known prefix that stands for IPv4 addresses (RFC 6052).
  constexpr std::array<std::uint8_t, 12> kTranslated = {0, 0x64, 0xff, 0x9b};
  return std::equal(kTranslated.begin(), kTranslated.end(), address.begin()) &&
         IsPrivateAddress(address.subspan(12));
}

}  // namespace summon::dns::forward
