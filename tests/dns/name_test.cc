// SPDX-License-Identifier: Apache-2.0
// Names as values: text and wire forms, bounds, and comparison without case.
#include "dns/name.h"

#include <gtest/gtest.h>

#include <string>

#include "dns/endpoint.h"
#include "tests/dns/wire.h"

namespace summon::dns {
namespace {

using test::N;

TEST(Name, ComparesWithoutRegardToCase) {
  EXPECT_EQ(N("Hello.Summon.TEST"), N("hello.summon.test."));
  EXPECT_EQ(N("HELLO.test").Hash({1, 2}), N("hello.test").Hash({1, 2}));
  EXPECT_FALSE(N("hello.test") == N("hell.otest"));
}

TEST(Name, KeepsTheCaseItCameWith) { EXPECT_EQ(N("HeLLo.test").ToText(), "HeLLo.test."); }

TEST(Name, EscapesGoBothWays) {
  const Name name = N("a\\.b.\\000\\255.c");
  EXPECT_EQ(name.label_count(), 3u);
  EXPECT_EQ(name.ToText(), "a\\.b.\\000\\255.c.");
}

TEST(Name, IsSubdomainOnlyAtLabelBoundaries) {
  EXPECT_TRUE(N("a.b.test").IsSubdomainOf(N("B.test")));
  EXPECT_TRUE(N("b.test").IsSubdomainOf(N("b.test")));
  EXPECT_TRUE(N("b.test").IsSubdomainOf(Name()));
  EXPECT_FALSE(N("ab.test").IsSubdomainOf(N("b.test")));
  EXPECT_FALSE(N("test").IsSubdomainOf(N("b.test")));
}

TEST(Name, AcceptsTheLongestNameAndRefusesOneOctetMore) {
  const std::string label(63, 'a');
  const std::string three = label + "." + label + "." + label + ".";
  EXPECT_EQ(N(three + std::string(61, 'b')).wire().size(), 255u);
  EXPECT_FALSE(Name::Parse(three + std::string(62, 'b')).ok());
}

TEST(Name, RefusesWhatIsNoName) {
  EXPECT_FALSE(Name::Parse("").ok());
  EXPECT_FALSE(Name::Parse(".a").ok());
  EXPECT_FALSE(Name::Parse("a..b").ok());
  EXPECT_FALSE(Name::Parse("\\256.a").ok());
  EXPECT_FALSE(Name::Parse("a\\").ok());
  EXPECT_FALSE(Name::Parse(std::string(64, 'a')).ok());
}

TEST(Name, ParentAndPrependAreInverse) {
  const Name name = N("a.b.test");
  EXPECT_EQ(name.Parent(), N("b.test"));
  EXPECT_EQ(name.Parent().Prepend(name.first_label()), name);
  EXPECT_TRUE(Name().Parent().is_root());
}

TEST(Endpoint, ReadsBothFamilies) {
  EXPECT_EQ(Endpoint::Parse("127.0.0.1:5300")->ToString(), "127.0.0.1:5300");
  EXPECT_EQ(Endpoint::Parse("[::1]:53")->ToString(), "[::1]:53");
}

TEST(Endpoint, RefusesWithAnExample) {
  const auto refused = Endpoint::Parse("::1:53");
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message().find("127.0.0.1:5300"), std::string::npos);
  EXPECT_FALSE(Endpoint::Parse("127.0.0.1").ok());
  EXPECT_FALSE(Endpoint::Parse("127.0.0.1:65536").ok());
}

}  // namespace
}  // namespace summon::dns
