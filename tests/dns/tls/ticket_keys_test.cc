// SPDX-License-Identifier: Apache-2.0
// How long a ticket's key lives.
#include "dns/tls/ticket_keys.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

namespace summon::dns::tls {
namespace {

class ManualClock final : public Clock {
 public:
  Instant Now() const override { return now; }
  Instant now{std::chrono::hours(100)};
};

class TicketKeysTest : public testing::Test {
 protected:
  using KeyName = std::array<std::uint8_t, TicketKeys::kNameSize>;

  ~TicketKeysTest() override {
    EVP_CIPHER_CTX_free(cipher_);
    EVP_MAC_CTX_free(mac_);
    EVP_MAC_free(hmac_);
  }
  KeyName Seal() {
    KeyName name{};
    EXPECT_TRUE(keys_.Seal(name, iv_, cipher_, mac_));
    return name;
  }
  TicketKeys::Found Open(const KeyName& name) { return keys_.Open(name, iv_, cipher_, mac_); }

  ManualClock clock_;
  TicketKeys keys_{clock_};
  std::array<std::uint8_t, TicketKeys::kIvSize> iv_{};
  EVP_CIPHER_CTX* cipher_ = EVP_CIPHER_CTX_new();
  EVP_MAC* hmac_ = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  EVP_MAC_CTX* mac_ = EVP_MAC_CTX_new(hmac_);
};

TEST_F(TicketKeysTest, OneKeyServesADay) {
  const KeyName first = Seal();
  clock_.now += std::chrono::hours(23);
  EXPECT_EQ(Seal(), first);
  EXPECT_EQ(Open(first), TicketKeys::Found::kCurrent);
}

TEST_F(TicketKeysTest, YesterdaysTicketsAreTakenAndRenewed) {
  const KeyName first = Seal();
  clock_.now += std::chrono::hours(24);
  EXPECT_NE(Seal(), first);
  EXPECT_EQ(Open(first), TicketKeys::Found::kOld);
}

TEST_F(TicketKeysTest, NoKeyOutlivesTwoDays) {
  const KeyName first = Seal();
  clock_.now += std::chrono::hours(40);
  (void)Seal();  // keeps the first as the former one
  EXPECT_EQ(Open(first), TicketKeys::Found::kOld);
  clock_.now += std::chrono::hours(8);
  EXPECT_EQ(Open(first), TicketKeys::Found::kUnknown);
}

TEST_F(TicketKeysTest, AKeyThatNobodyUsedForLongIsGone) {
  const KeyName first = Seal();
  clock_.now += std::chrono::hours(49);
  EXPECT_EQ(Open(first), TicketKeys::Found::kUnknown);
}

TEST_F(TicketKeysTest, AForeignTicketIsUnknown) {
  (void)Seal();
  EXPECT_EQ(Open(KeyName{1, 2, 3}), TicketKeys::Found::kUnknown);
}

}  // namespace
}  // namespace summon::dns::tls
