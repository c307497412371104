// SPDX-License-Identifier: Apache-2.0
// What is configured about connections, and about TLS.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "configs/load.h"
#include "tests/configs/text.h"

namespace summon::configs {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::string_view kTls =
    "tls { listen: \"192.0.2.1:853\" certificate: \"dns.crt\" key: \"dns.key\" }\n";

std::string Said(std::string_view text) { return LoadPure(StrCat(kZone, text)).ToString(); }

TEST(ConfigTcp, HasTheDefaultsOfTheSchema) {
  const LoadOutcome outcome = LoadPure(kZone);
  ASSERT_TRUE(outcome.ok()) << outcome.ToString();
  EXPECT_EQ(outcome.config->tcp, Tcp{});
  EXPECT_EQ(outcome.config->tcp.message, milliseconds(5'000));
  EXPECT_FALSE(outcome.config->tls.has_value());
}

TEST(ConfigTcp, TakesEveryLimit) {
  const LoadOutcome outcome = LoadPure(
      StrCat(kZone, "tcp { connections_max: 1 per_prefix_max: 2 per_local_prefix_max: 3 "
                    "first_octet_ms: 4 idle_ms: 6 idle_crowded_ms: 5 message_ms: 7 "
                    "write_stall_ms: 8 unanswered_max: 9 unsent_max_kib: 200 }"));
  ASSERT_TRUE(outcome.ok()) << outcome.ToString();
  const Tcp expected{1, 2, 3, milliseconds(4), milliseconds(6), milliseconds(5),
                     milliseconds(7), milliseconds(8), 9, 200};
  EXPECT_EQ(outcome.config->tcp, expected);
}

TEST(ConfigTcp, SaysWhichLimitIsOutOfRange) {
  EXPECT_THAT(Said("tcp { connections_max: 0 }"),
              HasSubstr("tcp: connections_max is 0; must be 1..65536"));
  EXPECT_THAT(Said("tcp { unsent_max_kib: 64 }"), HasSubstr("unsent_max_kib is 64; must be 192.."));
  EXPECT_THAT(Said("tcp { idle_ms: 100 }"),
              HasSubstr("idle_crowded_ms is 2000; must be at most idle_ms, which is 100"));
}

TEST(ConfigTls, NeedsAnAddressAndBothFiles) {
  EXPECT_THAT(Said("tls { }"), AllOf(HasSubstr("tls: listen is missing"),
                                     HasSubstr("tls: certificate is missing"),
                                     HasSubstr("tls: key is missing")));
}

TEST(ConfigTls, TakesPathsFromTheFileOfTheConfiguration) {
  const LoadOutcome outcome = LoadPure(StrCat(kZone, kTls));
  ASSERT_TRUE(outcome.ok()) << outcome.ToString();
  EXPECT_EQ(outcome.config->tls->listen.at(0).ToString(), "192.0.2.1:853");
  EXPECT_THAT(outcome.config->tls->certificate, HasSubstr("/dns.crt"));
}

TEST(ConfigTls, DoesNotShareAnAddressWithPlainDns) {
  EXPECT_THAT(Said(StrCat("listen: \"192.0.2.1:853\" ", kTls)),
              AllOf(HasSubstr("also where DNS is served without TLS"), HasSubstr("853")));
}

TEST(ConfigTls, AFileThatIsNotThereIsAnError) {
  const LoadOutcome outcome = LoadText(StrCat(kZone, kTls), "/nowhere/summond.textproto");
  EXPECT_THAT(outcome.ToString(), AllOf(HasSubstr("certificate \"/nowhere/dns.crt\" not found"),
                                        HasSubstr("key \"/nowhere/dns.key\" not found")));
}

TEST(ConfigTls, OnlyItsFilesMayChangeWithoutARestart) {
  Config before;
  before.tls = Tls{.certificate = "/a", .key = "/b"};
  Config next = before;
  next.tls->certificate = "/c";
  EXPECT_THAT(Diff(before, next).needs_restart, IsEmpty());
  next.tls->handshake = milliseconds(1);
  next.tcp.idle = milliseconds(1);
  EXPECT_THAT(Diff(before, next).needs_restart, ElementsAre("tcp", "tls"));
  EXPECT_THAT(Diff(Config{}, before).needs_restart, ElementsAre("tls"));
}

}  // namespace
}  // namespace summon::configs
