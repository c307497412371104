// SPDX-License-Identifier: Apache-2.0
// What an NSEC record says, and where it ends.
#include "dns/denial.h"

#include <gtest/gtest.h>

#include "tests/dns/dnssec/signed_zones.h"

namespace summon::dns {
namespace {

using dnssec::test::SignedZones;
using test::N;

Name NameOf(const std::vector<std::string>& labels) {
  NameBuilder builder;
  for (const std::string& label : labels) {
    // SAFETY: char and uint8_t have the same representation.
    const auto* octets = reinterpret_cast<const std::uint8_t*>(label.data());
    SUMMON_CHECK(builder.Append(Bytes(octets, label.size())));
  }
  return builder.Finish();
}

const Name kApex = N("test");
const std::string kZero(1, '\0');

TEST(NextBelow, IsTheZeroLabelUnderTheName) {
  EXPECT_EQ(NextBelow(N("A.Test"), kApex).ToText(), "\\000.a.test.");
  EXPECT_EQ(NextBelow(kApex, kApex).ToText(), "\\000.test.");
}

TEST(NextAside, LeavesOutWhatLiesBelowTheName) {
  EXPECT_EQ(NextAside(N("sub.test"), kApex).ToText(), "sub\\000.test.");
}

// 254 octets: no label fits below, and the first cannot grow.
TEST(NextBelow, OfTheLongestNameIsTheNextThatFits) {
  const std::string full(63, 'x'), rest(55, 'x');
  const Name name = NameOf({full, full, full, rest, "test"});
  ASSERT_EQ(name.wire().size(), 254u);
  const Name next = NextBelow(name, kApex);
  EXPECT_EQ(next, NameOf({std::string(62, 'x') + 'y', full, full, rest, "test"}));
}

TEST(NextAside, StepsOverOctetsThatCannotGrow) {
  const std::string top = std::string(62, 'x') + '\xff';
  EXPECT_EQ(NextAside(NameOf({top, "test"}), kApex), NameOf({std::string(61, 'x') + 'y', "test"}));
  EXPECT_EQ(NextAside(NameOf({std::string(63, '\xff'), "a", "test"}), kApex).ToText(),
            "a\\000.test.");
  EXPECT_EQ(NextAside(NameOf({std::string(63, '\xff'), "test"}), kApex), kApex);
}

// Letters count as lower case (RFC 4034 section 6.1): after "@" comes "[", not "A".
TEST(NextAside, StepsOverCapitalLetters) {
  const std::string at = std::string(62, 'x') + '@';
  EXPECT_EQ(NextAside(NameOf({at, "test"}), kApex), NameOf({std::string(62, 'x') + '[', "test"}));
}

class NsecTest : public testing::Test {
 protected:
  // The bitmap's octets, behind the next name.
  Rdata BitmapOf(std::string_view zone, std::string_view name) {
    const Name owner = N(name);
    const Node* node = zones_.table().FindGlue(owner);
    for (const auto& candidate : zones_.table().zones()) {
      if (!(candidate->apex == N(zone))) continue;
      const Rdata rdata = NsecRdataFor(*candidate, owner, node);
      return Rdata(rdata.begin() + static_cast<long>(WireNameLength(rdata)), rdata.end());
    }
    return {};
  }
  SignedZones zones_;
};

// The last two of these bits are RRSIG and NSEC: 46 and 47.
TEST_F(NsecTest, ListsTheTypesOfTheName) {
  EXPECT_EQ(BitmapOf("signed.test", "ns.signed.test"), (Rdata{0, 6, 0x40, 0, 0, 0, 0, 3}));
}

TEST_F(NsecTest, OfAnEmptyNonTerminalListsNothingElse) {
  EXPECT_EQ(BitmapOf("signed.test", "empty.signed.test"), (Rdata{0, 6, 0, 0, 0, 0, 0, 3}));
}

TEST_F(NsecTest, OfANameThatIsNotSaysNxname) {
  Rdata expected(2 + 17, 0);
  expected[1] = 17;
  expected[2 + 5] = 3;
  expected[2 + 16] = 0x80;
  EXPECT_EQ(BitmapOf("signed.test", "nobody.signed.test"), expected);
}

TEST_F(NsecTest, AtACutListsWhatIsTheParents) {
  EXPECT_EQ(BitmapOf("signed.test", "sub.signed.test"), (Rdata{0, 6, 0x20, 0, 0, 0, 0, 3}));
  EXPECT_EQ(BitmapOf("signed.test", "secure.signed.test"), (Rdata{0, 6, 0x20, 0, 0, 0, 0, 0x13}));
}

// NS, SOA, RRSIG, NSEC, DNSKEY, CDS and CDNSKEY from the zone; NS and DS from above.
TEST_F(NsecTest, AtAnApexEachZoneSpeaksForItself) {
  EXPECT_EQ(BitmapOf("inner.signed.test", "inner.signed.test"),
            (Rdata{0, 8, 0x22, 0, 0, 0, 0, 3, 0x80, 0x18}));
  EXPECT_EQ(BitmapOf("signed.test", "inner.signed.test"), (Rdata{0, 6, 0x20, 0, 0, 0, 0, 0x13}));
  EXPECT_EQ(BitmapOf("signed.test", "plain.signed.test"), (Rdata{0, 6, 0x20, 0, 0, 0, 0, 3}));
}

}  // namespace
}  // namespace summon::dns
