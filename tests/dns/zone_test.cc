// SPDX-License-Identifier: Apache-2.0
// The zone table as a store: what it keeps of what it was given, and what it takes for that.
#include "dns/zone.h"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <string>
#include <vector>

#include "base/strings.h"
#include "dns/fold.h"
#include "tests/dns/sample_zones.h"

namespace summon::dns {
namespace {

using test::N;

constexpr SipKey kKey{1, 2};

std::vector<Rdata> CopyOf(const RecordSet& set) {
  std::vector<Rdata> copy;
  for (const Bytes rdata : set.rdatas()) copy.emplace_back(rdata.begin(), rdata.end());
  return copy;
}

// A zone "bench.test" with `count` addresses.
std::unique_ptr<const ZoneTable> TableOf(std::size_t count) {
  ZoneTable::Builder builder(kKey);
  SUMMON_CHECK(builder.AddZone(N("bench.test"), Soa{}, 60).ok());
  SUMMON_CHECK(
      builder.AddRecord({N("bench.test"), RrType::kNs, 60, NameRdata(N("ns.bench.test"))}).ok());
  const Name apex = N("bench.test");
  for (std::size_t i = 0; i < count; ++i) {
    const std::string label = StrCat("n", i);
    const std::vector<std::uint8_t> octets(label.begin(), label.end());
    const Ipv4Address address{{10, static_cast<std::uint8_t>(i >> 16),
                               static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)}};
    SUMMON_CHECK(
        builder.AddRecord({*apex.Prepend(octets), RrType::kA, 60, AddressRdata(address)}).ok());
  }
  auto built = std::move(builder).Build();
  SUMMON_CHECK(built.ok());
  return std::move(built).value();
}

TEST(ZoneTable, KeepsSetsAndTheirDataInTheOrderOfAddition) {
  ZoneTable::Builder builder(kKey);
  ASSERT_TRUE(builder.AddZone(N("test"), Soa{}, 60).ok());
  ASSERT_TRUE(builder.AddRecord({N("test"), RrType::kNs, 60, NameRdata(N("ns.test"))}).ok());
  ASSERT_TRUE(builder.AddRecord({N("a.test"), RrType::kTxt, 60, TextRdata("one")}).ok());
  ASSERT_TRUE(builder.AddRecord({N("a.test"), RrType::kA, 50, Rdata{1, 2, 3, 4}}).ok());
  ASSERT_TRUE(builder.AddRecord({N("a.test"), RrType::kTxt, 30, TextRdata("another")}).ok());
  const auto table = std::move(builder).Build().value();
  const Node* node = table->FindNode(N("a.test"));
  ASSERT_NE(node, nullptr);
  ASSERT_EQ(node->sets().size(), 2u);
  EXPECT_EQ((*node->sets().begin()).type, RrType::kTxt);
  const RecordSet* texts = node->Find(RrType::kTxt);
  EXPECT_EQ(texts->ttl, 30u);  // RFC 2181 section 5.2: one TTL for the set
  EXPECT_EQ(CopyOf(*texts), (std::vector<Rdata>{TextRdata("one"), TextRdata("another")}));
  EXPECT_EQ(CopyOf(*node->Find(RrType::kA)), (std::vector<Rdata>{{1, 2, 3, 4}}));
  EXPECT_EQ(node->Find(RrType::kMx), nullptr);
}

TEST(ZoneTable, KeepsRecordsAsAnAnswerTakesThem) {
  const auto table = TableOf(1);
  const Bytes records = table->FindNode(N("n0.bench.test"))->Find(RrType::kA)->records();
  EXPECT_EQ(Rdata(records.begin(), records.end()),
            (Rdata{0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 0, 0, 0}));
}

TEST(ZoneTable, KeepsTheCaseOfNamesAndFindsThemInAny) {
  ZoneTable::Builder builder(kKey);
  ASSERT_TRUE(builder.AddZone(N("Test"), Soa{}, 60).ok());
  ASSERT_TRUE(builder.AddRecord({N("test"), RrType::kNs, 60, NameRdata(N("ns.test"))}).ok());
  ASSERT_TRUE(builder.AddRecord({N("MiXed.Test"), RrType::kA, 60, Rdata{1, 2, 3, 4}}).ok());
  const auto table = std::move(builder).Build().value();
  const Node* node = table->FindNode(N("mixed.tesT"));
  ASSERT_NE(node, nullptr);
  EXPECT_EQ(node->name().ToText(), "MiXed.Test.");
}

TEST(ZoneTable, EveryNameIsVisitedOnce) {
  const test::SampleZones zones;
  std::map<std::string, int> visits;
  zones.table().ForEachNode([&visits](const Node& node) { ++visits[node.name().ToText()]; });
  EXPECT_EQ(visits.size(), zones.table().name_count());
  EXPECT_EQ(visits["_tcp.summon.test."], 1);  // an empty non-terminal
  EXPECT_EQ(visits["host.inner.summon.test."], 1);
}

TEST(ZoneTable, FindsEachOfManyNamesAndNoOther) {
  constexpr std::size_t kNames = 20'000;  // the index of the draft grows nine times
  const auto table = TableOf(kNames);
  std::size_t found = 0;
  for (std::size_t i = 0; i < 2 * kNames; ++i) {
    const Lookup lookup = table->Find(N(StrCat("n", i, ".bench.test")), RrType::kA);
    if (lookup.kind == Lookup::Kind::kRecords) ++found;
    const auto expected = i < kNames ? Lookup::Kind::kRecords : Lookup::Kind::kNxDomain;
    ASSERT_EQ(lookup.kind, expected) << i;
  }
  EXPECT_EQ(found, kNames);
}

// A million names must fit into 200 MB with all that a process has besides.
TEST(ZoneTable, ANameWithAnAddressTakesAtMostAHundredOctets) {
  constexpr std::size_t kNames = 100'000;
  EXPECT_LE(TableOf(kNames)->memory_size() / kNames, 100u);
}

TEST(ZoneTable, AZoneIsFoundBelowADelegationOfAnotherOne) {
  ZoneTable::Builder builder(kKey);
  const Rdata server = NameRdata(N("ns.elsewhere"));
  ASSERT_TRUE(builder.AddZone(N("b.a.test"), Soa{}, 60).ok());  // the inner one first
  ASSERT_TRUE(builder.AddZone(N("test"), Soa{}, 60).ok());
  ASSERT_TRUE(builder.AddRecord({N("test"), RrType::kNs, 60, server}).ok());
  ASSERT_TRUE(builder.AddRecord({N("a.test"), RrType::kNs, 60, server}).ok());
  ASSERT_TRUE(builder.AddRecord({N("b.a.test"), RrType::kNs, 60, server}).ok());
  ASSERT_TRUE(builder.AddRecord({N("x.b.a.test"), RrType::kA, 60, Rdata{1, 2, 3, 4}}).ok());
  const auto table = std::move(builder).Build().value();
  EXPECT_EQ(table->Find(N("c.a.test"), RrType::kA).kind, Lookup::Kind::kDelegation);
  EXPECT_EQ(table->Find(N("x.b.a.test"), RrType::kA).kind, Lookup::Kind::kRecords);
}

TEST(ZoneBuilder, RefusesMoreTypesThanANodeCounts) {
  ZoneTable::Builder builder(kKey);
  ASSERT_TRUE(builder.AddZone(N("test"), Soa{}, 60).ok());
  for (std::uint16_t i = 0; i < Node::kTypesMax; ++i) {
    const auto type = static_cast<RrType>(0xff00 + i);
    ASSERT_TRUE(builder.AddRecord({N("a.test"), type, 60, Rdata{1}}).ok());
  }
  EXPECT_FALSE(builder.AddRecord({N("a.test"), RrType::kA, 60, Rdata{1, 2, 3, 4}}).ok());
}

TEST(FoldWord, FoldsEveryOctetAsTheSingleFoldDoes) {
  for (int octet = 0; octet < 256; ++octet) {
    const auto value = static_cast<std::uint64_t>(octet);
    const std::uint64_t expected = FoldCase(static_cast<std::uint8_t>(octet));
    ASSERT_EQ(FoldWord(value << 24 | value << 56), expected << 24 | expected << 56) << octet;
  }
}

}  // namespace
}  // namespace summon::dns
