// SPDX-License-Identifier: Apache-2.0
// One service: its names, address, images, devices and policy.
#include <algorithm>
#include <set>

#include "base/strings.h"
#include "configs/checks.h"

namespace summon::configs {

namespace {

// Ranges of single numbers; the schema's comments give the same.
constexpr Range kMemoryMib{2, 4096};
constexpr Range kHoldMaxMs{1, 1500};
constexpr Range kTtlS{1, 86'400};
constexpr Range kIdleTimeoutS{1, 604'800};
constexpr Range kReadyTimeoutMs{100, 600'000};
constexpr Range kGraceS{0, 3600};
constexpr Range kFirstByteSloMs{1, 60'000};
constexpr Range kDescendAfterS{1, 31'536'000};

constexpr std::size_t kServiceNameMax = 32;
constexpr std::size_t kDeviceNameMax = 67;     // Solo5 mft_abi.h: MFT_NAME_MAX
constexpr std::size_t kCommandLineMax = 8191;  // Solo5 hvt_abi.h: HVT_CMDLINE_SIZE with its NUL
constexpr std::size_t kTapNameMax = 15;        // Linux if.h: IFNAMSIZ with its NUL
constexpr std::uint64_t kSectorMin = 512;
constexpr std::uint64_t kSectorMax = 32'768;  // the manifest's field has 16 bits

// Only letters, digits and what stands in `also`.
bool OnlyHas(std::string_view text, std::string_view also) {
  return std::all_of(text.begin(), text.end(), [also](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           also.find(c) != std::string_view::npos;
  });
}

bool IsServiceName(std::string_view name) {
  return !name.empty() && name.size() <= kServiceNameMax && OnlyHas(name, "-") &&
         ToLower(name) == name && name.front() != '-' && name.back() != '-';
}

// A tap's name for a service: short ones as they are; longer ones end in a hash (FNV-1a, 32
// bits) of the whole, so that the name is the same after every restart.
std::string TapName(const std::string& prefix, const std::string& service) {
  std::string name = StrCat(prefix, '-', service);
  if (name.size() <= kTapNameMax) return name;
  std::uint32_t hash = 2'166'136'261u;
  for (const char c : service) hash = (hash ^ static_cast<std::uint8_t>(c)) * 16'777'619u;
  const std::string digits = Hex(0x1'0000'0000ull + hash).substr(3);  // always eight digits
  return StrCat(name.substr(0, kTapNameMax - digits.size()), digits);
}

std::uint32_t ToNumber(const Ipv4Address& address) {
  const auto& o = address.octets;
  return std::uint32_t{o[0]} << 24 | std::uint32_t{o[1]} << 16 | std::uint32_t{o[2]} << 8 | o[3];
}

class ServiceCheck final {
 public:
  ServiceCheck(const schema::Service& service, Node& node, const ServiceRules& rules,
               Uniqueness& unique)
      : service_(service), node_(node), rules_(rules), unique_(unique) {}

  Service Run() {
    CheckName();
    CheckDnsNames();
    CheckAddress();
    CheckImages();
    CheckCommandLine();
    out_.https = CheckHttps(service_, node_);
    CheckMemory();
    CheckNet();
    CheckBlocks();
    CheckPolicy();
    return std::move(out_);
  }

 private:
  void CheckName() {
    if (!service_.has_name()) {
      (void)node_.Missing("name");
      return;
    }
    out_.name = service_.name();
    node_.set_label(StrCat("service ", Quote(out_.name)));
    if (!IsServiceName(out_.name)) {
      node_.Error("name", -1,
                  StrCat("name must be 1..", kServiceNameMax,
                         " of a-z, 0-9 and \"-\", with no \"-\" at either end"));
      return;
    }
    name_is_new_ = unique_.Claim(node_, "name", -1, "service name", out_.name);
  }

  void CheckDnsNames() {
    if (service_.dns_name_size() == 0) (void)node_.Missing("dns_name");
    if (static_cast<std::size_t>(service_.dns_name_size()) > kDnsNamesPerServiceMax) {
      node_.Error(
          "dns_name", static_cast<int>(kDnsNamesPerServiceMax),
          StrCat(service_.dns_name_size(), " dns_names; must be 1..", kDnsNamesPerServiceMax));
    }
    for (int i = 0; i < service_.dns_name_size(); ++i) {
      auto name = CheckDnsName(service_.dns_name(i));
      if (!name) {
        node_.Error("dns_name", i,
                    StrCat("dns_name ", Quote(service_.dns_name(i)), ' ', name.error().message()));
        continue;
      }
      CheckZoneOf(*name, i);
      (void)unique_.Claim(node_, "dns_name", i, "dns_name", *name);
      out_.dns_names.push_back(std::move(*name));
    }
  }

  void CheckZoneOf(const std::string& name, int index) {
    const auto holds = [&name](const Zone& zone) { return IsInZone(name, zone.apex); };
    if (!rules_.zones_known || std::any_of(rules_.zones.begin(), rules_.zones.end(), holds)) return;
    std::string apexes;
    for (const Zone& zone : rules_.zones) {
      if (apexes.size() > 200) break;  // enough to see what is meant
      apexes += StrCat(apexes.empty() ? "" : ", ", zone.apex);
    }
    node_.Error("dns_name", index, StrCat("dns_name ", Quote(name), " lies in no zone"),
                StrCat("zones: ", apexes));
  }

  void CheckAddress() {
    if (!service_.has_address()) {
      (void)node_.Missing("address");
      return;
    }
    const auto address = Ipv4Address::Parse(service_.address());
    if (!address) {
      node_.Error("address", -1,
                  StrCat("address ", Quote(service_.address()), " is not an IPv4 address"));
      return;
    }
    out_.address = *address;
    (void)unique_.Claim(node_, "address", -1, "address", address->ToString());
    if (rules_.network_known) CheckAddressInNetwork(*address);
  }

  void CheckAddressInNetwork(const Ipv4Address& address) {
    const Network& network = rules_.network;
    const std::uint32_t host_mask = 0xffff'ffffu >> network.prefix_length;
    const std::uint32_t number = ToNumber(address);
    const std::uint32_t gateway = ToNumber(network.gateway);
    const std::string text = StrCat("address ", address.ToString());
    if ((number & ~host_mask) != (gateway & ~host_mask)) {
      node_.Error("address", -1,
                  StrCat(text, " lies outside of the network that holds ",
                         network.gateway.ToString(), '/', network.prefix_length));
    } else if (number == gateway) {
      node_.Error("address", -1, StrCat(text, " is the gateway's"));
    } else if ((number & host_mask) == 0 || (number & host_mask) == host_mask) {
      node_.Error("address", -1, StrCat(text, " is the network's own or its broadcast address"));
    }
  }

  void CheckImages() {
    out_.launcher = service_.launcher() == schema::Service::KVM       ? LauncherChoice::kKvm
                    : service_.launcher() == schema::Service::PROCESS ? LauncherChoice::kProcess
                                                                      : LauncherChoice::kAuto;
    if (service_.has_image()) out_.image = CheckImage("image", service_.image());
    if (service_.has_process_image()) {
      out_.process_image = CheckImage("process_image", service_.process_image());
    }
    if (out_.launcher == LauncherChoice::kKvm && !service_.has_image()) {
      (void)node_.Missing("image");
    } else if (out_.launcher == LauncherChoice::kProcess && !service_.has_process_image()) {
      (void)node_.Missing("process_image");
    } else if (!service_.has_image() && !service_.has_process_image()) {
      (void)node_.Missing("image");
    }
  }

  // An image's path, made absolute; the file is looked at.
  std::string CheckImage(const char* field, const std::string& text) {
    const auto path = CheckPath(node_, field, text);
    if (!path) return {};
    if (!rules_.context.options.check_files) return *path;
    const auto size = CheckReadable(node_, field, *path, Access::kRead, FileKinds::kRegularOnly);
    if (size && *size == 0) node_.Error(field, -1, StrCat(field, ' ', Quote(*path), " is empty"));
    return *path;
  }

  std::optional<std::string> CheckPath(const Node& node, const char* field,
                                       const std::string& text) {
    if (!text.empty() && text.find('\0') == std::string::npos) {
      return ResolvePath(text, rules_.context.folder);
    }
    node.Error(field, -1, StrCat(field, text.empty() ? " is empty" : " contains a zero byte"));
    return std::nullopt;
  }

  void CheckCommandLine() {
    const std::string& text = service_.command_line();
    const CommandLineValues values{.ipv4 = out_.address.ToString(),
                                   .gateway = rules_.network.gateway.ToString(),
                                   .prefix_length = StrCat(rules_.network.prefix_length),
                                   .name = out_.name};
    std::vector<PlaceholderError> errors;
    out_.command_line = ExpandCommandLine(text, values, errors);
    const Place field = node_.At("command_line");
    Sink& sink = rules_.context.sink;
    Place from = field;
    for (const PlaceholderError& error : errors) {
      const Place place = sink.source().Find(from, error.token);
      sink.Error(place, StrCat(node_.label(), ": ", error.message), error.hint);
      // Tokens are reported in order; the next one is not this one again.
      if (place != field) from = Place{place.line, place.column + 1};
    }
    if (out_.command_line.find('\0') != std::string::npos) {
      node_.Error("command_line", -1, "command_line contains a zero byte");
    }
    if (out_.command_line.size() > kCommandLineMax) {
      node_.Error("command_line", -1,
                  StrCat("command_line has ", out_.command_line.size(),
                         " bytes with its placeholders replaced; must be 0..", kCommandLineMax));
    }
  }

  void CheckMemory() {
    const std::uint64_t mib = node_.Number("memory_mib", kMemoryMib);
    out_.memory_mib = static_cast<std::uint32_t>(mib);
    if (mib % 2 != 0) {
      node_.Error("memory_mib", -1, StrCat("memory_mib is ", mib, "; must be an even number"));
    } else if (mib > rules_.memory_budget_mib) {
      node_.Error("memory_mib", -1,
                  StrCat("memory_mib is ", mib, "; all machines together may have ",
                         rules_.memory_budget_mib, " (limits.memory_budget_mib)"));
    }
  }

  void CheckDeviceName(const Node& node, const std::string& name) {
    if (!name.empty() && name.size() <= kDeviceNameMax && OnlyHas(name, "")) return;
    node.Error("name", -1,
               StrCat("name ", Quote(name), " must be 1..", kDeviceNameMax, " letters and digits"));
  }

  void CheckNet() {
    const schema::Net& net = service_.net();
    const Node node = node_.Nested(net, "net", -1, StrCat(node_.label(), ", net"));
    out_.net.present = !net.none();
    if (net.none()) {
      if (net.has_name() || net.has_mac() || net.has_tap() || net.has_spoof_check()) {
        node.Error("none", -1, "none is true, but other fields of net are set; leave them out");
      }
      return;
    }
    out_.net.name = net.name();
    switch (net.spoof_check()) {
      case schema::Net::ADDRESS: out_.net.spoof_check = SpoofCheck::kAddress; break;
      case schema::Net::MAC: out_.net.spoof_check = SpoofCheck::kMac; break;
      case schema::Net::OFF: out_.net.spoof_check = SpoofCheck::kOff; break;
    }
    CheckDeviceName(node, net.name());
    if (net.has_mac()) {
      out_.net.mac = MacAddress::Parse(net.mac());
      if (!out_.net.mac) {
        node.Error("mac", -1,
                   StrCat("mac ", Quote(net.mac()),
                          " must be six pairs of hexadecimal digits with colons, and "
                          "not a multicast address"),
                   "for example \"02:00:0a:4d:00:0a\"");
      } else {
        (void)unique_.Claim(node, "mac", -1, "mac", out_.net.mac->ToString());
      }
    }
    out_.net.tap_name = net.has_tap() ? net.tap() : TapName(rules_.network.tap_prefix, out_.name);
    const std::string& tap = out_.net.tap_name;
    const bool good = !tap.empty() && tap.size() <= kTapNameMax && OnlyHas(tap, "-_.") &&
                      tap != "." && tap != "..";
    if (good && (net.has_tap() || name_is_new_)) {
      (void)unique_.Claim(node, "tap", -1, "tap", tap);
    } else if (net.has_tap()) {
      node.Error("tap", -1,
                 StrCat("tap ", Quote(tap), " must be 1..", kTapNameMax,
                        " letters, digits, \"-\", \"_\" and \".\""));
    }
  }

  void CheckBlocks() {
    if (static_cast<std::size_t>(service_.block_size()) > kBlocksPerServiceMax) {
      node_.Error("block", static_cast<int>(kBlocksPerServiceMax),
                  StrCat(service_.block_size(), " blocks; must be 0..", kBlocksPerServiceMax));
    }
    std::set<std::string> names;
    if (service_.has_net()) names.insert(service_.net().name());
    for (int i = 0; i < service_.block_size(); ++i) {
      const schema::Block& block = service_.block(i);
      const Node node =
          node_.Nested(block, "block", i, StrCat(node_.label(), ", block ", Quote(block.name())));
      CheckBlock(block, node);
      if (block.has_name() && !names.insert(block.name()).second) {
        node.Error("name", -1, "another device of this service has this name");
      }
    }
  }

  void CheckBlock(const schema::Block& block, const Node& node) {
    BlockDevice device;
    device.name = block.name();
    device.sector_size = block.sector_size();
    device.read_only = block.read_only();
    if (!block.has_name())
      (void)node.Missing("name");
    else
      CheckDeviceName(node, block.name());
    const std::uint64_t sector = block.sector_size();
    const bool sector_good =
        sector >= kSectorMin && sector <= kSectorMax && (sector & (sector - 1)) == 0;
    if (!sector_good) {
      node.Error("sector_size", -1,
                 StrCat("sector_size is ", sector, "; must be a power of two, ", kSectorMin, "..",
                        kSectorMax));
    }
    if (!block.has_path()) {
      (void)node.Missing("path");
    } else if (const auto path = CheckPath(node, "path", block.path())) {
      device.path = *path;
      unique_.ClaimFile(node, "path", *path, device.read_only ? Access::kRead : Access::kReadWrite);
      if (sector_good) CheckBlockFile(node, device);
    }
    out_.blocks.push_back(std::move(device));
  }

  void CheckBlockFile(const Node& node, const BlockDevice& device) {
    if (!rules_.context.options.check_files) return;
    const Access access = device.read_only ? Access::kRead : Access::kReadWrite;
    const auto size = CheckReadable(node, "path", device.path, access, FileKinds::kBlockDeviceToo);
    if (!size || (*size > 0 && *size % device.sector_size == 0)) return;
    node.Error("path", -1,
               StrCat("path ", Quote(device.path), " has ", *size,
                      " bytes; must be a multiple of the sector_size ", device.sector_size,
                      ", and more than none"));
  }

  void CheckPolicy() {
    const schema::Policy& policy = service_.policy();
    const Node node = node_.Nested(policy, "policy", -1, node_.label());
    Policy& out = out_.policy;
    out.answer = policy.answer() == schema::Policy::WHEN_READY ? AnswerPolicy::kWhenReady
                                                               : AnswerPolicy::kImmediately;
    out.on_idle = OnIdleOf(policy.on_idle());
    out.hold_max = std::chrono::milliseconds(node.Number("hold_max_ms", kHoldMaxMs));
    out.ttl_asleep = std::chrono::seconds(node.Number("ttl_asleep_s", kTtlS));
    out.ttl_ready = std::chrono::seconds(node.Number("ttl_ready_s", kTtlS));
    out.idle_timeout = std::chrono::seconds(node.Number("idle_timeout_s", kIdleTimeoutS));
    out.ready_timeout = std::chrono::milliseconds(node.Number("ready_timeout_ms", kReadyTimeoutMs));
    out.grace = std::chrono::seconds(node.Number("grace_s", kGraceS));
    out.first_byte_slo =
        std::chrono::milliseconds(node.Number("first_byte_slo_ms", kFirstByteSloMs));
    CheckRest(policy, node);
    out.wake_on = WakeOnOf(policy.wake_on());
    out.allow_wake = CheckNetworks(node, "allow_wake", policy.allow_wake());
    // A resolver's cache keeps clients from asking for one TTL, and clients come back a while
    // after that: a shorter timeout reclaims machines that are still in use.
    const auto wanted = 2 * out.ttl_ready + std::chrono::seconds(30);
    if (out.on_idle == OnIdle::kOff && out.idle_timeout < wanted) {
      node.Warning(
          "idle_timeout_s", -1,
          StrCat("idle_timeout_s is ", out.idle_timeout.count(), "; the rule ",
                 "idle_timeout_s >= 2 x ttl_ready_s + 30 asks for ", wanted.count(), " or more"),
          "below it a machine may be reclaimed while clients still use its name");
    }
  }

  // What is said of resting fits together.
  void CheckRest(const schema::Policy& policy, const Node& node) {
    Policy& out = out_.policy;
    if (node.Has("first_byte_slo_ms") && out.on_idle != OnIdle::kAuto) {
      node.Warning("first_byte_slo_ms", -1,
                   "first_byte_slo_ms has no effect without on_idle: AUTO");
    }
    if (out.snapshots() && service_.launcher() == schema::Service::PROCESS) {
      node.Warning("on_idle", -1, "only KVM parks and saves; with launcher: PROCESS it goes off",
                   "use PAUSED or OFF");
    }
    for (int i = 0; i < policy.descend_size(); ++i) {
      const schema::Policy::Descend& step = policy.descend(i);
      const Node at = node.Nested(step, "descend", i, node.label());
      if (!step.has_rung()) (void)at.Missing("rung");
      if (!step.has_after_s() && !at.Missing("after_s")) continue;
      const std::chrono::seconds after(at.Number("after_s", kDescendAfterS));
      std::optional<std::chrono::seconds>& into = StepTo(step.rung());
      if (into) {
        at.Error("rung", -1, StrCat("rung ", schema::Policy::Descend::Rung_Name(step.rung()),
                                    " stands twice"));
      }
      into = after;
    }
    CheckDescent(node);
  }

  std::optional<std::chrono::seconds>& StepTo(schema::Policy::Descend::Rung rung) {
    switch (rung) {
      case schema::Policy::Descend::PARKED: return out_.policy.parked_after;
      case schema::Policy::Descend::SAVED: return out_.policy.saved_after;
      case schema::Policy::Descend::OFF: break;
    }
    return out_.policy.off_after;
  }

  void CheckDescent(const Node& node) {
    const Policy& out = out_.policy;
    if (!out.parked_after && !out.saved_after && !out.off_after) return;
    if (out.on_idle == OnIdle::kOff || out.on_idle == OnIdle::kKeepRunning) {
      return node.Error("descend", 0, "descend has no effect: nothing rests with this on_idle",
                        "set on_idle to PAUSED, PARKED, SAVED or AUTO");
    }
    const bool saved = out.on_idle == OnIdle::kSaved;
    if ((out.parked_after && (saved || out.on_idle == OnIdle::kParked)) ||
        (out.saved_after && saved)) {
      node.Error("descend", 0, "descend must lead below on_idle");
    }
    std::chrono::seconds former{0};
    for (const auto& after : {out.parked_after, out.saved_after, out.off_after}) {
      if (!after) continue;
      if (*after <= former) {
        node.Error("descend", 0,
                   StrCat("descend has after_s ", after->count(), " for the lower rung and ",
                          former.count(), " for the higher; the lower rung must come later"));
      }
      former = *after;
    }
  }

  static WakeOn WakeOnOf(schema::Policy::WakeOn wake_on) {
    switch (wake_on) {
      case schema::Policy::ADDRESS: return WakeOn::kAddress;
      case schema::Policy::SERVICE: return WakeOn::kService;
      case schema::Policy::PACKET: return WakeOn::kPacket;
    }
    return WakeOn::kAddress;
  }

  static OnIdle OnIdleOf(schema::Policy::OnIdle on_idle) {
    switch (on_idle) {
      case schema::Policy::OFF: return OnIdle::kOff;
      case schema::Policy::KEEP_RUNNING: return OnIdle::kKeepRunning;
      case schema::Policy::PAUSED: return OnIdle::kPaused;
      case schema::Policy::PARKED: return OnIdle::kParked;
      case schema::Policy::SAVED: return OnIdle::kSaved;
      case schema::Policy::AUTO: return OnIdle::kAuto;
    }
    return OnIdle::kOff;
  }

  const schema::Service& service_;
  Node& node_;
  const ServiceRules& rules_;
  Uniqueness& unique_;
  Service out_;
  bool name_is_new_ = false;  // what is derived from the name is then unique too
};

}  // namespace

Service CheckService(const schema::Service& service, Node& node, const ServiceRules& rules,
                     Uniqueness& unique) {
  return ServiceCheck(service, node, rules, unique).Run();
}

}  // namespace summon::configs
