// SPDX-License-Identifier: Apache-2.0
// What the configuration says of signing, and what is wrong in it.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "base/strings.h"
#include "configs/load.h"
#include "tests/configs/text.h"

namespace summon::configs {
namespace {

using testing::HasSubstr;

std::string Signed(std::string_view fields) {
  return StrCat("zone { apex: \"summon.test\" dnssec { ", fields, " } }\n");
}

TEST(ConfigDnssec, AZoneIsNotSignedUnlessItSaysSo) {
  const LoadOutcome outcome = LoadPure(kZone);
  ASSERT_TRUE(outcome.ok());
  EXPECT_FALSE(outcome.config->zones[0].dnssec);
  EXPECT_EQ(outcome.config->dns.signatures_per_s, 2'000u);
}

TEST(ConfigDnssec, AKeyFileIsAllItNeeds) {
  const LoadOutcome outcome = LoadPure(Signed("key_file: \"/k/a.pem\""));
  ASSERT_TRUE(outcome.ok()) << outcome.ToString();
  const Dnssec& dnssec = *outcome.config->zones[0].dnssec;
  EXPECT_EQ(dnssec.key_file, "/k/a.pem");
  EXPECT_TRUE(dnssec.published_key_files.empty());
  EXPECT_EQ(dnssec.validity, std::chrono::hours(168));
}

TEST(ConfigDnssec, WithoutAKeyFileIsAnError) {
  EXPECT_THAT(FirstError(Signed("")), HasSubstr("key_file"));
}

TEST(ConfigDnssec, AKeyThatSignsAndIsPublishedTooIsAnError) {
  EXPECT_THAT(FirstError(Signed("key_file: \"/k/a.pem\" published_key_file: \"/k/a.pem\"")),
              HasSubstr("published_key_file \"/k/a.pem\" is given twice"));
}

TEST(ConfigDnssec, AtMostThreeKeysArePublished) {
  EXPECT_THAT(FirstError(Signed("key_file: \"/k\" published_key_file: \"/1\" "
                                "published_key_file: \"/2\" published_key_file: \"/3\" "
                                "published_key_file: \"/4\"")),
              HasSubstr("4 of published_key_file; must be 0..3"));
}

TEST(ConfigDnssec, SignaturesHoldForHalfADayToThreeMonths) {
  EXPECT_THAT(FirstError(Signed("key_file: \"/k\" signature_validity_h: 11")),
              HasSubstr("must be 12..2160"));
  EXPECT_TRUE(LoadPure(Signed("key_file: \"/k\" signature_validity_h: 2160")).ok());
}

TEST(ConfigDnssec, TheRateIsNotNothing) {
  EXPECT_THAT(FirstError(StrCat(kZone, "dns { signatures_per_s: 0 }")),
              HasSubstr("must be 1..1000000"));
}

TEST(ConfigDnssec, AnotherKeyIsAnotherZone) {
  const Config before = *LoadPure(Signed("key_file: \"/a\"")).config;
  const Config after = *LoadPure(Signed("key_file: \"/b\"")).config;
  EXPECT_TRUE(Diff(before, after).zones_changed);
}

class ConfigKeyFile : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/summon-configs-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string Load(mode_t mode) {
    std::ofstream(folder_ + "/a.pem") << "key";
    EXPECT_EQ(chmod((folder_ + "/a.pem").c_str(), mode), 0);
    return LoadText(Signed("key_file: \"a.pem\""), folder_ + "/site.textproto").ToString();
  }
  std::string folder_;
};

TEST_F(ConfigKeyFile, ForItsOwnerOnlyIsFine) { EXPECT_EQ(Load(0600), ""); }

TEST_F(ConfigKeyFile, ThatOthersMayReadIsAnErrorWithTheWayToMendIt) {
  EXPECT_THAT(Load(0640), HasSubstr("may be read by others"));
  EXPECT_THAT(Load(0640), HasSubstr("chmod 600"));
  EXPECT_THAT(Load(0604), HasSubstr("may be read by others"));
}

TEST_F(ConfigKeyFile, ThatIsNotThereIsAnError) {
  const std::string said =
      LoadText(Signed("key_file: \"a.pem\""), folder_ + "/site.textproto").ToString();
  EXPECT_THAT(said, HasSubstr("a.pem\" not found"));
}

}  // namespace
}  // namespace summon::configs
