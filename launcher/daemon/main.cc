// SPDX-License-Identifier: Apache-2.0
// summon-launcherd: wires the monitor launcher to its socket, and takes everything back when it
// is told to end.
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/descriptor_limit.h"
#include "base/loop/loop.h"
#include "base/seqpacket.h"
#include "base/strings.h"
#include "launcher/daemon/options.h"
#include "launcher/monitor/monitor_launcher.h"
#include "launcher/rpc/rpc_server.h"

namespace summon::launcher {
namespace {

// How long the reclaiming of everything may take before we go anyway: monitors are killed, so
// milliseconds are usual; what is left is killed and reaped as we go.
constexpr Duration kFarewell = std::chrono::seconds(5);

// The socket's folder, when it is missing; for whoever may use the socket.
Status MakeSocketFolder(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos || slash == 0) return Ok();
  const std::string folder = path.substr(0, slash);
  constexpr mode_t kFolderMode = 0755;
  if (mkdir(folder.c_str(), kFolderMode) == 0 || errno == EEXIST) return Ok();
  return ErrnoError(StrCat("make folder ", folder, " for the socket"), errno);
}

// What is missing for taps, told at the start rather than at the first service.
void WarnOfMissingRights(Logger& log) {
  if (geteuid() != 0) {
    log.Warning("not running as root: services with a net device need CAP_NET_ADMIN, and monitors "
                "keep our own user id");
  }
  if (access("/dev/net/tun", R_OK | W_OK) != 0) {
    log.Warning("/dev/net/tun cannot be used: services with a net device will not run (modprobe "
                "tun; in a container add --device /dev/net/tun)",
                {{"why", ErrnoError("open", errno).message()}});
  }
}

Status Run(Loop& loop, Logger& log, const DaemonOptions& options) {
  SUMMON_TRY(MakeSocketFolder(options.socket));
  UniqueFd listener = SUMMON_TRY(ListenSeqpacket(options.socket));
  // Who may speak is decided by the peer's user id, not by the file's mode.
  constexpr mode_t kSocketMode = 0666;
  if (chmod(options.socket.c_str(), kSocketMode) != 0) {
    return ErrnoError(StrCat("set mode of ", options.socket), errno);
  }
  RpcServerOptions server_options;
  server_options.allowed_uids = options.allowed_uids;
  RpcServer server(loop, log, std::move(server_options));
  std::unique_ptr<MonitorLauncher> launcher = SUMMON_TRY(
      MonitorLauncher::Create(loop, log, server.events(),
                              MonitorLauncherOptions{.monitor_dir = options.monitor_dir,
                                                     .kvm_path = options.kvm,
                                                     .pool = options.pool,
                                                     .state_dir = options.state_dir,
                                                     .guest_mode = options.guest_mode}));
  server.Serve(*launcher);
  SUMMON_TRY(server.Listen(std::move(listener)));

  Timer farewell(loop, [&loop] { loop.Stop(); });
  bool ending = false;
  const auto end = [&loop, &log, &server, &launcher, &farewell, &ending] {
    if (ending) return;
    ending = true;
    log.Info("ending: reclaiming everything");
    farewell.Set(loop.Now() + kFarewell);
    launcher->KeepSaved();  // services that rest in files go on with the next of us
    server.ForgetAll([&loop] { loop.Stop(); });
  };
  const SignalWatcher on_term(loop, SIGTERM, end);
  const SignalWatcher on_int(loop, SIGINT, end);
  log.Info("ready", {{"socket", options.socket}, {"pool", options.pool}});
  loop.Run();
  (void)unlink(options.socket.c_str());  // a stale one would be replaced anyway
  return Ok();
}

int Main(int argc, char** argv) {
  const auto parsed = ParseDaemonOptions(argc, argv);
  if (const int* status = std::get_if<int>(&parsed)) return *status;
  const DaemonOptions& options = std::get<DaemonOptions>(parsed);
  const SystemClock clock;
  Logger log(STDERR_FILENO, "summon-launcherd", options.log_level, Logger::FormatFromEnvironment(),
             clock);
  (void)signal(SIGPIPE, SIG_IGN);  // a peer that is gone is an error code, not our end
  RaiseDescriptorLimit();  // each instance costs five
  WarnOfMissingRights(log);
  Result<std::unique_ptr<Loop>> loop = Loop::Create();
  const Status ran = loop.ok() ? Run(**loop, log, options) : Status(loop.error());
  if (ran.ok()) return 0;
  log.Error("cannot run", {{"why", ran.error().message()}});
  return 1;
}

}  // namespace
}  // namespace summon::launcher

int main(int argc, char** argv) { return summon::launcher::Main(argc, argv); }
