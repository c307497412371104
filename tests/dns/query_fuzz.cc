// SPDX-License-Identifier: Apache-2.0
// From a packet to the octets of its answer. Whatever comes in: no crash, never an answer to an
// answer, and every answer is well-formed, within its size, and repeats id and question exactly.
// The first octet of the input chooses the transport, and whether the server tells its name.
#include <algorithm>
#include <array>

#include "base/check.h"
#include "dns/authority.h"
#include "dns/chaos.h"
#include "dns/cookie.h"
#include "tests/dns/sample_zones.h"
#include "tests/dns/wire.h"

namespace {

using namespace summon;
using namespace summon::dns;

void CheckAnswer(Bytes packet, const Query& query, const Response& response) {
  const auto answer = test::ReadAnswer(response.bytes);
  SUMMON_CHECK(answer.has_value());
  SUMMON_CHECK(response.bytes.size() <= ResponseLimit(query));
  SUMMON_CHECK(answer->id == (packet[0] << 8 | packet[1]));
  SUMMON_CHECK(!(packet[2] & 0x80));
  SUMMON_CHECK(answer->opt.has_value() == query.edns.has_value());
  SUMMON_CHECK(!answer->ra());
  SUMMON_CHECK(std::equal(answer->question_octets.begin(), answer->question_octets.end(),
                          packet.begin() + kHeaderSize));
  if (answer->tc()) SUMMON_CHECK(response.truncated);
}

// What Server does with every query before anybody answers it.
void Complete(Query& query, bool tells_name) {
  static const CookieJar jar(CookieSecrets{}.RolledTo(SipKey{1, 2}));
  if (!query.edns) return;
  if (query.edns->nsid_wanted && tells_name) {
    query.reply.nsid = *Nsid::FromText(std::string(Nsid::kSizeMax, 'n'));
  }
  if (query.edns->keepalive_wanted) query.reply.keepalive = 100;
  jar.Judge(query, 1'559'731'985);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Built once: the same for every input.
  static const test::SampleZones* const zones = new test::SampleZones();
  if (size == 0) return 0;
  const Transport stream = data[0] & 2 ? Transport::kTls : Transport::kTcp;
  const Transport transport = data[0] & 1 ? stream : Transport::kUdp;
  const bool tells_name = (data[0] & 4) != 0;
  const Bytes packet(data + 1, size - 1);
  static std::array<std::uint8_t, kTcpSpace> space;
  const std::span<std::uint8_t> room =
      std::span(space).first(IsStream(transport) ? kTcpSpace : kUdpSpace);
  Verdict verdict = ParseQuery(packet, test::FromClient(transport));
  if (auto* rejection = std::get_if<Rejection>(&verdict)) {
    Complete(rejection->query, tells_name);
    CheckAnswer(packet, rejection->query, WriteRejection(*rejection, room));
  } else if (auto* query = std::get_if<Query>(&verdict)) {
    Complete(*query, tells_name);
    const ServerIdentity identity{.version = "a version", .hostname = {}};
    CheckAnswer(packet, *query, WriteIdentity(*query, identity, room));
    const Resolution resolution = Resolve(zones->table(), *query);
    AnswerOptions options;
    options.owned_ttl = 5;
    const Response response = WriteAnswer(zones->table(), *query, options, room);
    CheckAnswer(packet, *query, response);
    SUMMON_CHECK((resolution.kind == Resolution::Kind::kNxDomain) ==
                 (response.rcode == Rcode::kNxDomain));
    ErrorAnswer error;
    error.extended_error = ExtendedError{EdeCode::kNotReady, "the image is missing"};
    CheckAnswer(packet, *query, WriteError(*query, error, room));
  }
  return 0;
}
