// SPDX-License-Identifier: Apache-2.0
// From the configuration to the table: what is where, and which serial it has.
#include "summoner/daemon/zone_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/strings.h"
#include "configs/load.h"
#include "dns/rdata_text.h"

namespace summon::summoner {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint32_t kThen = 1'000;
constexpr std::uint32_t kLater = 2'000;

class ZoneData : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "zone_data_XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // Builds; the serials go on from the last build.
  void Build(const std::string& text, std::uint32_t now_s = kThen) {
    const auto outcome =
        configs::LoadText(text, folder_ + "/test.textproto", {.check_files = false});
    ASSERT_TRUE(outcome.ok()) << outcome.ToString();
    ServiceIds ids;
    for (const configs::Service& service : outcome.config->services) {
      ids.emplace(service.name, ServiceId{static_cast<std::uint32_t>(ids.size())});
    }
    build_ = BuildZoneTable(*outcome.config, ids, build_.serials, now_s);
  }
  void WriteFile(std::string_view more, int serial = 7) {
    std::ofstream(folder_ + "/z") << "$TTL 60\n@ SOA ns hm " << serial << " 2 3 4 5\n@ NS ns\n"
                                  << "ns A 192.0.2.53\n"
                                  << more;
  }
  // The data of a name, each as text.
  std::vector<std::string> Get(std::string_view name, dns::RrType type) {
    std::vector<std::string> out;
    const auto found = build_.table->Find(dns::Name::Parse(name).value(), type);
    if (found.kind != dns::Lookup::Kind::kRecords) return out;
    for (const Bytes rdata : found.records->rdatas()) {
      out.push_back(dns::RdataToText(type, rdata));
    }
    return out;
  }
  std::uint32_t Serial(std::string_view apex) {
    for (const auto& zone : build_.table->zones()) {
      if (zone->apex == dns::Name::Parse(apex).value()) return zone->soa.serial;
    }
    return 0;
  }

  std::string folder_;
  ZoneBuild build_;
};

constexpr const char* kZone = "zone { apex: \"a.test\" ns_address: \"192.0.2.53\" }\n";
constexpr const char* kFileZone = "zone { apex: \"a.test\" zone_file: \"z\" }\n";
constexpr const char* kService =
    "service { name: \"x\" dns_name: \"x.a.test\" address: \"10.77.0.10\" image: \"w\" "
    "https: \"1 . alpn=h2 port=8443\" https: \"2 b.test\" }\n";

TEST_F(ZoneData, HoldsServicesNameServersAndAddresses) {
  Build(StrCat(kZone, kService));
  ASSERT_THAT(build_.problems, IsEmpty());
  EXPECT_THAT(Get("x.a.test", dns::RrType::kA), ElementsAre("10.77.0.10"));
  EXPECT_THAT(Get("ns.a.test", dns::RrType::kA), ElementsAre("192.0.2.53"));
  EXPECT_THAT(Get("10.0.77.10.in-addr.arpa", dns::RrType::kPtr), ElementsAre("x.a.test."));
  EXPECT_THAT(Get("53.2.0.192.in-addr.arpa", dns::RrType::kPtr), ElementsAre("ns.a.test."));
  EXPECT_THAT(Get("0.77.10.in-addr.arpa", dns::RrType::kNs), ElementsAre("ns.a.test."));
}

// RFC 9460 section 7.3: only where the target is the owner itself.
TEST_F(ZoneData, AddsTheServicesAddressAsAHint) {
  Build(StrCat(kZone, kService));
  EXPECT_THAT(Get("x.a.test", dns::RrType::kHttps),
              ElementsAre("1 . alpn=\"h2\" port=8443 ipv4hint=10.77.0.10", "2 b.test."));
}

TEST_F(ZoneData, ReverseZonesCanBeOff) {
  Build(StrCat(kZone, kService, "reverse_zones: false"));
  EXPECT_EQ(build_.table->zones().size(), 1u);
}

TEST_F(ZoneData, AFileStandsBesideServices) {
  WriteFile("x MX 10 mail\nmail A 192.0.2.2\n");
  Build(StrCat(kFileZone, kService));
  ASSERT_THAT(build_.problems, IsEmpty());
  EXPECT_THAT(Get("x.a.test", dns::RrType::kA), ElementsAre("10.77.0.10"));
  EXPECT_THAT(Get("x.a.test", dns::RrType::kMx), ElementsAre("10 mail.a.test."));
  EXPECT_THAT(Get("mail.a.test", dns::RrType::kA), ElementsAre("192.0.2.2"));
  EXPECT_THAT(Get("0.77.10.in-addr.arpa", dns::RrType::kNs), ElementsAre("ns.a.test."));
}

TEST_F(ZoneData, AServicesAddressInAFileIsPlaced) {
  WriteFile("x A 192.0.2.2\n");
  Build(StrCat(kFileZone, kService));
  EXPECT_THAT(build_.problems, ElementsAre(HasSubstr("/z:5:1: x.a.test. is a service's name")));
  EXPECT_EQ(build_.table, nullptr);
}

TEST_F(ZoneData, AServiceBelowADelegationIsRefused) {
  Build(StrCat("zone { apex: \"test\" record { name: \"a.test\" type: NS value: \"b\" } }\n",
               kService));
  EXPECT_THAT(build_.problems, ElementsAre(HasSubstr("x.a.test. is delegated by the NS record of "
                                                     "a.test.")));
  WriteFile("x NS b.test.\n");
  Build(StrCat(kFileZone, "service { name: \"y\" dns_name: \"y.x.a.test\" address: \"10.77.0.10\" "
                          "image: \"w\" }"));
  EXPECT_THAT(build_.problems, ElementsAre(HasSubstr("is delegated")));
}

TEST_F(ZoneData, TheSerialMovesWithTheZoneOnly) {
  Build(StrCat(kZone, "zone { apex: \"b.test\" }"), kThen);
  Build(StrCat(kZone, kService, "zone { apex: \"b.test\" }"), kLater);
  EXPECT_EQ(Serial("a.test"), kLater);
  EXPECT_EQ(Serial("b.test"), kThen);
}

TEST_F(ZoneData, AFileAloneKeepsItsSerial) {
  WriteFile("", 42);
  Build(kFileZone);
  EXPECT_EQ(Serial("a.test"), 42u);
}

// The file's own would not tell that a service has come.
TEST_F(ZoneData, AFileWithServicesHasANewSerialAtEachReload) {
  WriteFile("", 42);
  Build(StrCat(kFileZone, kService), kThen);
  EXPECT_EQ(Serial("a.test"), kThen);
  Build(StrCat(kFileZone, kService), kThen);
  EXPECT_EQ(Serial("a.test"), kThen + 1);
}

}  // namespace
}  // namespace summon::summoner
