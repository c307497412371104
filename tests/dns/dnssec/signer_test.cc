// SPDX-License-Identifier: Apache-2.0
// What the signer remembers, renews, limits and refuses.
#include "dns/dnssec/online_signer.h"

#include <gtest/gtest.h>

#include "dns/dnssec/canonical.h"
#include "dns/dnssec/signature_cache.h"
#include "dns/dnssec/zone_keyset.h"
#include "tests/dns/dnssec/signed_zones.h"
#include "tests/fakes/fake_clock.h"

namespace summon::dns::dnssec {
namespace {

using std::chrono::seconds;
using test::N;

constexpr std::int64_t kNow = 1'800'000'000;
constexpr std::int64_t kWeek = 7 * 86'400;

class SignerTest : public testing::Test {
 protected:
  SignOutcome Sign(std::string_view owner, const Rdata& address,
                   Provenance provenance = Provenance::kStored) {
    return SignFor(*keys_, owner, address, provenance);
  }
  SignOutcome SignFor(const ZoneKeyset& keys, std::string_view owner, const Rdata& address,
                      Provenance provenance = Provenance::kStored) {
    const Name name = N(owner);
    const Bytes rdata(address);
    const SetToSign set{.keys = keys, .apex = apex_, .owner = name, .type = RrType::kA,
                        .original_ttl = 30, .rdatas = std::span(&rdata, 1),
                        .provenance = provenance, .asker_proven = asker_proven_};
    const SignOutcome outcome = signer_.Sign(set, out_);
    if (outcome != SignOutcome::kSigned) return outcome;
    RrsigRdata head = out_;
    head.size -= kSignatureSize;
    Signature signature;
    std::copy(out_.octets.begin() + static_cast<long>(head.size),
              out_.octets.begin() + static_cast<long>(out_.size), signature.begin());
    EXPECT_TRUE(Verify(keys.active().dnskey(), SignedOctets(set, head), signature));
    return outcome;
  }
  std::uint32_t Time(std::size_t at) const {
    ByteReader reader(out_.bytes());
    (void)reader.Seek(at);  // the fields are there
    return *reader.Be32();
  }
  std::uint32_t expiration() const { return Time(8); }
  std::uint32_t inception() const { return Time(12); }

  const Name apex_ = N("signed.test");
  const std::shared_ptr<const ZoneKeyset> keys_ = test::NewKeys();
  const Rdata address_ = {10, 0, 0, 1};
  fakes::FakeClock clock_;
  std::int64_t wall_ = kNow;
  bool asker_proven_ = false;
  RrsigRdata out_;
  OnlineSigner signer_{clock_, {.signatures_per_s = 10, .remembered_max = 4, .wall_nanos = [this] {
                                  return wall_ * 1'000'000'000;
                                }}};
};

TEST_F(SignerTest, SignsFromAnHourAgoForAWeekGiveOrTake) {
  ASSERT_EQ(Sign("a.signed.test", address_), SignOutcome::kSigned);
  EXPECT_EQ(inception(), kNow - 3600);
  EXPECT_LE(expiration(), kNow + kWeek);
  EXPECT_GT(expiration(), kNow + kWeek - kWeek / 16);
}

TEST_F(SignerTest, DoesNotLetAllSignaturesEndTogether) {
  ASSERT_EQ(Sign("a.signed.test", address_), SignOutcome::kSigned);
  const std::uint32_t first = expiration();
  ASSERT_EQ(Sign("b.signed.test", address_), SignOutcome::kSigned);
  EXPECT_NE(expiration(), first);  // by chance one in 37,800
}

TEST_F(SignerTest, RemembersWhatItSigned) {
  (void)Sign("a.signed.test", address_);
  const RrsigRdata first = out_;
  (void)Sign("A.Signed.TEST", address_);
  EXPECT_TRUE(std::ranges::equal(out_.bytes(), first.bytes()));
  EXPECT_EQ(signer_.counters().made, 1u);
  EXPECT_EQ(signer_.counters().hits, 1u);
}

TEST_F(SignerTest, SignsAnewWhatChanged) {
  (void)Sign("a.signed.test", address_);
  EXPECT_EQ(Sign("a.signed.test", {10, 0, 0, 2}), SignOutcome::kSigned);
  EXPECT_EQ(signer_.counters().made, 2u);
}

TEST_F(SignerTest, SignsAnewWithAnotherKey) {
  (void)Sign("a.signed.test", address_);
  EXPECT_EQ(SignFor(*test::NewKeys(), "a.signed.test", address_), SignOutcome::kSigned);
  EXPECT_EQ(signer_.counters().made, 2u);
}

TEST_F(SignerTest, RenewsBeforeAQuarterOfTheLifeIsLeft) {
  (void)Sign("a.signed.test", address_);
  const std::uint32_t first = expiration();
  wall_ = first - kWeek / 4;
  (void)Sign("a.signed.test", address_);
  EXPECT_EQ(expiration(), first);
  wall_ += 1;
  (void)Sign("a.signed.test", address_);
  EXPECT_GT(expiration(), first + kWeek / 2);
}

TEST_F(SignerTest, AnOldSignatureServesWhileThereIsNoTimeForANewOne) {
  (void)Sign("a.signed.test", address_);
  const std::uint32_t first = expiration();
  signer_.set_signatures_per_s(0);
  clock_.Advance(seconds(1));
  wall_ = first - 1;
  EXPECT_EQ(Sign("a.signed.test", address_), SignOutcome::kSigned);
  EXPECT_EQ(expiration(), first);
  wall_ = first;
  EXPECT_EQ(Sign("a.signed.test", address_), SignOutcome::kLimited);
}

TEST_F(SignerTest, MakesNoMoreThanItsRate) {
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(Sign("a.signed.test", {10, 0, 0, static_cast<uint8_t>(i)}), SignOutcome::kSigned);
  }
  EXPECT_EQ(Sign("a.signed.test", {10, 0, 0, 99}), SignOutcome::kLimited);
  EXPECT_EQ(Sign("a.signed.test", {10, 0, 0, 9}), SignOutcome::kSigned);  // from memory
  EXPECT_EQ(signer_.counters().limited, 1u);
  clock_.Advance(std::chrono::milliseconds(100));
  EXPECT_EQ(Sign("a.signed.test", {10, 0, 0, 99}), SignOutcome::kSigned);
  EXPECT_EQ(Sign("a.signed.test", {10, 0, 0, 98}), SignOutcome::kLimited);
}

TEST_F(SignerTest, AFloodOfInventedNamesTakesNobodysTurn) {
  for (int i = 0; i < 20; ++i) {
    (void)Sign("x.signed.test", {10, 0, 0, static_cast<uint8_t>(i)}, Provenance::kSynthesized);
  }
  EXPECT_EQ(Sign("y.signed.test", address_, Provenance::kSynthesized), SignOutcome::kLimited);
  EXPECT_EQ(Sign("real.signed.test", address_), SignOutcome::kSigned);
  asker_proven_ = true;
  EXPECT_EQ(Sign("y.signed.test", address_, Provenance::kSynthesized), SignOutcome::kSigned);
}

TEST_F(SignerTest, InventedNamesPushNoRealOneOutOfTheMemory) {
  (void)Sign("real.signed.test", address_);
  for (int i = 0; i < 10; ++i) {
    (void)Sign("x.signed.test", {10, 0, 0, static_cast<uint8_t>(i)}, Provenance::kSynthesized);
  }
  const std::uint64_t made = signer_.counters().made;
  (void)Sign("real.signed.test", address_);
  EXPECT_EQ(signer_.counters().made, made);
  EXPECT_EQ(signer_.counters().remembered, 5u);  // one, and the four that fit
  EXPECT_EQ(signer_.counters().evicted, 6u);
}

TEST_F(SignerTest, RefusesWhileTheClockIsBeforeTheKey) {
  wall_ = test::kKeyCreated - 1;
  EXPECT_EQ(Sign("a.signed.test", address_), SignOutcome::kRefused);
  EXPECT_EQ(signer_.counters().clock_refused, 1u);
  wall_ = test::kKeyCreated;
  EXPECT_EQ(Sign("a.signed.test", address_), SignOutcome::kSigned);
}

TEST_F(SignerTest, SignsAnewWhenTheClockWasSetBack) {
  (void)Sign("a.signed.test", address_);
  wall_ = kNow - 86'400;
  ASSERT_EQ(Sign("a.signed.test", address_), SignOutcome::kSigned);
  EXPECT_EQ(inception(), kNow - 86'400 - 3600);
}

TEST_F(SignerTest, SignsAnewWhenTheClockJumpedPastTheEnd) {
  (void)Sign("a.signed.test", address_);
  wall_ = kNow + 2 * kWeek;
  ASSERT_EQ(Sign("a.signed.test", address_), SignOutcome::kSigned);
  EXPECT_GT(expiration(), kNow + 2 * kWeek);
}

SignatureCache::Key Key(std::uint64_t number) { return {number, ~number}; }

TEST(SignatureCache, ForgetsWhatWasNotUsedForLongest) {
  SignatureCache cache(2);
  cache.Put(Key(1), {.expiration = 1});
  cache.Put(Key(2), {.expiration = 2});
  ASSERT_NE(cache.Find(Key(1)), nullptr);
  cache.Put(Key(3), {.expiration = 3});
  EXPECT_EQ(cache.Find(Key(2)), nullptr);
  EXPECT_EQ(cache.Find(Key(1))->expiration, 1);
  EXPECT_EQ(cache.Find(Key(3))->expiration, 3);
  EXPECT_EQ(cache.size(), 2u);
  EXPECT_EQ(cache.evicted(), 1u);
}

TEST(SignatureCache, PutsANewOneInAnOldOnesPlace) {
  SignatureCache cache(2);
  cache.Put(Key(1), {.expiration = 1});
  cache.Put(Key(1), {.expiration = 9});
  EXPECT_EQ(cache.Find(Key(1))->expiration, 9);
  EXPECT_EQ(cache.size(), 1u);
}

TEST(SignatureCache, TellsKeysApartByBothHalves) {
  SignatureCache cache(2);
  cache.Put({1, 1}, {.expiration = 1});
  EXPECT_EQ(cache.Find({1, 2}), nullptr);
}

}  // namespace
}  // namespace summon::dns::dnssec
