// SPDX-License-Identifier: Apache-2.0
// The file as a whole: what stands at the top, then each zone and service.
#include <unistd.h>

#include <algorithm>

#include "base/strings.h"
#include "configs/checks.h"

namespace summon::configs {

namespace {

constexpr std::size_t kSocketPathMax = 107;  // sockaddr_un.sun_path with its NUL
constexpr std::size_t kTapPrefixMax = 6;
constexpr const char* kListenDefault = "127.0.0.1:5300";

constexpr Range kPrefixLength{8, 30};
constexpr Range kBudgetMib{0, 16'777'216};
constexpr Range kWaitersPerService{1, 4096};
constexpr Range kWaiters{1, 65'536};
constexpr Range kSummonsInFlight{1, 4096};

std::uint64_t DefaultBudgetMib(std::uint64_t host_memory_mib) {
  if (host_memory_mib == 0) {
    const auto pages = static_cast<std::uint64_t>(std::max(0L, sysconf(_SC_PHYS_PAGES)));
    const auto page_bytes = static_cast<std::uint64_t>(std::max(0L, sysconf(_SC_PAGESIZE)));
    host_memory_mib = pages * page_bytes >> 20;
  }
  return std::max<std::uint64_t>(1, host_memory_mib * 4 / 5);
}

void CheckListen(const schema::File& file, const Node& root, Config& out) {
  if (static_cast<std::size_t>(file.listen_size()) > kListenMax) {
    root.Error("listen", static_cast<int>(kListenMax),
               StrCat(file.listen_size(), " listen addresses; must be 1..", kListenMax));
  }
  for (int i = 0; i < file.listen_size(); ++i) {
    auto endpoint = CheckEndpoint(file.listen(i));
    if (!endpoint) {
      root.Error("listen", i,
                 StrCat("listen ", Quote(file.listen(i)), ' ', endpoint.error().message()));
    } else if (std::find(out.listen.begin(), out.listen.end(), *endpoint) != out.listen.end()) {
      root.Error("listen", i, StrCat("listen ", Quote(file.listen(i)), " is given twice"));
    } else {
      out.listen.push_back(*endpoint);
    }
  }
  if (file.listen_size() == 0) out.listen.push_back(*CheckEndpoint(kListenDefault));
}

std::string CheckSocket(const Node& root, const char* field, const std::string& text,
                        const CheckContext& context) {
  if (text.empty() || text.find('\0') != std::string::npos) {
    root.Error(field, -1, StrCat(field, " is empty or contains a zero byte"));
    return {};
  }
  std::string path = ResolvePath(text, context.folder);
  if (path.size() > kSocketPathMax) {
    root.Error(field, -1,
               StrCat(field, ' ', Quote(path), " has ", path.size(), " bytes; must be 1..",
                      kSocketPathMax));
  }
  return path;
}

void CheckMetrics(const schema::File& file, const Node& root, Config& out) {
  const std::string& text = file.metrics_listen();
  if (text.empty() || text == "none") return;
  auto endpoint = CheckEndpoint(text);
  if (endpoint) {
    out.metrics_listen = *endpoint;
  } else {
    root.Error("metrics_listen", -1,
               StrCat("metrics_listen ", Quote(text), ' ', endpoint.error().message()),
               "\"none\" turns it off");
  }
}

// True when what stands there can be relied on by the checks of services.
bool CheckNetwork(const schema::Network& network, const Node& node, Network& out) {
  const auto gateway = Ipv4Address::Parse(network.gateway());
  if (gateway) {
    out.gateway = *gateway;
  } else {
    node.Error("gateway", -1,
               StrCat("gateway ", Quote(network.gateway()), " is not an IPv4 address"));
  }
  out.prefix_length = static_cast<int>(node.Number("prefix_length", kPrefixLength));
  out.tap_prefix = network.tap_prefix();
  const bool prefix_good = !out.tap_prefix.empty() && out.tap_prefix.size() <= kTapPrefixMax &&
                           std::all_of(out.tap_prefix.begin(), out.tap_prefix.end(), [](char c) {
                             return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
                           });
  if (!prefix_good) {
    node.Error("tap_prefix", -1,
               StrCat("tap_prefix ", Quote(out.tap_prefix), " must be 1..", kTapPrefixMax,
                      " of a-z and 0-9"));
  }
  return gateway && !node.damaged() &&
         static_cast<std::uint32_t>(out.prefix_length) == network.prefix_length();
}

void CheckLimits(const Node& node, std::uint64_t host_memory_mib, Limits& out) {
  out.memory_budget_mib = node.Number("memory_budget_mib", kBudgetMib);
  if (out.memory_budget_mib == 0) out.memory_budget_mib = DefaultBudgetMib(host_memory_mib);
  out.waiters_per_service_max =
      static_cast<std::uint32_t>(node.Number("waiters_per_service_max", kWaitersPerService));
  out.waiters_max = static_cast<std::uint32_t>(node.Number("waiters_max", kWaiters));
  out.summons_in_flight_max =
      static_cast<std::uint32_t>(node.Number("summons_in_flight_max", kSummonsInFlight));
}

// True when all zones are known, so that a name in none of them is an error.
bool CheckZones(const schema::File& file, const Node& root, Uniqueness& unique, Config& out) {
  if (file.zone_size() == 0) (void)root.Missing("zone");
  if (static_cast<std::size_t>(file.zone_size()) > kZonesMax) {
    root.Error("zone", static_cast<int>(kZonesMax),
               StrCat(file.zone_size(), " zones; must be 1..", kZonesMax));
  }
  bool known = file.zone_size() > 0 && !root.damaged();
  for (int i = 0; i < file.zone_size(); ++i) {
    Node node = root.Nested(file.zone(i), "zone", i, "zone");
    Zone zone = CheckZone(file.zone(i), node, unique);
    if (zone.apex.empty()) known = false;
    out.zones.push_back(std::move(zone));
  }
  return known;
}

}  // namespace

Config CheckFile(const schema::File& file, const ParseInfoTree& tree, const CheckContext& context) {
  Config out;
  const Node root(file, &tree, {}, "", context);
  Uniqueness unique(context);
  CheckListen(file, root, out);
  out.control_socket = CheckSocket(root, "control_socket", file.control_socket(), context);
  out.launcher_socket = CheckSocket(root, "launcher_socket", file.launcher_socket(), context);
  if (!out.control_socket.empty() && out.control_socket == out.launcher_socket) {
    root.Error("launcher_socket", -1,
               StrCat("launcher_socket ", Quote(out.launcher_socket),
                      " is the same as the control_socket"));
  }
  CheckMetrics(file, root, out);
  const bool network_known = CheckNetwork(
      file.network(), root.Nested(file.network(), "network", -1, "network"), out.network);
  CheckLimits(root.Nested(file.limits(), "limits", -1, "limits"), context.options.host_memory_mib,
              out.limits);
  out.dns = CheckDns(file.dns(), root.Nested(file.dns(), "dns", -1, "dns"));
  out.tcp = CheckTcp(root.Nested(file.tcp(), "tcp", -1, "tcp"));
  out.tls = CheckTls(file, root, out.listen);
  CheckRateLimit(file.rate_limit(),
                 root.Nested(file.rate_limit(), "rate_limit", -1, "rate_limit"), out.rate_limit);
  CheckWake(file.wake(), root.Nested(file.wake(), "wake", -1, "wake"), out.wake);
  out.reverse_zones = file.reverse_zones();
  const bool zones_known = CheckZones(file, root, unique, out);
  out.forwarding = CheckForwarding(file, root, out);
  if (static_cast<std::size_t>(file.service_size()) > kServicesMax) {
    root.Error("service", static_cast<int>(kServicesMax),
               StrCat(file.service_size(), " services; must be 0..", kServicesMax));
    return out;
  }
  const ServiceRules rules{context,   out.network, network_known,
                           out.zones, zones_known, out.limits.memory_budget_mib};
  for (int i = 0; i < file.service_size(); ++i) {
    Node node = root.Nested(file.service(i), "service", i, "service");
    out.services.push_back(CheckService(file.service(i), node, rules, unique));
  }
  CheckZoneNames(out.zones, file, root, unique);
  return out;
}

}  // namespace summon::configs
