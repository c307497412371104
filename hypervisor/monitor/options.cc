// SPDX-License-Identifier: Apache-2.0
// Parsing the command line.
#include "hypervisor/monitor/options.h"

#include "base/strings.h"
#include "hypervisor/control/protocol.h"

namespace summon::hypervisor {

namespace {

constexpr unsigned long long kUidMax = 0xffff'fffe;  // the one above means "no change"
constexpr unsigned long long kFdMax = 1023;

Error Usage(std::string_view argument) {
  return Error(ErrorCode::kInvalid,
               StrCat("argument ", Quote(argument), "; usage: summon-monitor [--uid=N] "
                      "[--namespaces=N] [--kvm-fd=N] [--guest-mode=auto|ring0|ring3], started "
                      "with a control socket as descriptor ", kControlFd,
                      "; or summon-monitor --probe --kvm-fd=4 4<>/dev/kvm"));
}

std::optional<ModeChoice> ParseMode(std::string_view name) {
  if (name == "auto") return ModeChoice::kAuto;
  if (name == "ring0") return ModeChoice::kRing0;
  if (name == "ring3") return ModeChoice::kRing3;
  return std::nullopt;
}

}  // namespace

Result<Options> ParseOptions(std::span<char* const> arguments) {
  Options options;
  for (const std::string_view argument : arguments) {
    if (argument == "--probe") {
      options.probe = true;
      continue;
    }
    const std::size_t equals = argument.find('=');
    if (equals == std::string_view::npos) return Usage(argument);
    const std::string_view key = argument.substr(0, equals);
    const std::string_view value = argument.substr(equals + 1);
    const auto number = ParseUnsigned(value);
    if (key == "--uid" && number && *number <= kUidMax) {
      options.uid = static_cast<std::uint32_t>(*number);
    } else if (key == "--namespaces" && number && *number > kControlFd && *number <= kFdMax) {
      options.namespaces_fd = static_cast<int>(*number);
    } else if (key == "--kvm-fd" && number && *number > kControlFd && *number <= kFdMax) {
      options.kvm_fd = static_cast<int>(*number);
    } else if (key == "--guest-mode" && ParseMode(value)) {
      options.mode = *ParseMode(value);
    } else {
      return Usage(argument);
    }
  }
  if (options.probe && options.kvm_fd < 0) return Usage("--probe");
  return options;
}

}  // namespace summon::hypervisor
