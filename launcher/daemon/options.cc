// SPDX-License-Identifier: Apache-2.0
// Options by CLI11.
#include "launcher/daemon/options.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <map>

#include "launcher/monitor/monitor_launcher.h"

namespace summon::launcher {

namespace {

constexpr int kExitUsage = 2;

}  // namespace

std::variant<DaemonOptions, int> ParseDaemonOptions(int argc, char** argv) {
  DaemonOptions options;
  CLI::App app("summon-launcherd makes virtual machines and their network interfaces on behalf "
               "of summond, which has no such rights.");
  app.set_version_flag("--version", "summon-launcherd " SUMMON_VERSION);
  app.add_option("--socket", options.socket, "where summond reaches us")->capture_default_str();
  app.add_option("--monitor-dir", options.monitor_dir,
                 "folder of summon-monitor and summon-spt (default: our own)");
  app.add_option("--kvm", options.kvm, "the KVM device")->capture_default_str();
  app.add_option("--guest-mode", options.guest_mode,
                 "how KVM guests run (default: the monitor finds out)")
      ->check(CLI::IsMember({"ring0", "ring3", "auto"}));
  app.add_option("--allow-uid", options.allowed_uids,
                 "user id that may connect; repeatable (default: our own and root)");
  app.add_option("--state-dir", options.state_dir,
                 "where snapshots of services at rest are saved; \"\": nowhere")
      ->capture_default_str();
  app.add_option("--pool", options.pool,
                 "waiting monitors to keep for each kind; more for a while after a burst")
      ->check(CLI::Range(std::size_t{0}, MonitorLauncher::kPoolMax))
      ->capture_default_str();
  const std::map<std::string, LogLevel> levels = {{"error", LogLevel::kError},
                                                  {"warning", LogLevel::kWarning},
                                                  {"info", LogLevel::kInfo},
                                                  {"debug", LogLevel::kDebug}};
  app.add_option("--log-level", options.log_level, "error, warning, info or debug")
      ->transform(CLI::CheckedTransformer(levels, CLI::ignore_case));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  if (options.allowed_uids.empty()) options.allowed_uids = {0, geteuid()};
  return options;
}

}  // namespace summon::launcher
