// SPDX-License-Identifier: Apache-2.0
// Checks of meaning: ranges, references, uniqueness, files, and the values that come out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "configs/load.h"
#include "tests/configs/text.h"

namespace summon::configs {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

std::string Second(std::string_view fields) {
  return StrCat(WithService(""), "service { ", fields, " image: \"w.hvt\" }");
}

TEST(ConfigDefaults, AreThoseOfTheSchema) {
  const LoadOutcome outcome = LoadPure(WithService(""));
  ASSERT_TRUE(outcome.ok()) << outcome.ToString();
  EXPECT_THAT(outcome.warnings, IsEmpty());
  const Config& config = *outcome.config;
  EXPECT_EQ(config.listen.at(0).ToString(), "127.0.0.1:5300");
  EXPECT_EQ(config.control_socket, "/run/summon/summond.sock");
  EXPECT_EQ(config.launcher_socket, "/run/summon/launcherd.sock");
  EXPECT_EQ(config.metrics_listen->ToString(), "127.0.0.1:9153");
  EXPECT_EQ(config.network.gateway.ToString(), "10.77.0.1");
  EXPECT_EQ(config.limits.memory_budget_mib, 800u);  // 80 % of the test's 1000
  EXPECT_EQ(config.limits.waiters_per_service_max, 32u);
  EXPECT_EQ(config.zones.at(0).name_servers.at(0).name, "ns.summon.test");
  EXPECT_EQ(config.zones.at(0).soa.mailbox, "hostmaster.summon.test");
  const Service& service = config.services.at(0);
  EXPECT_EQ(service.memory_mib, 16u);
  EXPECT_EQ(service.net.name, "service");
  EXPECT_EQ(service.net.tap_name, "sm-hello");
  EXPECT_EQ(service.policy.answer, AnswerPolicy::kImmediately);
  EXPECT_EQ(service.policy.hold_max, std::chrono::milliseconds(250));
  EXPECT_EQ(service.policy.ttl_ready, std::chrono::seconds(30));
  EXPECT_EQ(service.policy.idle_timeout, std::chrono::seconds(120));
}

TEST(ConfigDefaults, MetricsAreOffWhenNone) {
  const LoadOutcome outcome = LoadPure(StrCat(kZone, "metrics_listen: \"none\""));
  ASSERT_TRUE(outcome.ok());
  EXPECT_FALSE(outcome.config->metrics_listen.has_value());
}

TEST(ConfigDns, TellsNothingAndSpeaksCookiesUnlessToldOtherwise) {
  const LoadOutcome outcome = LoadPure(kZone);
  ASSERT_TRUE(outcome.ok()) << outcome.ToString();
  EXPECT_EQ(outcome.config->dns, Dns{});
  EXPECT_EQ(outcome.config->dns.udp_size_max, 1232);
  EXPECT_TRUE(outcome.config->dns.cookies);
}

TEST(ConfigDns, IsTakenOver) {
  const LoadOutcome outcome = LoadText(
      StrCat(kZone, "dns { udp_size_max: 1400 nsid: \"ns1\" version: \"v\" hostname: \"h\"",
             " cookie_secret_file: \"cookies\" }"),
      "/etc/summon/site.textproto", {.check_files = false});
  ASSERT_TRUE(outcome.ok()) << outcome.ToString();
  const Dns& dns = outcome.config->dns;
  EXPECT_EQ(dns.udp_size_max, 1400);
  EXPECT_EQ(dns.nsid, "ns1");
  EXPECT_EQ(dns.version, "v");
  EXPECT_EQ(dns.hostname, "h");
  EXPECT_EQ(dns.cookie_secret_file, "/etc/summon/cookies");
}

TEST(ConfigDns, SizesHaveBounds) {
  EXPECT_THAT(FirstError(StrCat(kZone, "dns { udp_size_max: 511 }")), HasSubstr("512..4096"));
  EXPECT_THAT(FirstError(StrCat(kZone, "dns { udp_size_max: 4097 }")), HasSubstr("512..4096"));
  EXPECT_THAT(FirstError(StrCat(kZone, "dns { nsid: \"", std::string(65, 'x'), "\" }")),
              HasSubstr("nsid has 65 bytes; must be 0..64"));
  EXPECT_THAT(FirstError(StrCat(kZone, "dns { version: \"", std::string(256, 'x'), "\" }")),
              HasSubstr("version has 256 bytes; must be 0..255"));
}

TEST(ConfigDns, ASecretFileWantsCookies) {
  EXPECT_THAT(FirstError(StrCat(kZone, "dns { cookies: false cookie_secret_file: \"f\" }")),
              HasSubstr("of no use while cookies are off"));
  EXPECT_THAT(FirstError(StrCat(kZone, "dns { cookie_secret_file: \"\" }")),
              HasSubstr("cookie_secret_file is empty"));
}

TEST(ConfigPaths, RelativeOnesBeginAtTheFilesFolder) {
  const LoadOutcome outcome =
      LoadText(WithService(""), "/etc/summon/site.textproto", {.check_files = false});
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(outcome.config->services.at(0).image, "/etc/summon/web.hvt");
}

TEST(ConfigNames, AreLowerCaseWithoutTheLastDot) {
  const LoadOutcome outcome =
      LoadPure("zone { apex: \"Summon.TEST.\" admin: \"you@Example.org\" }");
  ASSERT_TRUE(outcome.ok()) << outcome.ToString();
  EXPECT_EQ(outcome.config->zones.at(0).apex, "summon.test");
  EXPECT_EQ(outcome.config->zones.at(0).soa.mailbox, "you.example.org");
}

TEST(ConfigNames, ABadLabelSaysWhatIsWrong) {
  EXPECT_THAT(FirstError("zone { apex: \"sum mon.test\" }"), HasSubstr("contains \" \""));
  EXPECT_THAT(FirstError("zone { apex: \"a..test\" }"), HasSubstr("empty label"));
  EXPECT_THAT(FirstError(StrCat("zone { apex: \"", std::string(64, 'a'), "\" }")),
              HasSubstr("a label of 64 bytes; must be 1..63"));
}

TEST(ConfigNames, AServiceOutsideOfEveryZoneIsAnError) {
  EXPECT_THAT(FirstError(Second("name: \"b\" dns_name: \"b.evilsummon.test\" "
                                "address: \"10.77.0.11\"")),
              HasSubstr("dns_name \"b.evilsummon.test\" lies in no zone"));
}

TEST(ConfigAddress, OutsideOfTheNetworkIsAnError) {
  EXPECT_THAT(FirstError(Second("name: \"b\" dns_name: \"b.summon.test\" address: \"10.78.0.11\"")),
              HasSubstr("lies outside of the network that holds 10.77.0.1/24"));
}

TEST(ConfigAddress, OfTheGatewayOrTheNetworkIsAnError) {
  EXPECT_THAT(FirstError(Second("name: \"b\" dns_name: \"b.summon.test\" address: \"10.77.0.1\"")),
              HasSubstr("is the gateway's"));
  EXPECT_THAT(
      FirstError(Second("name: \"b\" dns_name: \"b.summon.test\" address: \"10.77.0.255\"")),
      HasSubstr("broadcast"));
}

TEST(ConfigUniqueness, ASecondHolderOfAnAddressShowsBothPlaces) {
  EXPECT_THAT(
      FirstError(Second("name: \"b\" dns_name: \"b.summon.test\" address: \"10.77.0.10\"")),
      StartsWith("site.textproto:6:47: service \"b\": address 10.77.0.10 is taken already by "
                 "service \"hello\", at site.textproto:3:1"));
}

TEST(ConfigUniqueness, ASecondHolderOfADnsNameInOtherCaseIsFound) {
  EXPECT_THAT(
      FirstError(Second("name: \"b\" dns_name: \"HELLO.summon.test.\" address: \"10.77.0.11\"")),
      HasSubstr("dns_name hello.summon.test is taken already by service \"hello\""));
}

TEST(ConfigUniqueness, ASecondServiceOfTheSameNameIsOneError) {
  const LoadOutcome outcome =
      LoadPure(Second("name: \"hello\" dns_name: \"b.summon.test\" address: \"10.77.0.11\""));
  EXPECT_THAT(outcome.errors, SizeIs(1));
  EXPECT_THAT(outcome.ToString(), HasSubstr("service name hello is taken already"));
}

TEST(ConfigUniqueness, ATapThatAnotherServiceHasIsAnError) {
  EXPECT_THAT(FirstError(Second("name: \"b\" dns_name: \"b.summon.test\" address: \"10.77.0.11\" "
                                "net { tap: \"sm-hello\" }")),
              HasSubstr("tap sm-hello is taken already by service \"hello\""));
}

TEST(ConfigUniqueness, AStaticRecordWithAServicesNameIsAnError) {
  const std::string zone =
      "zone { apex: \"a.test\" record { name: \"x.a.test\" type: A value: \"10.0.0.1\" } }\n";
  EXPECT_THAT(FirstError(zone + "service { name: \"x\" dns_name: \"x.a.test\" "
                                "address: \"10.77.0.11\" image: \"w\" }"),
              HasSubstr("static record x.a.test has the name of service \"x\""));
}

TEST(ConfigUniqueness, TwoWritersOfOneBlockFileAreAnError) {
  const std::string block = "block { name: \"disk\" path: \"/d.img\" }";
  EXPECT_THAT(FirstError(StrCat(WithService(block),
                                "service { name: \"b\" dns_name: \"b.summon.test\" address: "
                                "\"10.77.0.11\" image: \"w\" ",
                                block, "}")),
              HasSubstr("file \"/d.img\" is written by one block device and used"));
}

TEST(ConfigUniqueness, TwoReadersOfOneBlockFileAreFine) {
  const std::string block = "block { name: \"disk\" path: \"/d.img\" read_only: true }";
  EXPECT_EQ(FirstError(StrCat(WithService(block),
                              "service { name: \"b\" dns_name: \"b.summon.test\" address: "
                              "\"10.77.0.11\" image: \"w\" ",
                              block, "}")),
            "no error");
}

TEST(ConfigRecords, ACnameBesideOtherRecordsIsAnError) {
  EXPECT_THAT(FirstError("zone { apex: \"a.test\"\n"
                         "record { name: \"x.a.test\" type: CNAME value: \"y.a.test\" }\n"
                         "record { name: \"x.a.test\" type: TXT value: \"t\" } }"),
              HasSubstr("CNAME x.a.test has other records beside it"));
}

TEST(ConfigRecords, ValuesFitTheirType) {
  const std::string begin = "zone { apex: \"a.test\" record { name: \"x.a.test\" type: ";
  EXPECT_THAT(FirstError(begin + "A value: \"::1\" } }"), HasSubstr("is not an IPv4 address"));
  EXPECT_THAT(FirstError(begin + "AAAA value: \"1.2.3.4\" } }"),
              HasSubstr("is not an IPv6 address"));
  EXPECT_THAT(FirstError(begin + "A } }"), HasSubstr("value is missing"));
}

TEST(ConfigCommandLine, PlaceholdersAreReplaced) {
  const LoadOutcome outcome =
      LoadPure(WithService("command_line: \"{ipv4}/{prefix_length} {gateway} {name} {{x}}\""));
  ASSERT_TRUE(outcome.ok()) << outcome.ToString();
  EXPECT_EQ(outcome.config->services.at(0).command_line, "10.77.0.10/24 10.77.0.1 hello {x}");
}

TEST(ConfigCommandLine, AnUnknownPlaceholderIsShownAtItsPlace) {
  EXPECT_THAT(FirstError(WithService("command_line: \"a {ipv5}\"")),
              AllOf(StartsWith("site.textproto:4:18: "), HasSubstr("did you mean {ipv4}?")));
}

TEST(ConfigRanges, SayTheValueAndTheLimit) {
  EXPECT_THAT(FirstError(WithService("memory_mib: 17")), HasSubstr("is 17; must be an even"));
  EXPECT_THAT(FirstError(WithService("memory_mib: 1000")), HasSubstr("all machines together"));
  EXPECT_THAT(FirstError(WithService("policy { hold_max_ms: 1501 }")),
              HasSubstr("hold_max_ms is 1501; must be 1..1500"));
  EXPECT_THAT(FirstError(WithService("policy { ttl_ready_s: 0 }")),
              HasSubstr("ttl_ready_s is 0; must be 1..86400"));
  EXPECT_THAT(FirstError(WithService("block { name: \"d\" path: \"/d\" sector_size: 513 }")),
              HasSubstr("sector_size is 513; must be a power of two"));
  EXPECT_THAT(FirstError(StrCat(kZone, "listen: \"127.0.0.1:65536\"")),
              HasSubstr("has the port \"65536\"; must be 1..65535"));
  EXPECT_THAT(FirstError(WithService("net { mac: \"03:00:00:00:00:01\" }")),
              HasSubstr("not a multicast address"));
}

TEST(ConfigNet, SpoofCheckIsByAddressUnlessToldOtherwise) {
  const LoadOutcome plain = LoadPure(WithService(""));
  const LoadOutcome off = LoadPure(WithService("net { spoof_check: OFF }"));
  ASSERT_TRUE(plain.ok() && off.ok());
  EXPECT_EQ(plain.config->services.at(0).net.spoof_check, SpoofCheck::kAddress);
  EXPECT_EQ(off.config->services.at(0).net.spoof_check, SpoofCheck::kOff);
  EXPECT_THAT(FirstError(WithService("net { none: true spoof_check: OFF }")),
              HasSubstr("none is true"));
}

TEST(ConfigLauncher, OneWithoutItsImageIsAnError) {
  EXPECT_THAT(FirstError(WithService("launcher: PROCESS")), HasSubstr("process_image is missing"));
}

TEST(ConfigPolicy, AShortIdleTimeoutIsAWarningThatNamesTheRule) {
  const LoadOutcome outcome = LoadPure(WithService("policy { idle_timeout_s: 60 }"));
  EXPECT_TRUE(outcome.ok());
  EXPECT_THAT(outcome.ToString(),
              StartsWith("site.textproto:4:10: warning: service \"hello\": idle_timeout_s is 60; "
                         "the rule idle_timeout_s >= 2 x ttl_ready_s + 30 asks for 90 or more"));
}

TEST(ConfigPolicy, AMachineThatStaysNeedsNoIdleTimeout) {
  EXPECT_THAT(LoadPure(WithService("policy { idle_timeout_s: 1 on_idle: KEEP_RUNNING }")).warnings,
              IsEmpty());
}

TEST(ConfigRungs, APolicyOfRestIsTakenOver) {
  const LoadOutcome outcome = LoadPure(WithService(
      "policy { on_idle: PARKED descend { rung: SAVED after_s: 60 } "
      "descend { rung: OFF after_s: 3600 } }"));
  ASSERT_TRUE(outcome.ok()) << outcome.ToString();
  const Policy& policy = outcome.config->services.at(0).policy;
  EXPECT_EQ(policy.on_idle, OnIdle::kParked);
  EXPECT_TRUE(policy.snapshots());
  EXPECT_EQ(policy.saved_after, std::chrono::seconds(60));
  EXPECT_EQ(policy.off_after, std::chrono::seconds(3600));
}

TEST(ConfigRungs, AutoHasAnObjective) {
  const LoadOutcome outcome =
      LoadPure(WithService("policy { on_idle: AUTO first_byte_slo_ms: 20 }"));
  ASSERT_TRUE(outcome.ok()) << outcome.ToString();
  EXPECT_EQ(outcome.config->services.at(0).policy.first_byte_slo, std::chrono::milliseconds(20));
  EXPECT_TRUE(outcome.config->services.at(0).policy.snapshots());
}

TEST(ConfigRungs, APauseThatIsSavedLaterNeedsSnapshots) {
  const LoadOutcome outcome = LoadPure(
      WithService("policy { on_idle: PAUSED descend { rung: SAVED after_s: 60 } }"));
  ASSERT_TRUE(outcome.ok()) << outcome.ToString();
  EXPECT_TRUE(outcome.config->services.at(0).policy.snapshots());
}

TEST(ConfigRungs, APauseNeedsNoSnapshots) {
  const LoadOutcome outcome = LoadPure(WithService("policy { on_idle: PAUSED }"));
  ASSERT_TRUE(outcome.ok()) << outcome.ToString();
  EXPECT_FALSE(outcome.config->services.at(0).policy.snapshots());
}

TEST(ConfigRungs, WhatDoesNotFitTogetherIsAnError) {
  EXPECT_THAT(FirstError(WithService("policy { descend { rung: OFF after_s: 60 } }")),
              HasSubstr("nothing rests with this on_idle"));
  EXPECT_THAT(FirstError(WithService(
                  "policy { on_idle: SAVED descend { rung: PARKED after_s: 60 } }")),
              HasSubstr("descend must lead below on_idle"));
  EXPECT_THAT(FirstError(WithService("policy { on_idle: PARKED descend { rung: SAVED after_s: 60 } "
                                     "descend { rung: OFF after_s: 60 } }")),
              HasSubstr("the lower rung must come later"));
  EXPECT_THAT(FirstError(WithService("policy { on_idle: PARKED descend { rung: OFF after_s: 60 } "
                                     "descend { rung: OFF after_s: 90 } }")),
              HasSubstr("rung OFF stands twice"));
  EXPECT_THAT(FirstError(WithService("policy { on_idle: SAVED descend { rung: OFF after_s: 0 } }")),
              HasSubstr("after_s is 0; must be 1..31536000"));
  EXPECT_THAT(FirstError(WithService("policy { on_idle: PARKED descend { after_s: 9 } }")),
              HasSubstr("rung is missing"));
  EXPECT_THAT(FirstError(WithService("policy { on_idle: AUTO first_byte_slo_ms: 0 }")),
              HasSubstr("first_byte_slo_ms is 0; must be 1..60000"));
}

TEST(ConfigRungs, AnObjectiveWithoutAutoIsAWarning) {
  EXPECT_THAT(LoadPure(WithService("policy { first_byte_slo_ms: 20 }")).ToString(),
              HasSubstr("first_byte_slo_ms has no effect"));
}

TEST(ConfigTap, ALongServiceNameGivesAHashedTapName) {
  const LoadOutcome outcome =
      LoadPure(StrCat(kZone,
                      "service { name: \"a-rather-long-service-name\" dns_name: \"a.summon.test\" "
                      "address: \"10.77.0.10\" image: \"w\" }"));
  ASSERT_TRUE(outcome.ok());
  const std::string& tap = outcome.config->services.at(0).net.tap_name;
  EXPECT_EQ(tap.size(), 15u);
  EXPECT_THAT(tap, StartsWith("sm-a-ra"));
}

class ConfigFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/summon-configs-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder_ = name;
    // Readable for others, so that the test of permissions fails at the file itself.
    ASSERT_EQ(chmod(name, 0755), 0);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void Write(const std::string& name, std::string_view contents) {
    std::ofstream(folder_ + '/' + name) << contents;
  }
  LoadOutcome LoadHere(std::string_view text) {
    return LoadText(text, folder_ + "/site.textproto");
  }

  std::string folder_;
};

TEST_F(ConfigFiles, AnImageThatIsThereIsFine) {
  Write("web.hvt", "ELF");
  EXPECT_EQ(LoadHere(WithService("")).ToString(), "");
}

TEST_F(ConfigFiles, AMissingImageSuggestsANearName) {
  Write("web-1.hvt", "ELF");
  EXPECT_THAT(
      LoadHere(WithService("")).ToString(),
      AllOf(HasSubstr("web.hvt\" not found"), HasSubstr("did you mean"), HasSubstr("web-1.hvt")));
}

TEST_F(ConfigFiles, AFolderIsNoImage) {
  std::filesystem::create_directory(folder_ + "/web.hvt");
  EXPECT_THAT(LoadHere(WithService("")).ToString(), HasSubstr("is a folder; must be a file"));
}

TEST_F(ConfigFiles, AnEmptyImageIsAnError) {
  Write("web.hvt", "");
  EXPECT_THAT(LoadHere(WithService("")).ToString(), HasSubstr("is empty"));
}

TEST_F(ConfigFiles, AnImageThatMayNotBeReadIsAnError) {
  Write("web.hvt", "ELF");
  ASSERT_EQ(chmod((folder_ + "/web.hvt").c_str(), 0), 0);
  const uid_t before = geteuid();
  // Root may read everything; become nobody for the time of the load.
  if (before == 0) {
    ASSERT_EQ(seteuid(65534), 0);
  }
  const std::string said = LoadHere(WithService("")).ToString();
  ASSERT_EQ(seteuid(before), 0);
  EXPECT_THAT(said, HasSubstr("Permission denied (must be readable)"));
}

TEST_F(ConfigFiles, ABlockFileThatIsNoMultipleOfTheSectorIsAnError) {
  Write("web.hvt", "ELF");
  Write("disk.img", std::string(513, 'x'));
  EXPECT_THAT(LoadHere(WithService("block { name: \"d\" path: \"disk.img\" }")).ToString(),
              HasSubstr("has 513 bytes; must be a multiple of the sector_size 512"));
}

TEST(ConfigNet, NoneMeansNoDeviceAndNothingElse) {
  const LoadOutcome none = LoadPure(WithService("net { none: true }"));
  ASSERT_TRUE(none.ok()) << none.ToString();
  EXPECT_FALSE(none.config->services[0].net.present);
  EXPECT_THAT(FirstError(WithService("net { none: true name: \"x\" }")),
              HasSubstr("none is true, but other fields of net are set"));
}

TEST(ConfigExamples, AreRight) {
  const LoadOptions options{.check_files = false};
  const LoadOutcome demo = Load(SUMMON_EXAMPLES "/demo.textproto", options);
  EXPECT_TRUE(demo.ok()) << demo.ToString();
  EXPECT_THAT(demo.warnings, SizeIs(3));  // each of its services goes soon, and says so
  const LoadOutcome home = Load(SUMMON_EXAMPLES "/home.textproto", options);
  EXPECT_EQ(home.ToString(), "");
}

}  // namespace
}  // namespace summon::configs
