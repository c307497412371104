// SPDX-License-Identifier: Apache-2.0
// Reading Solo5-style options; see the header.
#include "summoner/cli/run_arguments.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "base/strings.h"

namespace summon::cli {

namespace {

using launcher::ForegroundBlock;
using launcher::ForegroundNet;
using launcher::ForegroundOptions;

constexpr std::uint64_t kMemoryMibMin = 2;
constexpr std::uint64_t kMemoryMibMax = 4096;

Error Bad(std::string_view argument, std::string_view expected) {
  return Error(ErrorCode::kInvalid, StrCat("option ", Quote(argument), ": ", expected));
}

// "--net:NAME=VALUE" taken apart.
struct Option {
  std::string key;     // "--net"
  std::string device;  // "NAME"; empty when there is none
  std::optional<std::string> value;
};

Option TakeApart(std::string_view argument) {
  Option option;
  const std::size_t equals = argument.find('=');
  if (equals != std::string_view::npos) option.value = argument.substr(equals + 1);
  const std::string_view left = argument.substr(0, equals);
  const std::size_t colon = left.find(':');
  option.key = left.substr(0, colon);
  if (colon != std::string_view::npos) option.device = left.substr(colon + 1);
  return option;
}

// The device of that name, when it was given.
template <typename Device>
Device* FindDevice(std::vector<Device>& devices, const std::string& name) {
  const auto found = std::find_if(devices.begin(), devices.end(),
                                  [&](const Device& device) { return device.name == name; });
  return found == devices.end() ? nullptr : &*found;
}

// Settings that name a device which may come later on the line.
struct Later {
  std::string argument;
  Option option;
};

Status ApplyMemory(std::string_view argument, const Option& option, ForegroundOptions& options) {
  const auto mib = ParseUnsigned(option.value.value_or(""));
  if (!mib || *mib < kMemoryMibMin || *mib > kMemoryMibMax) {
    return Bad(argument, "the guest's memory in MiB, --mem=2..4096");
  }
  options.memory_mib = static_cast<std::uint32_t>(*mib);
  return Ok();
}

Status ApplyDevice(std::string_view argument, const Option& option, ForegroundOptions& options) {
  if (option.device.empty() || option.value.value_or("").empty()) {
    return Bad(argument, option.key == "--net" ? "expected --net:NAME=TAP or --net:NAME=@FD"
                                               : "expected --block:NAME=FILE or --block:NAME=@FD");
  }
  if (FindDevice(options.nets, option.device) || FindDevice(options.blocks, option.device)) {
    return Bad(argument, StrCat("device ", Quote(option.device), " is there twice"));
  }
  if (option.key == "--net") {
    options.nets.push_back(ForegroundNet{.name = option.device, .tap = *option.value});
  } else {
    options.blocks.push_back(ForegroundBlock{option.device, *option.value});
  }
  return Ok();
}

Status ApplyNetCheck(const Later& later, ForegroundOptions& options) {
  const std::string value = later.option.value.value_or("");
  const auto address = Ipv4Address::Parse(value);
  if (value != "mac" && value != "off" && !address) {
    return Bad(later.argument, "expected mac, off, or the guest's own IPv4 address");
  }
  ForegroundNet* net = FindDevice(options.nets, later.option.device);
  if (net == nullptr) return Bad(later.argument, "there is no --net of that name");
  net->spoof_check = launcher::SpoofCheck::kMac;
  if (value == "off") net->spoof_check = launcher::SpoofCheck::kOff;
  if (address) {
    net->spoof_check = launcher::SpoofCheck::kAddress;
    net->address = *address;
  }
  return Ok();
}

Status ApplyLater(const Later& later, ForegroundOptions& options) {
  const Option& option = later.option;
  if (option.key == "--net-check") return ApplyNetCheck(later, options);
  if (option.key == "--net-mac") {
    const auto mac = MacAddress::Parse(option.value.value_or(""));
    ForegroundNet* net = FindDevice(options.nets, option.device);
    if (!mac) return Bad(later.argument, "expected a unicast address like 02:00:00:00:00:01");
    if (net == nullptr) return Bad(later.argument, "there is no --net of that name");
    net->mac = mac;
    return Ok();
  }
  const auto size = ParseUnsigned(option.value.value_or(""));
  ForegroundBlock* block = FindDevice(options.blocks, option.device);
  if (!size || *size < 512 || *size > 32768 || (*size & (*size - 1)) != 0) {
    return Bad(later.argument, "expected a power of two, 512..32768");
  }
  if (block == nullptr) return Bad(later.argument, "there is no --block of that name");
  block->sector_size = static_cast<std::uint32_t>(*size);
  return Ok();
}

Status ApplyLauncher(std::string_view argument, const Option& option,
                     ForegroundOptions& options) {
  if (option.value == "kvm") {
    options.kind = launcher::Kind::kKvm;
  } else if (option.value == "process") {
    options.kind = launcher::Kind::kProcess;
  } else {
    return Bad(argument, "expected --launcher=kvm or --launcher=process");
  }
  return Ok();
}

Status ApplyOption(std::string_view argument, ForegroundOptions& options,
                   std::vector<Later>& later) {
  const Option option = TakeApart(argument);
  if (option.key == "--mem") return ApplyMemory(argument, option, options);
  if (option.key == "--net" || option.key == "--block") {
    return ApplyDevice(argument, option, options);
  }
  if (option.key == "--net-mac" || option.key == "--net-check" ||
      option.key == "--block-sector-size") {
    later.push_back({std::string(argument), option});
    return Ok();
  }
  if (option.key == "--launcher") return ApplyLauncher(argument, option, options);
  if (option.key == "--guest-mode" && option.value) {
    options.guest_mode = *option.value;
    return Ok();
  }
  const auto nearest = NearestName(option.key, {"--mem", "--net", "--net-mac", "--net-check",
                                                "--block", "--block-sector-size", "--launcher",
                                                "--guest-mode"});
  return Bad(argument, nearest ? StrCat("unknown; did you mean ", *nearest, '?')
                               : "unknown; `summon run --help` lists what there is");
}

}  // namespace

std::string RunHelp() {
  return "Usage: summon run [OPTIONS] [--] IMAGE [GUEST ARGUMENTS]\n"
         "Runs one unikernel in the foreground; its exit status is the command's.\n\n"
         "  --mem=MIB                    guest memory, 2..4096 (default 512)\n"
         "  --net:NAME=TAP|@FD           attach an interface, by name or open descriptor\n"
         "  --net-mac:NAME=MAC           its address (default: random)\n"
         "  --net-check:NAME=mac|off|IP  frames it may send: from its MAC only (default), any,\n"
         "                               or from its MAC and this IPv4 address only\n"
         "  --block:NAME=FILE|@FD        attach a file or device\n"
         "  --block-sector-size:NAME=N   its sector size, 512..32768 (default 512)\n"
         "  --launcher=kvm|process       how (default: what the image was built for)\n"
         "  --guest-mode=auto|ring0|ring3  for kvm; auto suits the host\n"
         "NAME is the device's name in the image's manifest.\n";
}

Result<launcher::ForegroundOptions> ParseRunArguments(std::span<const std::string> arguments) {
  ForegroundOptions options;
  std::vector<Later> later;
  std::size_t at = 0;
  while (at < arguments.size() && arguments[at].starts_with("--")) {
    const std::string& argument = arguments[at++];
    if (argument == "--") break;
    SUMMON_TRY(ApplyOption(argument, options, later));
  }
  for (const Later& one : later) SUMMON_TRY(ApplyLater(one, options));
  if (at == arguments.size()) {
    return Error(ErrorCode::kInvalid, "no image given; `summon run --help` shows how");
  }
  options.image = arguments[at++];
  options.arguments.assign(arguments.begin() + static_cast<std::ptrdiff_t>(at), arguments.end());
  return options;
}

}  // namespace summon::cli
