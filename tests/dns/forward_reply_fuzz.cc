// SPDX-License-Identifier: Apache-2.0
// Replies of upstream servers. Whatever comes in: no crash, what is taken for a reply is one to the
// question, and what would be kept of it is a whole message that can be read again and passed on.
// The first octet of the input chooses the type, the rest is the message.
#include <algorithm>
#include <array>

#include "base/check.h"
#include "dns/forward/cache.h"
#include "dns/forward/reply.h"
#include "dns/response.h"
#include "tests/dns/wire.h"

namespace {

using namespace summon;
using namespace summon::dns;
using namespace summon::dns::forward;

RrType TypeBy(std::uint8_t octet) {
  constexpr std::array<RrType, 8> kTypes = {RrType::kA,   RrType::kAaaa,  RrType::kHttps,
                                            RrType::kAny, RrType::kCname, RrType::kMx,
                                            RrType::kSrv, RrType::kTxt};
  return kTypes[octet % kTypes.size()];
}

// Passes the reply on to a client, as the engine does, and reads what the client gets.
void PassOn(const Expected& expected, const CachedAnswer& answer) {
  static std::array<std::uint8_t, kMessageSizeMax> space;
  Query query;
  query.name = expected.name;
  query.type = expected.type;
  query.rr_class = RrClass::kIn;
  query.transport = Transport::kTcp;
  ResponseWriter writer(space, query);
  writer.SetRcode(answer.reply.rcode);
  const Bytes message(answer.message);
  const std::size_t size = answer.reply.records_end - answer.reply.records_at;
  SUMMON_CHECK(writer.AddPrepared({message.subspan(answer.reply.records_at, size),
                                   answer.reply.answers, answer.reply.authorities}));
  RewriteTtls(answer, {.fixed = 30}, writer.prepared_space());
  const auto got = dns::test::ReadAnswer(writer.Finish().bytes);
  SUMMON_CHECK(got && got->answers.size() == answer.reply.answers);
  SUMMON_CHECK(got->authorities.size() == answer.reply.authorities && got->additionals.empty());
  for (const auto& record : got->answers) SUMMON_CHECK(record.ttl == 30);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Bytes message(data + 1, size - 1);
  Expected expected;
  expected.id = 0x1234;
  expected.name = dns::test::N("a.example");
  expected.type = TypeBy(data[0]);
  expected.exact_case = false;
  const ReplyVerdict verdict = ParseReply(message, expected);
  if (const Forgery* forgery = std::get_if<Forgery>(&verdict)) {
    SUMMON_CHECK(!ForgeryText(*forgery).empty());
    return 0;
  }
  CachedAnswer answer;
  answer.reply = std::get<Reply>(verdict);
  SUMMON_CHECK(answer.reply.records_end <= message.size());
  SUMMON_CHECK(message[0] == 0x12 && message[1] == 0x34 && (message[2] & 0x80) != 0);
  answer.message.assign(message.begin(),
                        message.begin() + static_cast<std::ptrdiff_t>(answer.reply.records_end));
  PassOn(expected, answer);
  return 0;
}
