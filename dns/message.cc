// SPDX-License-Identifier: Apache-2.0
// The one parser that reads bytes from anybody. Every read is bounded by ByteReader; every loop by
// the size of the packet or a constant.
#include "dns/message.h"

#include <algorithm>

#include "dns/message_reader.h"

namespace summon::dns {

namespace {

constexpr std::uint8_t kPointerBits = 0xc0;
// A legitimate name needs no more pointers than it has labels. Without this bound a packet full
// of chains of pointers would cost the square of its size.
constexpr std::size_t kPointersMax = Name::kLabelsMax;

// The header's second word (RFC 1035 section 4.1.1, RFC 4035 section 3).
constexpr std::uint16_t kFlagResponse = 0x8000;
constexpr std::uint16_t kFlagRecursionDesired = 0x0100;
constexpr std::uint16_t kFlagAuthenticData = 0x0020;
constexpr std::uint16_t kFlagCheckingDisabled = 0x0010;
constexpr std::uint32_t kEdnsDnssecOk = 0x8000;  // in OPT's TTL (RFC 6891 section 6.1.3)
constexpr std::uint32_t kEdnsCompactOk = 0x4000;  // RFC 9824 section 5.1

// What the records behind the question amount to.
struct Tail {
  std::optional<RejectReason> fault;  // where reading ended, if it did
  bool is_signed = false;             // ends in TSIG (RFC 8945)
  std::optional<Edns> edns;
  Bytes options;
  std::optional<std::uint32_t> serial;  // of a SOA in the authority section
};

// The serial of a SOA record, whose names may be compressed: the five numbers stand at the end.
std::optional<std::uint32_t> SerialOf(const MessageRecord& record) {
  constexpr std::size_t kNumbers = 20;
  if (record.type != RrType::kSoa || record.rdata.size() < kNumbers) return std::nullopt;
  return ByteReader(record.rdata.last(kNumbers)).Be32();
}

std::optional<RejectReason> TakeAdditional(const MessageRecord& record, Tail& tail) {
  // TSIG is the last record (RFC 8945 section 5.1).
  if (tail.is_signed) return RejectReason::kTsigPlace;
  if (record.type == RrType::kTsig) tail.is_signed = true;
  if (record.type != RrType::kOpt) return std::nullopt;
  if (tail.edns) return RejectReason::kOptTwice;                  // RFC 6891 section 6.1.1
  if (!record.owner.is_root()) return RejectReason::kOptOwner;  // RFC 6891 section 6.1.2
  tail.edns.emplace();
  tail.edns->udp_size = record.rr_class;
  tail.edns->version = static_cast<std::uint8_t>(record.ttl >> 16);
  tail.edns->dnssec_ok = (record.ttl & kEdnsDnssecOk) != 0;
  tail.edns->compact_ok = (record.ttl & kEdnsCompactOk) != 0;
  tail.options = record.rdata;
  return std::nullopt;
}

Tail ReadTail(ByteReader& reader, const MessageHeader& header) {
  Tail tail;
  const auto end = [&tail](RejectReason fault) {
    tail.fault = fault;
    return tail;
  };
  const std::size_t before = std::size_t{header.answers} + header.authorities;
  for (std::size_t i = 0; i < before; ++i) {
    const auto record = ReadRecord(reader);
    if (!record) return end(RejectReason::kRecord);
    if (record->type == RrType::kOpt) return end(RejectReason::kOptPlace);
    if (record->type == RrType::kTsig) return end(RejectReason::kTsigPlace);
    if (i >= header.answers) tail.serial = SerialOf(*record);
  }
  for (std::size_t i = 0; i < header.additionals; ++i) {
    const auto record = ReadRecord(reader);
    if (!record) return end(RejectReason::kRecord);
    tail.fault = TakeAdditional(*record, tail);
    if (tail.fault) return tail;
  }
  if (reader.remaining() != 0) return end(RejectReason::kTrailing);
  return tail;
}

bool ReadQuestion(ByteReader& reader, Query& query) {
  // A pointer here could only lead into the header, which ReadName refuses.
  const auto name = ReadName(reader);
  const auto type = reader.Be16();
  const auto rr_class = reader.Be16();
  if (!name || !type || !rr_class) return false;
  query.name = *name;
  query.type = static_cast<RrType>(*type);
  query.rr_class = static_cast<RrClass>(*rr_class);
  return true;
}

// Nothing when a record of the type can be asked for.
std::optional<Rcode> TypeVerdict(RrType type) {
  switch (type) {
    case RrType::kOpt:
    case RrType::kTsig:
    case RrType::kNxName:  // RFC 9824 section 3.5
      return Rcode::kFormErr;  // these never stand in a question
    case RrType::kTkey:
    case RrType::kMailb:
    case RrType::kMaila:
      return Rcode::kNotImp;
    default:
      return std::nullopt;
  }
}

// Ports of services that answer whatever they get: a spoofed query from one makes a loop.
bool IsClientPort(std::uint16_t port) {
  constexpr std::array<std::uint16_t, 5> kAnswering = {0, 7, 13, 17, 19};
  return std::find(kAnswering.begin(), kAnswering.end(), port) == kAnswering.end();
}

}  // namespace

std::optional<Name> ReadName(ByteReader& reader) {
  const Bytes all = reader.all();
  NameBuilder builder;
  std::size_t at = reader.position();
  std::size_t run_start = at;  // every pointer leads to before the run that it ends: no loops
  std::optional<std::size_t> end;
  std::size_t pointers = 0;
  while (at < all.size() && all[at] != 0) {
    const std::uint8_t length = all[at];
    if ((length & kPointerBits) == kPointerBits) {
      if (at + 1 >= all.size() || ++pointers > kPointersMax) return std::nullopt;
      const std::size_t target =
          static_cast<std::size_t>(length & ~kPointerBits) << 8 | all[at + 1];
      if (target >= run_start || target < kHeaderSize) return std::nullopt;
      if (!end) end = at + 2;
      at = run_start = target;
      continue;
    }
    // The other two kinds of label are not in use (RFC 6891 section 5).
    if ((length & kPointerBits) != 0 || at + 1 + length > all.size()) return std::nullopt;
    if (!builder.Append(all.subspan(at + 1, length))) return std::nullopt;
    at += 1 + std::size_t{length};
  }
  if (at >= all.size()) return std::nullopt;
  if (!reader.Seek(end ? *end : at + 1)) return std::nullopt;
  return builder.Finish();
}

namespace {

RejectReason ReasonOf(OptionFault fault) {
  switch (fault) {
    case OptionFault::kForm: return RejectReason::kOptions;
    case OptionFault::kCookie: return RejectReason::kCookie;
    case OptionFault::kClientSubnet: return RejectReason::kClientSubnet;
  }
  return RejectReason::kOptions;
}

Rejection& Because(Rejection& rejection, RejectReason reason, Rcode rcode = Rcode::kFormErr) {
  rejection.reason = reason;
  rejection.rcode = rcode;
  return rejection;
}

// What an operation that we do not do is told. The sections of one that nobody knows may mean
// anything: they are repeated, and EDNS is heard, only when they read like those of a query.
void RejectOpcode(ByteReader& reader, const MessageHeader& header, Rejection& rejection) {
  Because(rejection, RejectReason::kOpcode, Rcode::kNotImp);
  std::string_view text = "only queries are answered here";
  if (rejection.opcode == static_cast<std::uint8_t>(Opcode::kUpdate)) {
    text = "no dynamic updates: zones come from the configuration";
  } else if (rejection.opcode == static_cast<std::uint8_t>(Opcode::kNotify)) {
    text = "no notifications: this server is no secondary";
  }
  rejection.extended_error = ExtendedError{EdeCode::kNotSupported, text};
  if (header.questions != 1 || !ReadQuestion(reader, rejection.query)) return;
  const Tail tail = ReadTail(reader, header);
  if (tail.fault) return;
  rejection.has_question = true;
  rejection.query.edns = tail.edns;
}

// EDNS of a query, after its records have been read; nothing when all is well.
std::optional<RejectReason> TakeEdns(const Tail& tail, Rejection& rejection) {
  Query& query = rejection.query;
  query.edns = tail.edns;
  if (tail.fault) return tail.fault;
  if (!query.edns) return std::nullopt;
  // Before its options: they may be of another form.
  if (query.edns->version != 0) {
    rejection.rcode = Rcode::kBadVers;
    return RejectReason::kVersion;
  }
  if (const auto fault = ReadOptions(tail.options, *query.edns)) return ReasonOf(*fault);
  if (!IsStream(query.transport)) query.edns->keepalive_wanted = false;
  return std::nullopt;
}

}  // namespace

Verdict ParseQuery(Bytes packet, const Arrival& arrival) {
  if (packet.size() < kHeaderSize) return Dropped{DropReason::kTooShort};
  ByteReader reader(packet);
  const MessageHeader header = *ReadHeader(reader);  // its size was looked at
  if (header.flags & kFlagResponse) return Dropped{DropReason::kResponse};
  if (!IsStream(arrival.transport) && !IsClientPort(arrival.client.port)) {
    return Dropped{DropReason::kSourcePort};
  }
  Rejection rejection;
  rejection.opcode = static_cast<std::uint8_t>(header.flags >> 11 & 0xf);
  Query& query = rejection.query;
  query.id = header.id;
  query.recursion_desired = (header.flags & kFlagRecursionDesired) != 0;
  query.authentic_data = (header.flags & kFlagAuthenticData) != 0;
  query.checking_disabled = (header.flags & kFlagCheckingDisabled) != 0;
  query.transport = arrival.transport;
  query.client = arrival.client;
  query.received = arrival.received;

  if (rejection.opcode != static_cast<std::uint8_t>(Opcode::kQuery)) {
    RejectOpcode(reader, header, rejection);
    return rejection;
  }
  if (header.questions > 1) return Because(rejection, RejectReason::kQuestionCount);
  rejection.has_question = header.questions == 1;
  if (rejection.has_question && !ReadQuestion(reader, query)) {
    rejection.has_question = false;
    return Because(rejection, RejectReason::kQuestion);
  }
  const Tail tail = ReadTail(reader, header);
  if (const auto fault = TakeEdns(tail, rejection)) {
    rejection.reason = *fault;
    return rejection;
  }
  if (query.type == RrType::kIxfr) query.held_serial = tail.serial;
  if (!rejection.has_question) {
    if (!query.edns || !query.edns->cookie) return Because(rejection, RejectReason::kQuestionCount);
    return Because(rejection, RejectReason::kCookieOnly, Rcode::kNoError);
  }
  if (const auto verdict = TypeVerdict(query.type)) {
    rejection.extended_error = ExtendedError{EdeCode::kInvalidQueryType, {}};
    return Because(rejection, RejectReason::kQuestionType, *verdict);
  }
  // We share no key with anybody (RFC 8945 section 5.2.1).
  if (tail.is_signed) return Because(rejection, RejectReason::kSigned, Rcode::kNotAuth);
  return query;
}

std::size_t ResponseLimit(const Query& query) {
  if (IsStream(query.transport)) return kMessageSizeMax;
  if (!query.edns) return kUdpSizeMin;
  return std::clamp<std::size_t>(query.edns->udp_size, kUdpSizeMin, query.reply.udp_size);
}

}  // namespace summon::dns
