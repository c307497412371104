// SPDX-License-Identifier: Apache-2.0
// The table from exits to end reports.
#include "launcher/monitor/end_report.h"

#include <signal.h>
#include <string.h>

#include "base/strings.h"

namespace summon::launcher {

namespace {

EndReason ReasonOf(hypervisor::EndReason reason) {
  switch (reason) {
    case hypervisor::EndReason::kHalted: return EndReason::kHalted;
    case hypervisor::EndReason::kGuestFault: return EndReason::kGuestFault;
    case hypervisor::EndReason::kImageRejected: return EndReason::kImageRejected;
    case hypervisor::EndReason::kSnapshotTaken: return EndReason::kReclaimed;
    case hypervisor::EndReason::kSnapshotRejected:
    case hypervisor::EndReason::kJobInvalid:
    case hypervisor::EndReason::kHostFault: return EndReason::kHostFault;
  }
  return EndReason::kMonitorDied;  // a number that is none of ours
}

// The report is the monitor's word; only printable text of it goes on.
std::string Printable(const char* detail) {
  std::string text(detail);
  for (char& c : text) {
    if (c < ' ' || c > '~') c = ' ';
  }
  return text;
}

std::string SignalText(int signal_number) {
  const char* name = sigabbrev_np(signal_number);
  return name == nullptr ? StrCat("signal ", signal_number) : StrCat("SIG", name);
}

// What a signal says about a guest that is the process itself; empty: nothing, it was killed.
std::string_view GuestFaultOf(int signal_number) {
  switch (signal_number) {
    case SIGSYS: return "the guest made a system call that its sandbox forbids";
    case SIGSEGV: return "the guest touched memory that it does not have, or wrote to its text";
    case SIGBUS: return "the guest touched memory that cannot be reached";
    case SIGILL: return "the guest ran an instruction that does not exist";
    case SIGFPE: return "the guest divided by zero";
    case SIGTRAP: return "the guest ran a trap instruction";
    default: return {};
  }
}

EndReport FromProcess(const MonitorExit& exit) {
  if (!exit.signalled) {
    return EndReport{.reason = EndReason::kHalted, .exit_status = exit.code};
  }
  const std::string_view fault = GuestFaultOf(exit.code);
  if (fault.empty()) {
    return EndReport{.reason = EndReason::kMonitorDied, .detail = DescribeExit(exit)};
  }
  // As a shell tells of a process that a signal ended.
  return EndReport{.reason = EndReason::kGuestFault,
                   .exit_status = 128 + exit.code,
                   .detail = StrCat(fault, " (", SignalText(exit.code), ")")};
}

}  // namespace

std::string DescribeExit(const MonitorExit& exit) {
  if (!exit.broken.empty()) return StrCat("the monitor broke the protocol: ", exit.broken);
  if (!exit.condemned.empty()) return StrCat("the monitor was ended: ", exit.condemned);
  if (exit.end && exit.end->detail[0] != '\0') return Printable(exit.end->detail);
  std::string text = exit.signalled ? StrCat("the monitor was killed by ", SignalText(exit.code))
                                    : StrCat("the monitor exited with status ", exit.code);
  if (exit.signalled && exit.code == SIGSYS) text += " (a system call that its sandbox forbids)";
  if (!exit.diagnostics.empty()) text += StrCat(": ", exit.diagnostics);
  return text;
}

EndReport InterpretExit(Kind kind, Asked asked, const MonitorExit& exit) {
  EndReport report;
  if (!exit.broken.empty() || !exit.condemned.empty()) {
    report = EndReport{.reason = EndReason::kMonitorDied, .detail = DescribeExit(exit)};
  } else if (exit.end) {
    report.reason = ReasonOf(exit.end->reason);
    if (report.reason == EndReason::kHalted) report.exit_status = exit.end->exit_status;
    report.detail = Printable(exit.end->detail);
    report.frames_dropped = exit.end->frames_dropped;
    report.frames_forged = exit.end->frames_forged;
    report.console_bytes_lost = exit.end->console_bytes_lost;
  } else if (kind == Kind::kProcess && exit.guest_ran) {
    report = FromProcess(exit);
  } else {
    report = EndReport{.reason = EndReason::kMonitorDied, .detail = DescribeExit(exit)};
  }
  if (asked == Asked::kReclaim) {
    report.reason = EndReason::kReclaimed;
    report.exit_status = 0;
    report.detail.clear();
  }
  return report;
}

}  // namespace summon::launcher
