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
constexpr std::uint64_t kSectorSizeMax = 0xffff'ffff;  // of a number; see ApplyLater

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

// Options by the name before their colon or equals sign.
const std::vector<std::string>& OptionNames() {
  static const std::vector<std::string> names = {"--mem",        "--net",
                                                 "--net-mac",    "--net-check",        "--block",
                                                 "--launcher",   "--block-sector-size",
                                                 "--guest-mode", "--dumpcore"};
  return names;
}

// The option that `key` is a misspelling, a beginning or a longer form of.
std::optional<std::string> NearestOption(const std::string& key) {
  if (const auto nearest = NearestName(ToLower(key), OptionNames())) return nearest;
  constexpr std::size_t kEnough = 4;  // "--ne" says something, "--n" does not
  for (const std::string& name : OptionNames()) {
    if (key.size() >= kEnough && (name.starts_with(key) || key.starts_with(name))) return name;
  }
  return std::nullopt;
}

Error UnknownOption(std::string_view argument, const Option& option) {
  if (option.key == "--solo5") {
    return Bad(argument, "is a word for the guest: it comes after the image");
  }
  if (option.key == "--gdb" || option.key == "--gdb-port") {
    return Bad(argument, "Solo5's debugger stub is not there; --dumpcore=DIRECTORY leaves a core "
                         "for gdb");
  }
  if (option.key == "--x-exec-heap") {
    return Bad(argument, "not supported: nothing of a guest is both writable and executable");
  }
  if (!argument.starts_with("--")) {
    return Bad(argument, "unknown; options begin with -- (an image whose name begins with - "
                         "comes after --)");
  }
  const auto nearest = NearestOption(option.key);
  return Bad(argument, nearest ? StrCat("unknown; did you mean ", *nearest, '?')
                               : "unknown; `summon run --help` lists what there is");
}

Status ApplyGuestMode(std::string_view argument, const Option& option,
                      ForegroundOptions& options) {
  const std::string mode = option.value.value_or("");
  if (mode != "auto" && mode != "ring0" && mode != "ring3") {
    return Bad(argument, "expected --guest-mode=auto, ring0 or ring3");
  }
  options.guest_mode = mode;
  return Ok();
}

Status ApplyMemory(std::string_view argument, const Option& option, ForegroundOptions& options) {
  const auto mib = ParseUnsigned(option.value.value_or(""));
  if (!mib || *mib < kMemoryMibMin || *mib > kMemoryMibMax) {
    return Bad(argument, "expected the guest's memory in MiB, --mem=2..4096, with =");
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
  // Whether the size fits is judged with the file: an error of the devices, as in Solo5's tenders.
  if (!size || *size > kSectorSizeMax) {
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
  if (option.key == "--dumpcore") {
    if (option.value.value_or("").empty()) return Bad(argument, "expected --dumpcore=DIRECTORY");
    options.core_directory = *option.value;
    return Ok();
  }
  if (option.key == "--guest-mode") return ApplyGuestMode(argument, option, options);
  return UnknownOption(argument, option);
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
         "  --launcher=kvm|process       how (default: as IMAGE ends, .hvt or .spt,\n"
         "                               else what it was built for)\n"
         "  --guest-mode=auto|ring0|ring3  for kvm; auto suits the host\n"
         "  --dumpcore=DIRECTORY         a kvm guest that aborts or faults leaves a core there\n"
         "NAME is the device's name in the image's manifest. What follows the image is the\n"
         "guest's, and so are the words --solo5:quiet, error, warn, info and debug.\n";
}

Result<launcher::ForegroundOptions> ParseRunArguments(std::span<const std::string> arguments) {
  ForegroundOptions options;
  std::vector<Later> later;
  std::size_t at = 0;
  while (at < arguments.size() && arguments[at].starts_with("-")) {
    const std::string& argument = arguments[at++];
    if (argument == "--") break;
    SUMMON_TRY(ApplyOption(argument, options, later));
  }
  for (const Later& one : later) SUMMON_TRY(ApplyLater(one, options));
  if (at == arguments.size() || arguments[at].empty()) {
    return Error(ErrorCode::kInvalid, "no image given; `summon run --help` shows how");
  }
  options.image = arguments[at++];
  options.arguments.assign(arguments.begin() + static_cast<std::ptrdiff_t>(at), arguments.end());
  return options;
}

std::optional<std::string> MisplacedOption(std::span<const std::string> arguments) {
  const auto is_option = [](const std::string& argument) { return argument.starts_with("-"); };
  auto at = std::find_if_not(arguments.begin(), arguments.end(), is_option);  // the image
  if (std::find(arguments.begin(), at, "--") != at || at == arguments.end()) return std::nullopt;
  for (++at; at != arguments.end() && *at != "--"; ++at) {
    const std::string key = TakeApart(*at).key;
    const auto& names = OptionNames();
    if (std::find(names.begin(), names.end(), key) != names.end()) return *at;
  }
  return std::nullopt;
}

}  // namespace summon::cli
