// SPDX-License-Identifier: Apache-2.0
// Permissions and notifications; see the header.
#include "summoner/daemon/secondaries.h"

#include <utility>

#include "base/strings.h"

namespace summon::summoner {

namespace {

// The configuration of a zone of the table; that of the first one for zones made by themselves.
const configs::Zone& ConfigOf(const configs::Config& config, const dns::Name& apex) {
  for (const configs::Zone& zone : config.zones) {
    const auto name = dns::Name::Parse(zone.apex);
    if (name.ok() && *name == apex) return zone;
  }
  return config.zones.front();
}

bool IsUnspecified(const dns::Endpoint& endpoint) {
  for (const std::uint8_t octet : endpoint.octets) {
    if (octet != 0) return false;
  }
  return true;
}

}  // namespace

Secondaries::Secondaries(Loop& loop, Logger& log, dns::Transfers::OnAnswer on_answer)
    : log_(log),
      transfers_(loop, std::move(on_answer)),
      notifier_(loop, [this](const dns::Notifier::Notice& notice, const std::string& what) {
        const std::string zone = notice.apex.ToText();
        const std::string secondary = notice.secondary.ToString();
        if (what.empty()) {
          log_.Info("secondary notified",
                    {{"zone", zone}, {"serial", notice.serial}, {"secondary", secondary}});
        } else {
          log_.Warning("secondary not notified; it looks by itself after the SOA's refresh",
                       {{"zone", zone}, {"secondary", secondary}, {"why", what}});
        }
      }) {}

void Secondaries::UseSources(const std::vector<dns::Endpoint>& listen) {
  // The first one counts, so it is told last.
  for (auto endpoint = listen.rbegin(); endpoint != listen.rend(); ++endpoint) {
    if (!IsUnspecified(*endpoint)) notifier_.UseSource(*endpoint);
  }
}

void Secondaries::OnZones(const configs::Config& config, const dns::ZoneTable& table) {
  std::vector<dns::Transfers::Permission> permissions;
  std::map<std::string, std::uint32_t> serials;
  for (const auto& zone : table.zones()) {
    const configs::Zone& configured = ConfigOf(config, zone->apex);
    permissions.push_back({zone->apex, dns::PrefixList(configured.allow_transfer)});
    const std::string apex = zone->apex.ToText();
    serials.emplace(apex, zone->soa.serial);
    const auto told = told_.find(apex);
    if (told != told_.end() && told->second == zone->soa.serial) continue;
    for (const configs::Endpoint& secondary : configured.notify) {
      const auto endpoint = dns::Endpoint::Parse(secondary.ToString());
      if (endpoint.ok()) notifier_.Notify({zone->apex, zone->soa.serial, *endpoint});
    }
  }
  transfers_.SetPermissions(permissions);
  told_ = std::move(serials);
}

}  // namespace summon::summoner
