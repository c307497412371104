// SPDX-License-Identifier: Apache-2.0
// Comparing two configurations.
#include "configs/config.h"

#include <map>
#include <string_view>

#include "base/strings.h"

namespace summon::configs {

std::string Endpoint::ToString() const {
  if (const auto* ipv6 = std::get_if<Ipv6Address>(&host)) {
    return StrCat('[', ipv6->ToString(), "]:", port);
  }
  return StrCat(std::get<Ipv4Address>(host).ToString(), ':', port);
}

namespace {

// The files of TLS are read again; nothing else of it is.
bool SameButFiles(const std::optional<Tls>& one, const std::optional<Tls>& other) {
  if (!one || !other) return one.has_value() == other.has_value();
  Tls moved = *other;
  moved.certificate = one->certificate;
  moved.key = one->key;
  return *one == moved;
}

}  // namespace

ConfigDiff Diff(const Config& old_config, const Config& next) {
  ConfigDiff diff;
  std::map<std::string_view, const Service*> before;
  for (const Service& service : old_config.services) before.emplace(service.name, &service);
  for (const Service& service : next.services) {
    const auto found = before.find(service.name);
    if (found == before.end()) {
      diff.added.push_back(service.name);
      continue;
    }
    (*found->second == service ? diff.unchanged : diff.changed).push_back(service.name);
    before.erase(found);
  }
  for (const auto& [name, service] : before) diff.removed.emplace_back(name);
  diff.zones_changed =
      old_config.zones != next.zones || old_config.reverse_zones != next.reverse_zones;
  diff.limits_changed = old_config.limits != next.limits;
  const auto note = [&diff](bool same, const char* setting) {
    if (!same) diff.needs_restart.emplace_back(setting);
  };
  note(old_config.listen == next.listen, "listen");
  note(old_config.control_socket == next.control_socket, "control_socket");
  note(old_config.launcher_socket == next.launcher_socket, "launcher_socket");
  note(old_config.metrics_listen == next.metrics_listen, "metrics_listen");
  note(old_config.network == next.network, "network");
  note(old_config.tcp == next.tcp, "tcp");
  note(SameButFiles(old_config.tls, next.tls), "tls");
  note(old_config.rate_limit == next.rate_limit, "rate_limit");
  return diff;
}

}  // namespace summon::configs
