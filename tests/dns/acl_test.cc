// SPDX-License-Identifier: Apache-2.0
// Who may: lists, and which zone's lists hold for a name.
#include "dns/acl.h"

#include <gtest/gtest.h>

#include "tests/dns/wire.h"

namespace summon::dns {
namespace {

using test::N;

Endpoint From(std::string_view address) {
  return Endpoint::Parse(std::string(address) + ":1").value();
}

PrefixList Listing(std::initializer_list<std::string_view> texts) {
  std::vector<IpPrefix> prefixes;
  for (const std::string_view text : texts) {
    for (const IpPrefix& prefix : ParsePrefixes(text).value()) prefixes.push_back(prefix);
  }
  return PrefixList(prefixes);
}

TEST(PrefixList, EmptyIsNobody) { EXPECT_FALSE(PrefixList().Contains(From("127.0.0.1"))); }

TEST(PrefixList, EverybodyIsBothFamilies) {
  EXPECT_TRUE(PrefixList::Everybody().Contains(From("192.0.2.1")));
  EXPECT_TRUE(PrefixList::Everybody().Contains(From("[2001:db8::1]")));
}

TEST(PrefixList, AnyOfOneFamilySaysNothingAboutTheOther) {
  const PrefixList list = Listing({"0.0.0.0/0"});
  EXPECT_TRUE(list.Contains(From("192.0.2.1")));
  EXPECT_FALSE(list.Contains(From("[2001:db8::1]")));
  EXPECT_FALSE(list.is_everybody());
}

TEST(PrefixList, MatchesEveryLengthOfIpv6) {
  const PrefixList list = Listing({"2001:db8::/63", "2001:db8:1::8000:0:0:0/65", "2001:db8:2::3"});
  EXPECT_TRUE(list.Contains(From("[2001:db8:0:1:ffff::]")));
  EXPECT_FALSE(list.Contains(From("[2001:db8:0:2::]")));
  EXPECT_TRUE(list.Contains(From("[2001:db8:1::8000:0:0:1]")));
  EXPECT_FALSE(list.Contains(From("[2001:db8:1::1]")));
  EXPECT_TRUE(list.Contains(From("[2001:db8:2::3]")));
  EXPECT_FALSE(list.Contains(From("[2001:db8:2::2]")));
}

TEST(PrefixList, LocalIsWhatAnEndpointCallsItsOwnNetwork) {
  const PrefixList list = Listing({"local"});
  for (const std::string_view address :
       {"127.0.0.1", "10.1.2.3", "172.20.0.1", "192.168.7.7", "169.254.1.1", "[::1]", "[fd00::1]",
        "[fe80::1]", "8.8.8.8", "172.32.0.1", "[2001:db8::1]", "[::2]"}) {
    EXPECT_EQ(list.Contains(From(address)), From(address).IsLocalNetwork()) << address;
  }
}

TEST(ZoneAccess, IsOpenWithoutLists) {
  ZoneAccess access(SipKey{1, 2});
  access.Add(N("summon.test"), PrefixList::Everybody());
  EXPECT_TRUE(access.MayQuery(N("a.summon.test"), From("192.0.2.1")));
  EXPECT_TRUE(access.MayQuery(N("elsewhere.example"), From("192.0.2.1")));
}

TEST(ZoneAccess, TheNearestZoneDecides) {
  ZoneAccess access(SipKey{1, 2});
  access.Add(N("summon.test"), Listing({"10.0.0.0/8"}));
  access.Add(N("open.summon.test"), PrefixList::Everybody());
  EXPECT_FALSE(access.MayQuery(N("A.Summon.TEST"), From("192.0.2.1")));
  EXPECT_TRUE(access.MayQuery(N("a.summon.test"), From("10.2.0.1")));
  EXPECT_TRUE(access.MayQuery(N("x.open.summon.test"), From("192.0.2.1")));
  EXPECT_TRUE(access.MayQuery(N("other.test"), From("192.0.2.1")));
}

}  // namespace
}  // namespace summon::dns
