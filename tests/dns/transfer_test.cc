// SPDX-License-Identifier: Apache-2.0
// Zones for secondaries by RFC 5936 (AXFR) and RFC 1995 (IXFR): what is in them, in which messages,
// and who gets them.
#include "dns/transfer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/strings.h"
#include "dns/authority.h"
#include "dns/rdata_text.h"
#include "tests/dns/sample_zones.h"
#include "tests/dns/wire.h"

namespace summon::dns {
namespace {

using test::N;
using test::Packet;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr std::uint32_t kTtl = 300;
constexpr std::uint32_t kSerial = 1;  // Soa's default

const Zone& ZoneOf(const ZoneTable& table, std::string_view apex) {
  for (const auto& zone : table.zones()) {
    if (zone->apex == N(apex)) return *zone;
  }
  SUMMON_CHECK(false);
}

Query QueryFor(std::string_view name, RrType type, Transport transport = Transport::kTcp) {
  Query query;
  query.id = 77;
  query.name = N(name);
  query.type = type;
  query.rr_class = RrClass::kIn;
  query.transport = transport;
  query.client = Endpoint::Parse("192.0.2.7:4000").value();
  return query;
}

// Everything that a writer writes.
struct Written {
  std::vector<Packet> messages;
  std::vector<test::AnswerRecord> records;

  std::vector<std::string> Owners(RrType type) const {
    std::vector<std::string> owners;
    for (const auto& record : records) {
      if (record.type == type) owners.push_back(record.owner.ToText());
    }
    return owners;
  }
};

Written Write(const ZoneTable& table, std::string_view apex) {
  Written out;
  std::vector<std::uint8_t> space(kTcpSpace);
  const Query query = QueryFor(apex, RrType::kAxfr);
  TransferWriter writer(table, ZoneOf(table, apex));
  while (!writer.done()) {
    const auto response = writer.Next(query, space);
    EXPECT_FALSE(writer.failed());
    if (writer.failed()) break;
    if (!response) continue;
    out.messages.emplace_back(response->bytes.begin(), response->bytes.end());
    const auto answer = test::ReadAnswer(response->bytes);
    EXPECT_TRUE(answer.has_value());
    if (!answer) break;
    EXPECT_TRUE(answer->aa());
    EXPECT_FALSE(answer->tc());
    EXPECT_EQ(answer->id, 77);
    EXPECT_THAT(answer->authorities, IsEmpty());
    out.records.insert(out.records.end(), answer->answers.begin(), answer->answers.end());
  }
  return out;
}

// RFC 5936 section 2.2.
TEST(TransferWriter, BeginsAndEndsWithTheSoaAndHasItNowhereElse) {
  const test::SampleZones zones;
  const Written written = Write(zones.table(), "summon.test");
  ASSERT_GE(written.records.size(), 2u);
  EXPECT_EQ(written.records.front().type, RrType::kSoa);
  EXPECT_EQ(written.records.back().type, RrType::kSoa);
  EXPECT_THAT(written.Owners(RrType::kSoa), SizeIs(2));
}

TEST(TransferWriter, HasEveryRecordOfTheZoneOnce) {
  const test::SampleZones zones;
  const Written written = Write(zones.table(), "summon.test");
  EXPECT_THAT(written.Owners(RrType::kTxt), SizeIs(40 + 2));
  EXPECT_THAT(written.Owners(RrType::kA), Contains("*.wild.summon.test.").Times(1));
  EXPECT_THAT(written.Owners(RrType::kA), Contains("hello.summon.test.").Times(1));
  EXPECT_THAT(written.Owners(RrType::kCname), SizeIs(5));
}

// RFC 5936 section 3.5: the delegation, and the glue below it.
TEST(TransferWriter, HasDelegationsWithTheirGlue) {
  const test::SampleZones zones;
  const Written written = Write(zones.table(), "summon.test");
  EXPECT_THAT(written.Owners(RrType::kNs), Contains("sub.summon.test."));
  EXPECT_THAT(written.Owners(RrType::kA), Contains("ns.sub.summon.test."));
}

TEST(TransferWriter, AZoneOfOursBelowIsADelegation) {
  const test::SampleZones zones;
  const Written outer = Write(zones.table(), "summon.test");
  EXPECT_THAT(outer.Owners(RrType::kNs), Contains("inner.summon.test.").Times(1));
  EXPECT_THAT(outer.Owners(RrType::kA), Not(Contains("host.inner.summon.test.")));
  const Written inner = Write(zones.table(), "inner.summon.test");
  EXPECT_THAT(inner.Owners(RrType::kA), testing::ElementsAre("host.inner.summon.test."));
}

TEST(TransferWriter, CutsALargeZoneIntoMessagesOfBoundedSize) {
  constexpr int kNames = 20'000;
  ZoneTable::Builder builder(SipKey{1, 2});
  ASSERT_TRUE(builder.AddZone(N("big.test"), Soa{N("ns.big.test"), N("h.big.test")}, kTtl).ok());
  ASSERT_TRUE(
      builder.AddRecord({N("big.test"), RrType::kNs, kTtl, NameRdata(N("ns.big.test"))}).ok());
  for (int i = 0; i < kNames; ++i) {
    const Name name = N(StrCat("n", i, ".big.test"));
    ASSERT_TRUE(
        builder.AddRecord({name, RrType::kA, kTtl, AddressRdata(Ipv4Address{{10, 0, 0, 1}})}).ok());
  }
  const auto table = std::move(builder).Build().value();
  const Written written = Write(*table, "big.test");
  EXPECT_EQ(written.records.size(), kNames + 3u);
  EXPECT_GT(written.messages.size(), 10u);
  for (const Packet& message : written.messages) {
    EXPECT_LE(message.size(), 2 * TransferWriter::kMessageTarget);
  }
}

TEST(TransferWriter, TheLargestRecordHasAMessageOfItsOwn) {
  ZoneTable::Builder builder(SipKey{1, 2});
  ASSERT_TRUE(builder.AddZone(N("big.test"), Soa{N("ns.big.test"), N("h.big.test")}, kTtl).ok());
  ASSERT_TRUE(
      builder.AddRecord({N("big.test"), RrType::kNs, kTtl, NameRdata(N("ns.big.test"))}).ok());
  const Rdata large(65'000, 1);
  ASSERT_TRUE(
      builder.AddRecord({N("x.big.test"), static_cast<RrType>(65'280), kTtl, large}).ok());
  const auto table = std::move(builder).Build().value();
  EXPECT_EQ(Write(*table, "big.test").records.size(), 4u);
}

// --- who gets what ---

// Keeps what is sent; takes it as quickly as `backlog` says.
class FakePath final : public ReplyPath {
 public:
  SendOutcome SendReply(const ReplyTo& to, const Response& response) override {
    ++finished;
    return SendPart(to, response);
  }
  SendOutcome SendPart(const ReplyTo&, const Response& response) override {
    messages.emplace_back(response.bytes.begin(), response.bytes.end());
    return gone ? SendOutcome::kLost : SendOutcome::kSent;
  }
  std::optional<std::size_t> Backlog(const ReplyTo&) const override { return backlog; }
  void FinishReply(const ReplyTo&) override { ++finished; }
  void AbandonReply(const ReplyTo&) override { ++abandoned; }

  std::vector<Packet> messages;
  std::size_t backlog = 0;
  bool gone = false;
  int finished = 0;
  int abandoned = 0;
};

class TransfersTest : public testing::Test {
 protected:
  TransfersTest() : link_(path_) {
    // The sample zones' table lives as long as they do: shared by name only.
    table_ = SharedTable(std::shared_ptr<void>(), &zones_.table());
    transfers_.SetPermissions(
        {{N("summon.test"), PrefixList({IpPrefix::Parse("192.0.2.0/24").value()})}});
  }
  ~TransfersTest() override { link_.End(); }

  void Ask(const Query& query) {
    transfers_.Handle(query, Responder(link_, ReplyTo{}), table_);
  }
  test::Answer First() { return test::ReadAnswer(path_.messages.at(0)).value(); }
  void RunUntil(const std::function<bool()>& done) {
    EXPECT_TRUE(loop_->RunUntil(done, std::chrono::seconds(10)));
  }

  std::unique_ptr<Loop> loop_ = Loop::Create().value();
  test::SampleZones zones_;
  SharedTable table_;
  FakePath path_;
  ReplyLink link_;
  int answers_ = 0;
  Transfers transfers_{*loop_, [this](const Query&, const Response&) { ++answers_; }};
};

TEST_F(TransfersTest, GivesTheZoneToWhoMayHaveIt) {
  Ask(QueryFor("summon.test", RrType::kAxfr));
  EXPECT_EQ(path_.messages.size(), 0u);  // not inside the call
  RunUntil([&] { return path_.finished == 1; });
  EXPECT_EQ(First().answers.front().type, RrType::kSoa);
  EXPECT_EQ(transfers_.counters().completed, 1u);
  EXPECT_EQ(answers_, 1);
}

TEST_F(TransfersTest, RefusesEverybodyElseAndSaysSo) {
  Query query = QueryFor("summon.test", RrType::kAxfr);
  query.client = Endpoint::Parse("198.51.100.7:4000").value();
  query.edns.emplace();
  Ask(query);
  EXPECT_EQ(First().rcode, static_cast<int>(Rcode::kRefused));
  ASSERT_TRUE(First().opt.has_value());
  EXPECT_THAT(test::ToHex(First().opt->rdata), HasSubstr("0012"));  // "Prohibited"
  EXPECT_EQ(transfers_.counters().refused, 1u);
}

TEST_F(TransfersTest, ZonesWithoutPermissionAreForNobody) {
  Ask(QueryFor("inner.summon.test", RrType::kAxfr));
  EXPECT_EQ(First().rcode, static_cast<int>(Rcode::kRefused));
}

// RFC 5936 section 2.2.1: not a zone of ours.
TEST_F(TransfersTest, ANameThatIsNoApexIsNotAuth) {
  transfers_.SetPermissions({{N("hello.summon.test"), PrefixList::Everybody()}});
  Ask(QueryFor("hello.summon.test", RrType::kAxfr));
  EXPECT_EQ(First().rcode, static_cast<int>(Rcode::kNotAuth));
}

// RFC 5936 section 4.2.
TEST_F(TransfersTest, AxfrOverUdpIsRefused) {
  Ask(QueryFor("summon.test", RrType::kAxfr, Transport::kUdp));
  EXPECT_EQ(First().rcode, static_cast<int>(Rcode::kRefused));
}

// RFC 1995 section 4.
TEST_F(TransfersTest, IxfrOfTheSameSerialIsTheSoaAlone) {
  Query query = QueryFor("summon.test", RrType::kIxfr);
  query.held_serial = kSerial;
  Ask(query);
  ASSERT_EQ(path_.messages.size(), 1u);
  EXPECT_THAT(First().answers, SizeIs(1));
}

TEST_F(TransfersTest, IxfrOfAnotherSerialIsTheWholeZone) {
  Query query = QueryFor("summon.test", RrType::kIxfr);
  query.held_serial = kSerial - 1;
  Ask(query);
  RunUntil([&] { return path_.finished == 1; });
  EXPECT_GT(First().answers.size(), 2u);
}

TEST_F(TransfersTest, IxfrOverUdpIsTheSoaAlone) {
  Query query = QueryFor("summon.test", RrType::kIxfr, Transport::kUdp);
  query.held_serial = kSerial - 1;
  Ask(query);
  EXPECT_THAT(First().answers, SizeIs(1));
}

TEST_F(TransfersTest, AreBoundedInNumber) {
  path_.backlog = Transfers::kBacklogMax + 1;  // nobody gets on
  for (std::size_t i = 0; i <= Transfers::kTransfersMax; ++i) {
    Ask(QueryFor("summon.test", RrType::kAxfr));
  }
  ASSERT_EQ(path_.messages.size(), 1u);
  EXPECT_EQ(First().rcode, static_cast<int>(Rcode::kServFail));
  EXPECT_EQ(transfers_.counters().busy, 1u);
}

TEST_F(TransfersTest, WaitForAClientThatDoesNotRead) {
  path_.backlog = Transfers::kBacklogMax + 1;
  Ask(QueryFor("summon.test", RrType::kAxfr));
  for (int i = 0; i < 5; ++i) loop_->RunOnce();
  EXPECT_EQ(path_.messages.size(), 0u);
  path_.backlog = 0;
  RunUntil([&] { return path_.finished == 1; });
}

TEST_F(TransfersTest, EndWithTheirClient) {
  path_.gone = true;
  Ask(QueryFor("summon.test", RrType::kAxfr));
  RunUntil([&] { return transfers_.counters().broken == 1; });
  EXPECT_EQ(path_.abandoned, 1);
}

TEST_F(TransfersTest, GoOnFromTheTableThatTheyBeganWith) {
  ZoneTable::Builder builder(SipKey{1, 2});
  ASSERT_TRUE(builder.AddZone(N("summon.test"), Soa{N("ns.a"), N("h.a")}, kTtl).ok());
  ASSERT_TRUE(builder.AddRecord({N("summon.test"), RrType::kNs, kTtl, NameRdata(N("ns.a"))}).ok());
  table_ = std::move(builder).Build().value();
  Ask(QueryFor("summon.test", RrType::kAxfr));
  table_.reset();  // a reload has put another one in its place
  RunUntil([&] { return path_.finished == 1; });
  EXPECT_THAT(First().answers, SizeIs(3));
}

}  // namespace
}  // namespace summon::dns
