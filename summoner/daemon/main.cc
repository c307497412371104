// SPDX-License-Identifier: Apache-2.0
// `summond`: the DNS frontend and the summoner. Here everything is built and wired, in order.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "base/descriptor_limit.h"
#include "base/log.h"
#include "base/loop/loop.h"
#include "base/strings.h"
#include "base/version.h"
#include "configs/load.h"
#include "summoner/daemon/config_source.h"
#include "summoner/daemon/daemon.h"
#include "summoner/daemon/user.h"

namespace summon::summoner {
namespace {

// Exit statuses; part of the interface.
constexpr int kExitOk = 0;
constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;
constexpr int kExitConfigInvalid = 7;

struct CommandLine {
  std::string config_path = "/etc/summond/summond.textproto";
  std::string check_path;
  ConfigOverrides overrides;
  std::vector<std::string> zone_files;  // "APEX=FILE"
  std::string log_level = "info";
  std::string user;  // empty: stay who we are
};

Registrar::ConfigSource SourceOf(const CommandLine& line) {
  return line.zone_files.empty() ? FileSource(line.config_path, line.overrides)
                                 : ZoneFilesSource(line.zone_files, line.overrides);
}

// Everything that can be wrong before the sockets are bound.
int CheckConfig(const Registrar::ConfigSource& source) {
  const configs::LoadOutcome outcome = source.load();
  std::fputs(outcome.ToString().c_str(), stderr);
  std::size_t errors = outcome.errors.size();
  if (outcome.ok()) {
    ServiceIds stand_ins;
    for (const configs::Service& service : outcome.config->services) {
      stand_ins.emplace(service.name, ServiceId{});
    }
    const ZoneBuild zones = BuildZoneTable(*outcome.config, stand_ins, {}, /*now_s=*/1);
    for (const std::string& problem : zones.problems) std::fprintf(stderr, "%s\n", problem.c_str());
    errors = zones.problems.size();
  }
  if (errors > 0) {
    std::fprintf(stderr, "%s: %zu errors\n", source.name.c_str(), errors);
    return kExitConfigInvalid;
  }
  std::printf("%s: good: %zu services in %zu zones\n", source.name.c_str(),
              outcome.config->services.size(), outcome.config->zones.size());
  return kExitOk;
}

LogLevel LevelOf(const std::string& name) {
  if (name == "error") return LogLevel::kError;
  if (name == "warning") return LogLevel::kWarning;
  return name == "debug" ? LogLevel::kDebug : LogLevel::kInfo;
}

// Everything that needs a privilege is open by now; what is opened later (the configuration at a
// reload, images, block files, launcherd's socket) is opened as `user`.
Status LeavePrivileges(const std::string& user, const std::string& control_socket, Logger& log) {
  if (user.empty()) {
    if (geteuid() == 0) log.Warning("running as root, which is not needed: see --user");
    return Ok();
  }
  const User found = SUMMON_TRY(FindUser(user));
  // So that the user may ask, too; without the right to give it away it is the user's already.
  if (geteuid() == 0 && !control_socket.empty() &&
      chown(control_socket.c_str(), found.uid, found.gid) != 0) {
    return ErrnoError(StrCat("give ", control_socket, " to user ", user), errno);
  }
  SUMMON_TRY(BecomeUser(found));
  log.Info("privileges left", {{"uid", found.uid}, {"gid", found.gid}});
  return Ok();
}

// Root may have read at start what the user cannot read at a reload.
void WarnOfLostKeys(const std::vector<std::string>& key_files, Logger& log) {
  for (const std::string& path : key_files) {
    if (faccessat(AT_FDCWD, path.c_str(), R_OK, AT_EACCESS) == 0) continue;
    log.Warning("key file cannot be read again: each reload will fail",
                {{"file", path}, {"mend", "give it to the user of --user (chown)"}});
  }
}

std::vector<std::string> KeyFilesOf(const configs::Config& config) {
  std::vector<std::string> files;
  for (const configs::Zone& zone : config.zones) {
    if (!zone.dnssec) continue;
    files.push_back(zone.dnssec->key_file);
    files.insert(files.end(), zone.dnssec->published_key_files.begin(),
                 zone.dnssec->published_key_files.end());
  }
  return files;
}

int Serve(const CommandLine& line) {
  const SystemClock clock;
  Logger log(STDERR_FILENO, "summond", LevelOf(line.log_level), Logger::FormatFromEnvironment(),
             clock);
  RaiseDescriptorLimit();  // connections have bounds of their own, and those of TCP alone make 1000
  const Registrar::ConfigSource source = SourceOf(line);
  configs::LoadOutcome outcome = source.load();
  std::fputs(outcome.ToString().c_str(), stderr);
  if (!outcome.ok()) {
    log.Error("configuration not usable", {{"file", source.name},
                                           {"errors", outcome.errors.size()}});
    return kExitConfigInvalid;
  }
  const std::string control_socket = outcome.config->control_socket;
  const std::vector<std::string> key_files = KeyFilesOf(*outcome.config);

  auto loop = Loop::Create();
  if (!loop.ok()) {
    log.Error("not started", {{"why", loop.error().message()}});
    return kExitFailed;
  }
  auto daemon = Daemon::Create(**loop, log, std::move(*outcome.config));
  if (!daemon.ok()) {
    log.Error("not started", {{"why", daemon.error().message()}});
    return kExitFailed;
  }
  const Status left = LeavePrivileges(line.user, control_socket, log);
  if (!left.ok()) {
    log.Error("not started", {{"why", left.error().message()}});
    return kExitFailed;
  }
  WarnOfLostKeys(key_files, log);
  const auto stop = [&loop] { (*loop)->Stop(); };
  const SignalWatcher on_term(**loop, SIGTERM, stop);
  const SignalWatcher on_int(**loop, SIGINT, stop);
  const SignalWatcher on_hup(**loop, SIGHUP, [&daemon, &source] { (*daemon)->Reload(source); });
  (*loop)->Run();
  log.Info("stopped; instances go on with summon-launcherd");
  daemon->reset();
  return kExitOk;
}

void AddOptions(CLI::App& app, CommandLine& line) {
  CLI::Option* config = app.add_option("--config", line.config_path, "configuration file")
                            ->capture_default_str();
  app.add_option("--check-config", line.check_path,
                 "check this file, show everything that is wrong in it, and end");
  app.add_option("--zone-file", line.zone_files,
                 "APEX=FILE: serve this zone file, without any configuration (repeatable)")
      ->take_all()
      ->excludes(config);
  app.add_option("--listen", line.overrides.listen,
                 "ADDRESS:PORT, instead of the configured ones (repeatable)")
      ->take_all();
  app.add_option("--metrics-listen", line.overrides.metrics_listen,
                 "ADDRESS:PORT or none, instead of the configured one");
  app.add_option("--control-socket", line.overrides.control_socket,
                 "instead of the configured one");
  app.add_option("--launcher-socket", line.overrides.launcher_socket,
                 "instead of the configured one");
  app.add_option("--user", line.user,
                 "name or number of the user to become once the sockets are bound");
  app.add_option("--log-level", line.log_level, "error, warning, info or debug")
      ->check(CLI::IsMember({"error", "warning", "info", "debug"}))
      ->capture_default_str();
}

int Main(int argc, char** argv) {
  CLI::App app{"DNS server that wakes a service's virtual machine when its name is asked for."};
  app.footer("Exit status: 0 ended as asked, 1 failed, 2 wrong usage, 7 configuration not "
             "usable.\nSIGHUP reads the configuration and zone files again.");
  app.set_version_flag("--version", kVersion);
  CommandLine line;
  AddOptions(app, line);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {  // CLI11 reports by exceptions; they end here
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  if (line.check_path.empty()) return Serve(line);
  return CheckConfig(FileSource(line.check_path, {}));
}

}  // namespace
}  // namespace summon::summoner

int main(int argc, char** argv) { return summon::summoner::Main(argc, argv); }
