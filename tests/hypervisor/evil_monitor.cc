// SPDX-License-Identifier: Apache-2.0
// A monitor that somebody has taken over: goes into the sandbox as the real ones do, with the same
// code, up to a stage, and then tries one way out (tests/hypervisor/escapes.h).
//
//   evil_monitor --stage=NAME --escape=INDEX --sibling=PID [--uid=N] [--namespaces=N] [--kvm-fd=N]
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <span>
#include <string_view>

#include "base/strings.h"
#include "hypervisor/kvm/ioctls.h"
#include "hypervisor/monitor/prepare.h"
#include "hypervisor/sandbox/monitor_sandbox.h"
#include "hypervisor/sandbox/privileges.h"
#include "hypervisor/sandbox/process.h"
#include "hypervisor/spt/policy.h"
#include "hypervisor/spt/sandbox_run.h"
#include "tests/hypervisor/escapes.h"

namespace summon::hypervisor {
namespace {

struct Orders {
  EvilStage stage = EvilStage::kNone;
  std::size_t escape = 0;
  int sibling = 0;
  Confinement confinement;
};

Orders Parse(std::span<char* const> arguments) {
  Orders orders;
  for (const std::string_view argument : arguments) {
    const std::size_t equals = argument.find('=');
    const std::string_view key = argument.substr(0, equals);
    const std::string_view value = argument.substr(equals + 1);
    const auto number = static_cast<int>(ParseUnsigned(value).value_or(0));
    if (key == "--escape") orders.escape = static_cast<std::size_t>(number);
    if (key == "--sibling") orders.sibling = number;
    if (key == "--uid") orders.confinement.uid = static_cast<std::uint32_t>(number);
    if (key == "--namespaces") orders.confinement.namespaces_fd = number;
    if (key == "--kvm-fd") orders.confinement.kvm_fd = number;
    for (const EvilStage stage : kEvilStages) {
      if (key == "--stage" && value == NameOf(stage)) orders.stage = stage;
    }
  }
  return orders;
}

// What the escapes count on, at its numbers. After the confinement, so that nothing closes it.
Status OpenProps(const Orders& orders) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) != 0 ||
      dup2(pair[0], kForeignFd) < 0) {
    return ErrnoError("make the sibling's tap", errno);
  }
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, orders.sibling, 0));
  if (pidfd < 0 || dup2(pidfd, kPidFd) < 0) return ErrnoError("watch the sibling", errno);
  if (orders.confinement.kvm_fd >= 0) (void)dup2(orders.confinement.kvm_fd, kKvmLeakFd);
  return Ok();
}

// The console and one net device at their numbers, as if a job had come.
Status PlaceDevices() {
  if (dup3(kForeignFd, kConsoleFd, O_CLOEXEC) < 0 ||
      dup3(kForeignFd, kFirstDeviceFd, O_CLOEXEC) < 0) {
    return ErrnoError("place devices", errno);
  }
  return Ok();
}

Status EnterMonitor(const Orders& orders) {
  SUMMON_TRY(ConfineMonitor(orders.confinement));
  SUMMON_TRY(OpenProps(orders));
  if (orders.confinement.kvm_fd >= 0) {
    PreparedMachine prepared =
        SUMMON_TRY(Prepare(orders.confinement.kvm_fd, ModeChoice::kRing0));
    SUMMON_TRY(prepared.machine.ReduceTo(kVcpuFd));
    new PreparedMachine(std::move(prepared));  // lives as long as the process
  } else if (dup2(kForeignFd, kVcpuFd) < 0) {
    return ErrnoError("place a CPU", errno);
  }
  SUMMON_TRY(CloseToWaiting(IoctlsWithMachine()));
  if (orders.stage == EvilStage::kWaiting) return Ok();
  SUMMON_TRY(PlaceDevices());
  return CloseToRunning({.net_devices = 1, .vcpu_ioctls = IoctlsOfRing0Guest()});
}

Status EnterSpt(const Orders& orders) {
  const int keep[] = {STDERR_FILENO, kControlFd};
  SUMMON_TRY(ResetProcess());
  if (orders.confinement.namespaces_fd >= 0) {
    SUMMON_TRY(EnterNamespaces(orders.confinement.namespaces_fd));
  }
  SUMMON_TRY(CloseAllBut(keep));
  SUMMON_TRY(LimitResources(orders.confinement.uid ? UserId::kOwn : UserId::kShared));
  SUMMON_TRY(DropPrivileges(orders.confinement.uid));
  SUMMON_TRY(PrepareToEndWithPeer(kControlFd));
  SUMMON_TRY(OpenProps(orders));
  SptTimers timers = SUMMON_TRY(MakeTimers());
  SUMMON_TRY(EnterStage(SptWaitingRules()));
  if (orders.stage == EvilStage::kSptWaiting) {
    (void)timers.epoll.Release();
    (void)timers.timer.Release();
    return Ok();
  }
  SUMMON_TRY(LimitToWhatIsThere(kFirstDeviceFd + 1));
  SUMMON_TRY(EndWithPeer(kControlFd));
  SptPolicy policy;
  policy.epoll_fd = timers.epoll.Release();
  policy.timer_fd = timers.timer.Release();
  policy.nets.push_back({.fd = kFirstDeviceFd});
  return EnterStage(SptRules(policy));
}

Status Enter(const Orders& orders) {
  switch (orders.stage) {
    case EvilStage::kNone:
      (void)fcntl(kControlFd, F_SETFL, O_NONBLOCK);  // nothing may block for ever
      return OpenProps(orders);
    case EvilStage::kWaiting:
    case EvilStage::kRunning: return EnterMonitor(orders);
    case EvilStage::kSptWaiting:
    case EvilStage::kSptRunning: return EnterSpt(orders);
  }
  return Ok();
}

int Run(const Orders& orders) {
  const std::vector<Escape> escapes = Escapes(orders.sibling);
  if (orders.escape >= escapes.size()) return kSetUpFailed;
  const Escape escape = escapes[orders.escape];
  if (const Status entered = Enter(orders); !entered.ok()) {
    (void)fprintf(stderr, "evil_monitor: %s\n", entered.error().message().c_str());
    _exit(kSetUpFailed);
  }
  TryEscape(escape);
}

}  // namespace
}  // namespace summon::hypervisor

int main(int argc, char** argv) {
  return summon::hypervisor::Run(summon::hypervisor::Parse(
      {argv + 1, argc > 0 ? static_cast<std::size_t>(argc - 1) : 0}));
}
