// SPDX-License-Identifier: Apache-2.0
// The command line as a configuration; see the header.
#include "summoner/daemon/config_source.h"

#include "base/strings.h"
#include "configs/load.h"

namespace summon::summoner {

namespace {

constexpr const char* kCommandLine = "command line";

// A string of the text format: octal escapes keep any path whole.
std::string Literal(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet > ' ' && octet < 0x7f && c != '"' && c != '\\') {
      out += c;
      continue;
    }
    out += '\\';
    for (const int shift : {6, 3, 0}) out += static_cast<char>('0' + (octet >> shift & 7));
  }
  return out + '"';
}

configs::LoadOutcome Failure(const std::string& message, const std::string& hint) {
  configs::LoadOutcome outcome;
  configs::Diagnostic diagnostic;
  diagnostic.file = kCommandLine;
  diagnostic.message = message;
  diagnostic.hint = hint;
  outcome.errors.push_back(std::move(diagnostic));
  return outcome;
}

// `outcome` with what the command line says. Its endpoints are checked as a file's would be, in a
// configuration of their own.
configs::LoadOutcome Override(configs::LoadOutcome outcome, const ConfigOverrides& overrides) {
  if (!outcome.ok()) return outcome;
  std::string text = "zone { apex: \"stand-in.invalid\" }\n";
  for (const std::string& listen : overrides.listen) {
    text += StrCat("listen: ", Literal(listen), '\n');
  }
  if (!overrides.metrics_listen.empty()) {
    text += StrCat("metrics_listen: ", Literal(overrides.metrics_listen), '\n');
  }
  configs::LoadOutcome checked = configs::LoadText(text, kCommandLine);
  if (!checked.ok()) return checked;
  configs::Config& config = *outcome.config;
  if (!overrides.listen.empty()) config.listen = checked.config->listen;
  if (!overrides.metrics_listen.empty()) config.metrics_listen = checked.config->metrics_listen;
  if (!overrides.control_socket.empty()) config.control_socket = overrides.control_socket;
  if (!overrides.launcher_socket.empty()) config.launcher_socket = overrides.launcher_socket;
  return outcome;
}

configs::LoadOutcome LoadZoneFiles(const std::vector<std::string>& zone_files) {
  // Through the loader, so that every default is the one of a file.
  std::string text = "metrics_listen: \"none\"\n";
  for (const std::string& argument : zone_files) {
    const std::size_t equals = argument.find('=');
    if (equals == 0 || equals == std::string::npos || equals + 1 == argument.size()) {
      return Failure(StrCat("--zone-file ", Quote(argument), " is not APEX=FILE"),
                     "write it like --zone-file example.org=/srv/example.org.zone");
    }
    text += StrCat("zone { apex: ", Literal(argument.substr(0, equals)),
                   " zone_file: ", Literal(argument.substr(equals + 1)), " }\n");
  }
  configs::LoadOutcome outcome = configs::LoadText(text, kCommandLine);
  if (!outcome.ok()) return outcome;
  outcome.config->control_socket.clear();
  outcome.config->launcher_socket.clear();
  return outcome;
}

}  // namespace

Registrar::ConfigSource FileSource(const std::string& path, const ConfigOverrides& overrides) {
  return {path, [path, overrides] { return Override(configs::Load(path), overrides); }};
}

Registrar::ConfigSource ZoneFilesSource(const std::vector<std::string>& zone_files,
                                        const ConfigOverrides& overrides) {
  return {kCommandLine,
          [zone_files, overrides] { return Override(LoadZoneFiles(zone_files), overrides); }};
}

}  // namespace summon::summoner
