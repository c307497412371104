// SPDX-License-Identifier: Apache-2.0
// summon-spt: runs one guest of the Solo5 spt ABI as a sandboxed process, for hosts without KVM.
//
// Started with a control socket as descriptor 3 (hypervisor/control/protocol.h), it gives up what
// it can, waits for its job, and becomes the guest: after the jump no code of ours runs, but for
// the watch over the boot stages. There is therefore no end report of a guest that ran: the
// starter reads the exit status (the guest's own), or the signal (SIGSYS: a forbidden system
// call; SIGSEGV and others: a fault; SIGKILL: reclaimed).
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/seqpacket.h"
#include "base/strings.h"
#include "hypervisor/sandbox/privileges.h"
#include "hypervisor/sandbox/process.h"
#include "hypervisor/sandbox/seccomp.h"
#include "hypervisor/spt/job.h"
#include "hypervisor/spt/policy.h"
#include "hypervisor/spt/sandbox_run.h"

namespace summon::hypervisor {
namespace {

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 64;  // EX_USAGE of sysexits.h
constexpr unsigned long long kUidMax = 0xffff'fffe;  // the one above means "no change"
constexpr unsigned long long kFdMax = 1023;

struct Options {
  std::optional<std::uint32_t> uid;
  int namespaces_fd = -1;  // the first of kNamespaces to enter
};

Result<Options> ParseOptions(std::span<char* const> arguments) {
  Options options;
  for (const std::string_view argument : arguments) {
    const std::size_t equals = std::min(argument.find('='), argument.size());
    const std::string_view key = argument.substr(0, equals);
    const auto number = ParseUnsigned(argument.substr(std::min(equals + 1, argument.size())));
    if (key == "--uid" && number && *number <= kUidMax) {
      options.uid = static_cast<std::uint32_t>(*number);
    } else if (key == "--namespaces" && number && *number > kControlFd && *number <= kFdMax) {
      options.namespaces_fd = static_cast<int>(*number);
    } else {
      return Error(ErrorCode::kInvalid,
                   StrCat("argument ", Quote(argument), "; usage: summon-spt [--uid=N] "
                          "[--namespaces=N], started with a control socket as descriptor ",
                          kControlFd));
    }
  }
  return options;
}

void ReportEnd(EndReason reason, const std::string& detail) {
  ReportFrame frame = {};
  frame.magic = kProtocolMagic;
  frame.version = kProtocolVersion;
  frame.kind = ReportKind::kEnd;
  frame.reason = reason;
  const std::size_t size = std::min(detail.size(), sizeof frame.detail - 1);
  std::memcpy(frame.detail, detail.data(), size);
  (void)send(kControlFd, &frame, sizeof frame, MSG_NOSIGNAL);  // the starter may be gone
}

// Descriptors that come with the job must not land on 0, 1 or 2.
Status FillStandardDescriptors() {
  for (int fd = STDIN_FILENO; fd < kControlFd; ++fd) {
    if (fcntl(fd, F_GETFD) < 0 && dup2(kControlFd, fd) < 0) {
      return ErrnoError(StrCat("fill descriptor ", fd), errno);
    }
  }
  return Ok();
}

Result<SptTimers> PrepareProcess(const Options& options) {
  const int inherited[] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, kControlFd};
  ForgetEnvironment();
  if (options.namespaces_fd >= 0) SUMMON_TRY(EnterNamespaces(options.namespaces_fd));
  SUMMON_TRY(MakeBlocking(kControlFd));
  SUMMON_TRY(FillStandardDescriptors());
  SUMMON_TRY(CloseAllBut(inherited));
  SUMMON_TRY(ResetProcess());
  SUMMON_TRY(LimitResources(options.uid ? UserId::kOwn : UserId::kShared));
  SUMMON_TRY(DropPrivileges(options.uid));
  SUMMON_TRY(PrepareToEndWithPeer(kControlFd));
  SptTimers timers = SUMMON_TRY(MakeTimers());
  SUMMON_TRY(EnterStage(SptWaitingRules()));
  return timers;
}

int Run(const Options& options) {
  Result<SptTimers> timers = PrepareProcess(options);
  if (!timers.ok()) {
    ReportEnd(EndReason::kHostFault, timers.error().message());
    return kExitFailure;
  }
  Result<std::optional<Packet>> packet = ReceivePacket(kControlFd, sizeof(JobFrame));
  if (!packet.ok() && packet.error().code() == ErrorCode::kUnavailable) return 0;  // not needed
  if (!packet.ok() || !packet->has_value()) {
    ReportEnd(EndReason::kJobInvalid,
              packet.ok() ? "no job arrived" : packet.error().message());
    return kExitFailure;
  }
  Result<SptJob> job = TakeJob(std::move(**packet));
  if (!job.ok()) {
    ReportEnd(EndReason::kJobInvalid, job.error().message());
    return kExitFailure;
  }
  const auto failure = RunJob(std::move(*job), std::move(*timers));
  if (!failure) {
    ReportEnd(EndReason::kHalted, "");
    return 0;
  }
  ReportEnd(failure->reason, failure->error.message());
  return kExitFailure;
}

}  // namespace
}  // namespace summon::hypervisor

int main(int argc, char** argv) {
  const auto options = summon::hypervisor::ParseOptions(
      std::span<char* const>(argv + 1, argc > 0 ? static_cast<std::size_t>(argc - 1) : 0));
  if (!options.ok()) {
    (void)fprintf(stderr, "summon-spt: %s\n", options.error().message().c_str());
    return summon::hypervisor::kExitUsage;
  }
  return summon::hypervisor::Run(*options);
}
