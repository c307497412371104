// SPDX-License-Identifier: Apache-2.0
// Labels for what was counted.
#include "dns/counters.h"

#include <algorithm>

namespace summon::dns {

CountedType CountedTypeOf(RrType type) {
  switch (type) {
    case RrType::kA: return CountedType::kA;
    case RrType::kAaaa: return CountedType::kAaaa;
    case RrType::kHttps: return CountedType::kHttps;
    case RrType::kSvcb: return CountedType::kSvcb;
    case RrType::kSrv: return CountedType::kSrv;
    case RrType::kTxt: return CountedType::kTxt;
    case RrType::kMx: return CountedType::kMx;
    case RrType::kNs: return CountedType::kNs;
    case RrType::kSoa: return CountedType::kSoa;
    case RrType::kCname: return CountedType::kCname;
    case RrType::kPtr: return CountedType::kPtr;
    case RrType::kDs: return CountedType::kDs;
    case RrType::kDnskey: return CountedType::kDnskey;
    case RrType::kAny: return CountedType::kAny;
    default: return CountedType::kOther;
  }
}

std::string_view CountedTypeText(CountedType type) {
  constexpr std::array<std::string_view, kCountedTypes> kTexts = {
      "A",  "AAAA",  "HTTPS", "SVCB", "SRV",    "TXT", "MX",   "NS",
      "SOA", "CNAME", "PTR",   "DS",   "DNSKEY", "ANY", "other"};
  return kTexts[static_cast<std::size_t>(type)];
}

std::string_view DropReasonText(DropReason reason) {
  constexpr std::array<std::string_view, kDropReasonCount> kTexts = {
      "too_short", "response", "source_port", "own_address"};
  return kTexts[static_cast<std::size_t>(reason)];
}

std::string_view RejectReasonText(RejectReason reason) {
  constexpr std::array<std::string_view, kRejectReasonCount> kTexts = {
      "opcode",    "question_count", "question",      "record",  "trailing",
      "opt_place", "opt_twice",      "opt_owner",     "options", "cookie",
      "client_subnet", "version",    "question_type", "tsig_place", "signed", "cookie_only"};
  return kTexts[static_cast<std::size_t>(reason)];
}

std::string_view CloseReasonText(CloseReason reason) {
  constexpr std::array<std::string_view, kCloseReasonCount> kTexts = {
      "peer",          "idle",           "first_octet", "handshake_deadline", "message_deadline",
      "write_stalled", "write_overflow", "framing",     "tls",                "evicted",
      "shutdown"};
  return kTexts[static_cast<std::size_t>(reason)];
}

std::string_view HandshakeResultText(HandshakeResult result) {
  constexpr std::array<std::string_view, kHandshakeResultCount> kTexts = {"full", "resumed",
                                                                          "failed"};
  return kTexts[static_cast<std::size_t>(result)];
}

std::string_view TcpRefusalText(TcpRefusal reason) {
  constexpr std::array<std::string_view, kTcpRefusalCount> kTexts = {"full", "prefix",
                                                                     "handshakes"};
  return kTexts[static_cast<std::size_t>(reason)];
}

void Counters::CountRejection(const Rejection& rejection) {
  ++rejections[static_cast<std::size_t>(rejection.reason)];
  SelfAnswered& counts = self_answered[static_cast<std::size_t>(rejection.query.transport)];
  switch (rejection.reason) {
    case RejectReason::kOpcode: ++counts.notimp; break;
    case RejectReason::kVersion: ++counts.badvers; break;
    case RejectReason::kCookieOnly: ++counts.cookies_only; break;
    default: ++(rejection.rcode == Rcode::kNotImp ? counts.notimp : counts.formerr); break;
  }
}

void Counters::CountResponse(Rcode rcode, bool was_truncated) {
  ++responses[std::min(static_cast<std::size_t>(rcode), kRcodeCount - 1)];
  if (was_truncated) ++truncated;
}

}  // namespace summon::dns
