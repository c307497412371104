// SPDX-License-Identifier: Apache-2.0
// Placeholders of a service's command line.
#include "base/strings.h"
#include "configs/checks.h"

namespace summon::configs {

namespace {

const std::string* ValueOf(std::string_view name, const CommandLineValues& values) {
  if (name == "ipv4") return &values.ipv4;
  if (name == "gateway") return &values.gateway;
  if (name == "prefix_length") return &values.prefix_length;
  if (name == "name") return &values.name;
  return nullptr;
}

PlaceholderError Unknown(std::string_view name) {
  const auto nearest = NearestName(ToLower(name), {"ipv4", "gateway", "prefix_length", "name"});
  return {StrCat('{', name, '}'), StrCat("unknown placeholder {", name, "} in command_line"),
          nearest ? StrCat("did you mean {", *nearest, "}?")
                  : "there are {ipv4}, {gateway}, {prefix_length} and {name}; {{ stands for {"};
}

}  // namespace

std::string ExpandCommandLine(std::string_view text, const CommandLineValues& values,
                              std::vector<PlaceholderError>& errors) {
  std::string out;
  while (!text.empty()) {
    const char c = text.front();
    if ((c == '{' || c == '}') && text.size() > 1 && text[1] == c) {
      out += c;
      text.remove_prefix(2);
    } else if (c == '}') {
      errors.push_back({"}", "\"}\" without \"{\" in command_line", "}} stands for }"});
      text.remove_prefix(1);
    } else if (c == '{') {
      const std::size_t end = text.find_first_of("{} ", 1);
      if (end == std::string_view::npos || text[end] != '}') {
        errors.push_back({std::string(text.substr(0, end)), "\"{\" without \"}\" in command_line",
                          "{{ stands for {"});
        text.remove_prefix(1);
        continue;
      }
      const std::string_view name = text.substr(1, end - 1);
      const std::string* value = ValueOf(name, values);
      if (value != nullptr) {
        out += *value;
      } else {
        errors.push_back(Unknown(name));
      }
      text.remove_prefix(end + 1);
    } else {
      out += c;
      text.remove_prefix(1);
    }
  }
  return out;
}

}  // namespace summon::configs
