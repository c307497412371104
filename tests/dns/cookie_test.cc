// SPDX-License-Identifier: Apache-2.0
// Server cookies against the examples of RFC 9018, and what is taken for how long.
#include "dns/cookie.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/dns/wire.h"

namespace summon::dns {
namespace {

using test::FromHex;
using test::Packet;

constexpr std::string_view kSecretText = "e5e973e5a6b2a43f48e7dc849e37bfcf";
constexpr std::uint32_t kNow = 1'559'731'985;  // of RFC 9018 appendix A.1

CookieSecrets Secrets(const std::string& text) { return ParseCookieSecrets(text).value(); }

struct Asked {
  std::string client = "198.51.100.100:4242";
  std::string cookie;  // in hexadecimal, client's and server's
};

Query QueryWith(const Asked& asked) {
  Arrival arrival;
  arrival.client = Endpoint::Parse(asked.client).value();
  const Packet cookie = FromHex(asked.cookie);
  test::Message options;
  options.Be16(10).Be16(static_cast<std::uint16_t>(cookie.size())).Raw(cookie);
  const Packet packet =
      test::EdnsQuery("hello.summon.test", RrType::kA, {.options = options.bytes()});
  return std::get<Query>(ParseQuery(packet, arrival));
}

std::string ReplyOf(const Query& query) {
  return test::ToHex(Bytes(query.reply.cookie.data(), query.reply.cookie.size()));
}

TEST(Rfc9018AppendixA1, ANewClientLearnsACookie) {
  Query query = QueryWith({.cookie = "2464c4abcf10c957"});
  CookieJar(Secrets(std::string(kSecretText))).Judge(query, kNow);
  EXPECT_EQ(query.cookie_state(), CookieState::kClientOnly);
  EXPECT_EQ(ReplyOf(query), "010000005cf79f111f8130c3eee29480");
}

TEST(Rfc9018AppendixA2, AnOldCookieIsRenewed) {
  Query query = QueryWith({.cookie = "2464c4abcf10c957010000005cf79f111f8130c3eee29480"});
  CookieJar(Secrets(std::string(kSecretText))).Judge(query, 1'559'734'385);
  EXPECT_EQ(query.cookie_state(), CookieState::kValid);
  EXPECT_EQ(ReplyOf(query), "010000005cf7a871d4a564a1442aca77");
}

TEST(Rfc9018AppendixA3, ReservedOctetsAreHashedAsTheyCame) {
  const Asked asked{.client = "203.0.113.203:53053",
                    .cookie = "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5"};
  const CookieJar jar(Secrets(std::string(kSecretText)));
  Query fresh = QueryWith(asked);
  jar.Judge(fresh, 0x5cf78f71 + 60);
  EXPECT_EQ(fresh.cookie_state(), CookieState::kValid);
  Query later = QueryWith(asked);
  jar.Judge(later, 1'559'734'700);
  EXPECT_EQ(ReplyOf(later), "010000005cf7a9acf73a7810aca2381e");
}

TEST(Rfc9018AppendixA4, ACookieOfThePreviousSecretIsGoodAndRenewed) {
  Query query = QueryWith({.client = "[2001:db8:220:1:59de:d0f4:8769:82b8]:53053",
                           .cookie = "22681ab97d52c298010000005cf7c57926556bd0934c72f8"});
  const CookieJar jar(Secrets(
      "445536bcd2513298075a5d379663c962\ndd3bdf9344b678b185a6f5cb60fca715\n"));
  jar.Judge(query, 1'559'741'961);
  EXPECT_EQ(query.cookie_state(), CookieState::kValid);
  EXPECT_EQ(ReplyOf(query), "010000005cf7c609a6bb79d16625507a");
}

// What the cookie of appendix A.1 proves so many seconds after it was made.
struct Age {
  const char* name;
  std::int32_t seconds;
  CookieState state;
};
class CookieAge : public testing::TestWithParam<Age> {};

TEST_P(CookieAge, DecidesWhatItProves) {
  Query query = QueryWith({.cookie = "2464c4abcf10c957010000005cf79f111f8130c3eee29480"});
  CookieJar(Secrets(std::string(kSecretText)))
      .Judge(query, kNow + static_cast<std::uint32_t>(GetParam().seconds));
  EXPECT_EQ(query.cookie_state(), GetParam().state);
}

// RFC 9018 section 4.3.
INSTANTIATE_TEST_SUITE_P(
    Rfc9018Section4_3, CookieAge,
    testing::Values(Age{"Now", 0, CookieState::kValid}, Age{"OneHour", 3'600, CookieState::kValid},
                    Age{"OverOneHour", 3'601, CookieState::kBad},
                    Age{"FiveMinutesAhead", -300, CookieState::kValid},
                    Age{"OverFiveMinutesAhead", -301, CookieState::kBad},
                    Age{"HalfOfTheSpace", INT32_MIN, CookieState::kBad}),
    [](const auto& row) { return row.param.name; });

TEST(CookieJar, KeepsACookieForHalfAnHour) {
  const CookieJar jar(Secrets(std::string(kSecretText)));
  Query query = QueryWith({.cookie = "2464c4abcf10c957010000005cf79f111f8130c3eee29480"});
  jar.Judge(query, kNow + CookieJar::kRenewAfter);
  EXPECT_EQ(ReplyOf(query), "010000005cf79f111f8130c3eee29480");
  jar.Judge(query, kNow + CookieJar::kRenewAfter + 1);
  EXPECT_NE(ReplyOf(query), "010000005cf79f111f8130c3eee29480");
}

TEST(CookieJar, TimeStampsWrap) {
  const CookieJar jar(Secrets(std::string(kSecretText)));
  constexpr std::uint32_t kBeforeTheWrap = 0xffff'fff0;
  Query first = QueryWith({.cookie = "2464c4abcf10c957"});
  jar.Judge(first, kBeforeTheWrap);
  Query second = QueryWith({.cookie = "2464c4abcf10c957" + ReplyOf(first)});
  jar.Judge(second, kBeforeTheWrap + 100);
  EXPECT_EQ(second.cookie_state(), CookieState::kValid);
}

// The cookie of appendix A.1, one thing about it changed.
struct Change {
  const char* name;
  Asked asked;
};
class ChangedCookie : public testing::TestWithParam<Change> {};

TEST_P(ChangedCookie, IsBadAndReplaced) {
  Query query = QueryWith(GetParam().asked);
  CookieJar(Secrets(std::string(kSecretText))).Judge(query, kNow);
  EXPECT_EQ(query.cookie_state(), CookieState::kBad);
  EXPECT_TRUE(query.reply.has_cookie);
}

constexpr const char* kHere = "198.51.100.100:4242";
INSTANTIATE_TEST_SUITE_P(
    Rfc9018Section4_4, ChangedCookie,
    testing::Values(
        Change{"Address", {"198.51.100.101:4242",
                           "2464c4abcf10c957010000005cf79f111f8130c3eee29480"}},
        Change{"Family", {"[::ffff:1:2]:4242", "2464c4abcf10c957010000005cf79f111f8130c3eee29480"}},
        Change{"ClientCookie", {kHere, "2464c4abcf10c958010000005cf79f111f8130c3eee29480"}},
        Change{"Version", {kHere, "2464c4abcf10c957020000005cf79f111f8130c3eee29480"}},
        Change{"Reserved", {kHere, "2464c4abcf10c957010000015cf79f111f8130c3eee29480"}},
        Change{"Time", {kHere, "2464c4abcf10c957010000005cf79f101f8130c3eee29480"}},
        Change{"LastOctet", {kHere, "2464c4abcf10c957010000005cf79f111f8130c3eee29481"}},
        Change{"Shorter", {kHere, "2464c4abcf10c957010000005cf79f11"}},
        Change{"Longer", {kHere, "2464c4abcf10c957010000005cf79f111f8130c3eee2948000"}}),
    [](const auto& row) { return row.param.name; });

TEST(CookieJar, ThePortDoesNotMatter) {
  Query query = QueryWith({.client = "198.51.100.100:1",
                           .cookie = "2464c4abcf10c957010000005cf79f111f8130c3eee29480"});
  CookieJar(Secrets(std::string(kSecretText))).Judge(query, kNow);
  EXPECT_EQ(query.cookie_state(), CookieState::kValid);
}

TEST(CookieJar, WithoutSecretsNothingIsProvedOrAnswered) {
  Query query = QueryWith({.cookie = "2464c4abcf10c957010000005cf79f111f8130c3eee29480"});
  CookieJar().Judge(query, kNow);
  EXPECT_EQ(query.cookie_state(), CookieState::kBad);
  EXPECT_FALSE(query.reply.has_cookie);
}

TEST(CookieSecrets, RollingKeepsOnePrevious) {
  const CookieSecrets rolled =
      CookieSecrets{}.RolledTo(SipKey{1, 1}).RolledTo(SipKey{2, 2}).RolledTo(SipKey{3, 3});
  ASSERT_EQ(rolled.count, 2u);
  EXPECT_EQ(rolled.keys[0].k0, 3u);
  EXPECT_EQ(rolled.keys[1].k0, 2u);
}

TEST(ParseCookieSecrets, PassesOverCommentsAndEmptyLines) {
  const auto secrets = ParseCookieSecrets(
      "# current\n\n  E5E973E5A6B2A43F48E7DC849E37BFCF  # made in June\r\n"
      "dd3bdf9344b678b185a6f5cb60fca715");
  ASSERT_TRUE(secrets.ok()) << secrets.error().message();
  EXPECT_EQ(secrets->count, 2u);
  EXPECT_EQ(secrets->keys[0].k0, 0x3fa4b2a6e573e9e5u);
}

TEST(ParseCookieSecrets, SaysWhereAndWhatButNotTheSecret) {
  const auto secrets = ParseCookieSecrets("#\ne5e973e5a6b2a43f48e7dc849e37bfzz\n");
  ASSERT_FALSE(secrets.ok());
  EXPECT_THAT(secrets.error().message(), testing::HasSubstr("line 2"));
  EXPECT_THAT(secrets.error().message(), testing::Not(testing::HasSubstr("e5e973")));
}

TEST(ParseCookieSecrets, RefusesNoneAndTooMany) {
  EXPECT_FALSE(ParseCookieSecrets("# nothing\n").ok());
  std::string text;
  for (int i = 0; i < 4; ++i) text += std::string(kSecretText) + "\n";
  EXPECT_FALSE(ParseCookieSecrets(text).ok());
}

}  // namespace
}  // namespace summon::dns
