// SPDX-License-Identifier: Apache-2.0
// The same zone file in summond and in another server, the same thousands of queries to both: the
// answers say the same, section by section, whatever the order of records in a section.
#include <algorithm>
#include <array>
#include <map>

#include "base/strings.h"
#include "tests/dns/conformance/generated.h"
#include "tests/dns/conformance/harness.h"
#include "tests/dns/conformance/peer.h"

namespace summon::dns::test {
namespace {

constexpr std::uint32_t kSeeds = 6;  // of zones
constexpr int kQueries = 4'000;  // for each zone and server; seconds, and every kind of name often

// The data of a record with its names written out, in lower case.
Packet PlainData(const Packet& message, const AnswerRecord& record) {
  std::size_t prefix = 0, names = 0;
  switch (record.type) {
    case RrType::kNs:
    case RrType::kCname:
    case RrType::kPtr: names = 1; break;
    case RrType::kMx: prefix = 2, names = 1; break;
    case RrType::kSrv: prefix = 6, names = 1; break;
    case RrType::kSoa: names = 2; break;
    default: return record.rdata;
  }
  ByteReader reader(message);
  Packet plain(record.rdata.begin(), record.rdata.begin() + static_cast<long>(prefix));
  (void)reader.Seek(record.rdata_at + prefix);
  for (std::size_t i = 0; i < names; ++i) {
    const auto name = ReadName(reader);
    if (!name) return {};
    const Name lowered = name->Lowered();
    plain.insert(plain.end(), lowered.wire().begin(), lowered.wire().end());
  }
  const std::size_t end = record.rdata_at + record.rdata.size();
  plain.insert(plain.end(), message.begin() + static_cast<long>(reader.position()),
               message.begin() + static_cast<long>(end));
  return plain;
}

// A section as text, in an order that does not depend on the message's.
std::string Canonical(const Packet& message, const std::vector<AnswerRecord>& records) {
  std::vector<std::string> lines;
  for (const AnswerRecord& record : records) {
    lines.push_back(StrCat("  ", record.owner.Lowered().ToText(), ' ', record.ttl, ' ',
                           TypeText(record.type), ' ', ToHex(PlainData(message, record)), "\n"));
  }
  std::sort(lines.begin(), lines.end());
  std::string text;
  for (const std::string& line : lines) text += line;
  return text;
}

struct Seen {
  Answer answer;
  std::string header, answers, authorities, additionals, opt;
};

std::optional<Seen> Look(const std::optional<Packet>& reply) {
  if (!reply) return std::nullopt;
  auto answer = ReadAnswer(*reply);
  if (!answer) return std::nullopt;
  Seen seen;
  seen.header = StrCat("id ", answer->id, " flags ", answer->flags, " rcode ", answer->rcode, ' ',
                       ToHex(answer->question_octets));
  seen.answers = Canonical(*reply, answer->answers);
  seen.authorities = Canonical(*reply, answer->authorities);
  seen.additionals = Canonical(*reply, answer->additionals);
  if (answer->opt) seen.opt = StrCat("version and flags ", answer->opt->ttl);
  seen.answer = std::move(*answer);
  return seen;
}

bool HasAlias(const Seen& seen) {
  return !seen.answer.answers.empty() && seen.answer.answers[0].type == RrType::kCname;
}

// Where a peer is known to say something else than we do. Everything else is compared.
bool IsKnown(PeerKind kind, RrType type, const Seen& ours) {
  // Knot takes NSEC and RRSIG for types that stand beside an alias (RFC 4034 section 4) in a zone
  // without any, too: it does not follow. NSD does, as we do.
  return kind == PeerKind::kKnot && HasAlias(ours) &&
         (type == RrType::kNsec || type == RrType::kRrsig);
}
// Addresses of mail servers and of services are a help that we leave to another query; with their
// names inside data, the peers add them. Of referrals and NS everything is compared.
bool ComparesAdditional(RrType type, const Seen& ours) {
  const bool is_referral = ours.answer.answers.empty() && ours.answer.rcode == 0;
  return is_referral || type == RrType::kNs;
}

struct Row {
  PeerKind kind;
  std::uint32_t seed;
};
void PrintTo(const Row& row, std::ostream* out) { *out << PeerName(row.kind) << row.seed; }

class Differential : public testing::TestWithParam<Row> {
 protected:
  void SetUp() override {
    const SourceZone zone = GenerateZone(GetParam().seed);
    auto peer = Peer::Start(GetParam().kind, {zone});
    if (!peer.ok()) GTEST_SKIP() << peer.error().message();
    peer_ = std::move(*peer);
    auto ours = Peer::Start(PeerKind::kSummond, {zone});
    ASSERT_TRUE(ours.ok()) << ours.error().message();
    ours_ = std::move(*ours);
  }

  std::unique_ptr<Peer> peer_;
  std::unique_ptr<Peer> ours_;
};

TEST_P(Differential, AnswersSayTheSame) {
  UdpClient us(ours_->address()), them(peer_->address());
  std::mt19937 random(GetParam().seed);
  std::map<int, int> rcodes;
  for (int i = 0; i < kQueries; ++i) {
    const GeneratedQuery query = GenerateQuery(random);
    us.Send(query.packet);
    them.Send(query.packet);
    const auto ours = Look(us.Receive());
    const auto theirs = Look(them.Receive());
    ASSERT_TRUE(ours.has_value() && theirs.has_value()) << query.name;
    const std::string about = StrCat(query.name, ' ', TypeText(query.type));
    ++rcodes[ours->answer.rcode];
    EXPECT_EQ(ours->opt, theirs->opt) << about;
    if (IsKnown(GetParam().kind, query.type, *ours)) continue;
    EXPECT_EQ(ours->header, theirs->header) << about;
    EXPECT_EQ(ours->answers, theirs->answers) << about;
    EXPECT_EQ(ours->authorities, theirs->authorities) << about;
    if (ComparesAdditional(query.type, *ours)) {
      EXPECT_EQ(ours->additionals, theirs->additionals) << about;
    }
    ASSERT_FALSE(HasFailure()) << "query " << i << ' ' << ToHex(query.packet);
  }
  // The queries met data, absences and what is not ours.
  EXPECT_GT(rcodes[0], kQueries / 10);
  EXPECT_GT(rcodes[3], kQueries / 20);
  EXPECT_GT(rcodes[5], kQueries / 100);
}

std::vector<Row> Rows() {
  std::vector<Row> rows;
  for (std::uint32_t seed = 1; seed <= kSeeds; ++seed) {
    rows.push_back({PeerKind::kNsd, seed});
    rows.push_back({PeerKind::kKnot, seed});
  }
  return rows;
}

INSTANTIATE_TEST_SUITE_P(Zones, Differential, testing::ValuesIn(Rows()),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace summon::dns::test
