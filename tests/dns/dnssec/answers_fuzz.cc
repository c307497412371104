// SPDX-License-Identifier: Apache-2.0
// Hostile queries against signed zones: every answer is well-formed, fits, and signs or says why
// not. The first octet chooses the transport and how many signatures may be made.
#include <algorithm>
#include <array>
#include <cstdint>

#include "base/check.h"
#include "dns/authority.h"
#include "dns/dnssec/online_signer.h"
#include "tests/dns/dnssec/signed_zones.h"
#include "tests/dns/wire.h"

namespace {

using namespace summon;
using namespace summon::dns;

constexpr std::int64_t kWallNanos = 1'800'000'000'000'000'000;

void CheckAnswer(const Query& query, const Response& response) {
  const auto answer = dns::test::ReadAnswer(response.bytes);
  SUMMON_CHECK(answer.has_value());
  SUMMON_CHECK(response.bytes.size() <= ResponseLimit(query));
  const auto is_proof = [](const dns::test::AnswerRecord& record) {
    return record.type == RrType::kRrsig || record.type == RrType::kNsec;
  };
  // Nobody who has not asked for it gets proof.
  if (!query.dnssec_ok()) {
    SUMMON_CHECK(std::none_of(answer->answers.begin(), answer->answers.end(), is_proof));
    SUMMON_CHECK(std::none_of(answer->authorities.begin(), answer->authorities.end(), is_proof));
  }
  if (!query.compact_ok()) SUMMON_CHECK(!answer->opt || (answer->opt->ttl & 0x4000) == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const dnssec::test::SignedZones* const zones = new dnssec::test::SignedZones();
  static const SystemClock clock;
  static auto* const signer =
      new dnssec::OnlineSigner(clock, {.remembered_max = 64, .wall_nanos = [] {
                                         return kWallNanos;
                                       }});
  if (size == 0) return 0;
  signer->set_signatures_per_s(data[0] & 2 ? 0 : 1'000'000);
  const Transport transport = data[0] & 1 ? Transport::kTcp : Transport::kUdp;
  const Verdict verdict = ParseQuery(Bytes(data + 1, size - 1), dns::test::FromClient(transport));
  const auto* query = std::get_if<Query>(&verdict);
  if (query == nullptr) return 0;
  static std::array<std::uint8_t, kTcpSpace> space;
  const AnswerOptions options{.owned_ttl = 5, .signer = signer};
  CheckAnswer(*query, WriteAnswer(zones->table(), *query, options, space));
  return 0;
}
