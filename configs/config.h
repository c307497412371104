// SPDX-License-Identifier: Apache-2.0
#pragma once
// What an operator configured, as plain checked values.
//
// configs/schema/summon.proto is the manual of the file; this is what the rest of the program
// sees. Whatever stands in a Config has passed every check of the loader: names are lower-case
// and absolute without the last dot, paths are absolute, ranges hold, references exist, and
// nothing that must be unique is there twice. No protobuf type leaves this folder.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/address.h"
#include "base/prefix.h"
#include "dns/rdata.h"
#include "dns/types.h"

namespace summon::configs {

// Bounds of a configuration. What a single number may be stands beside its field in the schema.
inline constexpr std::size_t kConfigBytesMax = 1 << 20;
inline constexpr std::size_t kServicesMax = 65'536;
inline constexpr std::size_t kZonesMax = 256;
inline constexpr std::size_t kRecordsPerZoneMax = 4096;
inline constexpr std::size_t kListenMax = 64;
inline constexpr std::size_t kNotifyPerZoneMax = 16;
inline constexpr std::size_t kDnsNamesPerServiceMax = 64;
inline constexpr std::size_t kBlocksPerServiceMax = 16;
inline constexpr std::size_t kForwardRulesMax = 64;
inline constexpr std::size_t kUpstreamsPerRuleMax = 8;
inline constexpr std::size_t kAllowedNetworksMax = 256;
inline constexpr std::size_t kPrivateZonesMax = 256;
inline constexpr std::size_t kDiagnosticsMax = 100;

// An address and port to listen on.
struct Endpoint {
  std::variant<Ipv4Address, Ipv6Address> host;
  std::uint16_t port = 0;
  bool operator==(const Endpoint&) const = default;
  std::string ToString() const;  // "127.0.0.1:5300", "[::1]:5300"
};

struct StaticRecord {
  std::string name;  // inside its zone
  dns::RrType type{};
  dns::Rdata data;  // well-formed for the type
  std::chrono::seconds ttl{0};
  bool operator==(const StaticRecord&) const = default;
};

// Signing a zone.
struct Dnssec {
  std::string key_file;
  std::vector<std::string> published_key_files;  // of keys that do not sign
  std::chrono::seconds validity{0};
  bool operator==(const Dnssec&) const = default;
};
// Who may; nothing: everybody.
using Networks = std::optional<std::vector<IpPrefix>>;

// A name server of a zone, with the addresses that we give for its name.
struct NameServer {
  std::string name;
  std::vector<Ipv4Address> ipv4;
  std::vector<Ipv6Address> ipv6;
  bool operator==(const NameServer&) const = default;
};

// Start of authority; the serial is made by itself.
struct Soa {
  std::string primary;
  std::string mailbox;  // as a name
  std::uint32_t refresh_s = 3'600;
  std::uint32_t retry_s = 600;
  std::uint32_t expire_s = 86'400;
  std::uint32_t minimum_s = 10;
  std::uint32_t ttl_s = 10;
  bool operator==(const Soa&) const = default;
};

struct Zone {
  std::string apex;
  std::vector<NameServer> name_servers;  // at least one, unless the zone has a file
  Soa soa;                               // without meaning when the zone has a file
  std::vector<StaticRecord> records;
  std::string zone_file;                   // brings SOA, NS and more; empty: none
  std::vector<IpPrefix> allow_transfer{};  // who may have the whole zone
  std::vector<Endpoint> notify{};          // who is told of changes
  std::optional<Dnssec> dnssec{};          // none: not signed
  Networks allow_query;
  Networks allow_wake;
  bool operator==(const Zone&) const = default;
};

struct Network {
  Ipv4Address gateway;     // the host's own address on every tap
  int prefix_length = 24;  // of the network that holds the gateway and every service
  std::string tap_prefix;
  bool operator==(const Network&) const = default;
};

struct Limits {
  std::uint64_t memory_budget_mib = 0;  // never 0: the default has been worked out
  std::uint32_t waiters_per_service_max = 0;
  std::uint32_t waiters_max = 0;
  std::uint32_t summons_in_flight_max = 0;
  bool operator==(const Limits&) const = default;
};

// Answers over UDP for one network; see the schema.
struct RateLimit {
  bool enabled = true;
  std::uint32_t positive_per_s = 20;
  std::uint32_t no_data_per_s = 20;
  std::uint32_t nxdomain_per_s = 10;
  std::uint32_t error_per_s = 5;
  std::uint32_t burst_factor = 2;
  std::uint32_t slip = 2;
  std::uint32_t buckets = 65'536;
  std::vector<IpPrefix> exempt;  // empty: nobody
  bool operator==(const RateLimit&) const = default;
};

// What lookups may boot; see the schema.
struct Wake {
  bool proof_always = true;  // else under pressure
  std::vector<IpPrefix> trusted;  // empty: nobody
  std::uint32_t boots_per_s = 2;
  std::uint32_t boots_burst = 8;
  std::uint32_t in_flight_max = 4;
  std::uint32_t queue_max = 64;
  std::uint32_t boots_per_network = 3;
  std::uint32_t services_per_network = 20;
  std::chrono::seconds service_interval{5};
  std::chrono::seconds cool_down_max{600};
  bool operator==(const Wake&) const = default;
};

enum class WakeOn { kAddress, kService, kPacket };
enum class LauncherChoice { kAuto, kKvm, kProcess };
enum class AnswerPolicy { kImmediately, kWhenReady };
enum class OnIdle { kOff, kKeepRunning, kPaused, kParked, kSaved, kAuto };

struct Policy {
  AnswerPolicy answer = AnswerPolicy::kImmediately;
  std::chrono::milliseconds hold_max{0};
  std::chrono::seconds ttl_asleep{0};
  std::chrono::seconds ttl_ready{0};
  std::chrono::seconds idle_timeout{0};
  OnIdle on_idle = OnIdle::kOff;
  std::chrono::milliseconds ready_timeout{0};
  std::chrono::seconds grace{0};
  std::chrono::milliseconds first_byte_slo{0};
  // So long after it came to rest, it is lowered to a snapshot in memory, to a file, or ends.
  std::optional<std::chrono::seconds> parked_after{};
  std::optional<std::chrono::seconds> saved_after{};
  std::optional<std::chrono::seconds> off_after{};
  WakeOn wake_on = WakeOn::kAddress;
  Networks allow_wake;
  bool operator==(const Policy&) const = default;

  // Its machines may be parked or saved.
  bool snapshots() const {
    return on_idle == OnIdle::kParked || on_idle == OnIdle::kSaved || on_idle == OnIdle::kAuto ||
           parked_after || saved_after;
  }
};

// In whose name the guest may send.
enum class SpoofCheck : std::uint8_t {
  kAddress,  // only its own MAC and IPv4 address; IPv4 and ARP only
  kMac,      // only its own MAC
  kOff,      // anybody's
};

struct NetDevice {
  bool present = true;            // else the image has no network device
  std::string name;               // as in the image's manifest
  std::string tap_name;           // unique, 1..15 characters
  std::optional<MacAddress> mac;  // else the launcher derives one
  SpoofCheck spoof_check = SpoofCheck::kAddress;
  bool operator==(const NetDevice&) const = default;
};

struct BlockDevice {
  std::string name;  // as in the image's manifest
  std::string path;
  std::uint32_t sector_size = 512;
  bool read_only = false;
  bool operator==(const BlockDevice&) const = default;
};

struct Service {
  std::string name;                    // [a-z0-9-]{1,32}
  std::vector<std::string> dns_names;  // at least one, each inside a zone
  Ipv4Address address;
  std::string image;          // for kvm; empty: none
  std::string process_image;  // for process; empty: none
  LauncherChoice launcher = LauncherChoice::kAuto;
  std::string command_line;  // placeholders are expanded
  std::vector<dns::Rdata> https{};  // HTTPS records of each of its names
  std::uint32_t memory_mib = 16;
  NetDevice net;
  std::vector<BlockDevice> blocks;
  Policy policy;
  bool operator==(const Service&) const = default;
};

// How DNS is spoken.
struct Dns {
  std::uint16_t udp_size_max = 1232;
  std::string nsid;  // empty: not told; likewise below
  bool cookies = true;
  std::string cookie_secret_file;  // empty: secrets are random
  std::string version;
  std::string hostname;
  std::uint32_t signatures_per_s = 2'000;
  bool operator==(const Dns&) const = default;
};

// Names that are asked of others.
struct ForwardRule {
  std::string zone;                 // "." for all names
  std::vector<Endpoint> upstreams;  // at least one, unless there is a resolv_conf
  std::string resolv_conf;          // a path, or empty
  bool rebind_protection = true;
  bool trust_ad = false;
  bool mix_case = true;
  bool operator==(const ForwardRule&) const = default;
};

struct Forwarding {
  std::vector<ForwardRule> rules;  // none: nothing is forwarded
  std::vector<IpPrefix> allow_recursion;
  std::vector<std::string> private_zones;
  std::uint32_t cache_entries_max = 0;
  std::uint32_t cache_mib_max = 0;
  std::chrono::seconds ttl_max{0};
  std::chrono::seconds negative_ttl_max{0};
  std::chrono::seconds stale_max{0};
  std::uint32_t in_flight_max = 0;
  bool operator==(const Forwarding&) const = default;
};

// What connections of DNS may cost.
struct Tcp {
  std::uint32_t connections_max = 1'000;
  std::uint32_t per_prefix_max = 16;
  std::uint32_t per_local_prefix_max = 64;
  std::chrono::milliseconds first_octet{2'000};
  std::chrono::milliseconds idle{10'000};
  std::chrono::milliseconds idle_crowded{2'000};
  std::chrono::milliseconds message{5'000};
  std::chrono::milliseconds write_stall{10'000};
  std::uint32_t unanswered_max = 64;
  std::uint32_t unsent_max_kib = 256;
  bool operator==(const Tcp&) const = default;
};

struct Tls {
  std::vector<Endpoint> listen;  // at least one
  std::string certificate;
  std::string key;
  std::chrono::milliseconds handshake{5'000};
  std::uint32_t handshakes_per_second_max = 20;  // 0: no limit
  bool operator==(const Tls&) const = default;
};

struct Config {
  std::vector<Zone> zones;
  std::vector<Endpoint> listen;
  std::string control_socket;   // empty: none
  std::string launcher_socket;  // empty: none
  std::optional<Endpoint> metrics_listen;  // none: metrics are not served
  Network network;
  Limits limits;
  Dns dns;
  Forwarding forwarding;
  Tcp tcp;
  std::optional<Tls> tls;
  RateLimit rate_limit;
  Wake wake;
  bool reverse_zones = true;  // names of addresses, in zones made by themselves
  std::vector<Service> services;  // in the file's order; ServiceId is not this index
  bool operator==(const Config&) const = default;
};

// What a reload changes.
struct ConfigDiff {
  // Names of services. `changed` services are in both and differ in anything at all.
  std::vector<std::string> added;
  std::vector<std::string> removed;
  std::vector<std::string> changed;
  std::vector<std::string> unchanged;
  bool zones_changed = false;
  bool limits_changed = false;
  // Settings that take effect at the next start only, by their names in the file: listen,
  // control_socket, launcher_socket, metrics_listen, network, tcp, tls.
  std::vector<std::string> needs_restart;
};

ConfigDiff Diff(const Config& old_config, const Config& next);

}  // namespace summon::configs
