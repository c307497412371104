// SPDX-License-Identifier: Apache-2.0
// Which zones the names of addresses are in.
#include "summoner/daemon/reverse_zones.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "configs/load.h"

namespace summon::summoner {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// "apex: owner target, ..." of each zone.
std::vector<std::string> Zones(const std::string& text) {
  const auto outcome = configs::LoadText(text, "test", {.check_files = false});
  EXPECT_TRUE(outcome.ok()) << outcome.ToString();
  std::vector<std::string> out;
  if (!outcome.ok()) return out;
  for (const ReverseZone& zone : ReverseZonesOf(*outcome.config)) {
    std::string line = zone.apex.ToText() + ":";
    for (const ReversePointer& pointer : zone.pointers) {
      line += StrCat(' ', pointer.owner.ToText(), '>', pointer.target.ToText());
    }
    out.push_back(line);
  }
  return out;
}

std::string Service(std::string_view name, std::string_view address) {
  return StrCat("service { name: \"", name, "\" dns_name: \"", name, ".a.test\" dns_name: \"", name,
                "2.a.test\" address: \"", address, "\" image: \"w\" }\n");
}

constexpr const char* kZone = "zone { apex: \"a.test\" }\n";

TEST(ReverseZones, TakeTheOctetsOfTheNetworkAndTheFirstName) {
  EXPECT_THAT(Zones(kZone + Service("x", "10.77.0.10") + Service("y", "10.77.0.11")),
              ElementsAre("0.77.10.in-addr.arpa.: 10.0.77.10.in-addr.arpa.>x.a.test. "
                          "11.0.77.10.in-addr.arpa.>y.a.test."));
}

TEST(ReverseZones, NeverClaimMoreThanTheNetwork) {
  EXPECT_THAT(Zones(kZone + Service("x", "10.77.0.10") + "network { prefix_length: 20 }"),
              ElementsAre("0.77.10.in-addr.arpa.: 10.0.77.10.in-addr.arpa.>x.a.test."));
  EXPECT_THAT(Zones(kZone + Service("x", "10.77.5.10") + "network { prefix_length: 16 }"),
              ElementsAre("77.10.in-addr.arpa.: 10.5.77.10.in-addr.arpa.>x.a.test."));
  EXPECT_THAT(Zones(kZone + Service("x", "10.77.0.10") + "network { prefix_length: 28 }"),
              ElementsAre("10.0.77.10.in-addr.arpa.: 10.0.77.10.in-addr.arpa.>x.a.test."));
}

TEST(ReverseZones, NameServersOutsideHaveAZoneForTheirNameOnly) {
  const std::string zone =
      "zone { apex: \"a.test\" name_server { name: \"ns.a.test\" address: \"192.0.2.1\" "
      "address: \"2001:db8::1\" } }\n";
  EXPECT_THAT(Zones(zone),
              ElementsAre("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2."
                          "ip6.arpa.: 1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1."
                          "0.0.2.ip6.arpa.>ns.a.test.",
                          "1.2.0.192.in-addr.arpa.: 1.2.0.192.in-addr.arpa.>ns.a.test."));
}

TEST(ReverseZones, LeaveZonesOfTheConfigurationAlone) {
  EXPECT_THAT(Zones(kZone + Service("x", "10.77.0.10") + "zone { apex: \"10.in-addr.arpa\" }"),
              IsEmpty());
}

}  // namespace
}  // namespace summon::summoner
