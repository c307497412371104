// SPDX-License-Identifier: Apache-2.0
// From an order and a waiting monitor to a guest.
#include "launcher/monitor/guest.h"

#include "launcher/monitor/job.h"
#include "launcher/monitor/monitor_launcher.h"
#include "launcher/monitor/sealed_copy.h"

namespace summon::launcher {

Result<Guest> StartGuest(Loop& loop, MonitorPool& pool, GuestPlan plan) {
  const LaunchOrder& order = plan.prepared.order;
  hypervisor::JobFrame& frame = *plan.prepared.frame;
  SUMMON_TRY(CheckBlockFiles(order, frame));
  const bool is_kvm = plan.image.kind == Kind::kKvm;
  if (!is_kvm || !order.snapshots) {
    plan.snapshots.Reset();
  } else if (!plan.snapshots.valid()) {
    plan.snapshots = SUMMON_TRY(NewMemoryFile("summon-snapshot"));
  }
  ConsoleReader::Pipe pipe = SUMMON_TRY(ConsoleReader::Create(loop, plan.console));
  std::uint32_t flags = 0;
  if (is_kvm) flags |= hypervisor::kJobLaidOut;
  if (plan.then == GuestPlan::Then::kHold) flags |= hypervisor::kJobHold;
  const std::vector<int> fds = JobDescriptors(order,
                                              JobEnds{.image = plan.image.sealed.get(),
                                                      .console = pipe.writer.get(),
                                                      .restore = plan.restore,
                                                      .snapshots = plan.snapshots.get(),
                                                      .tap = plan.tap},
                                              flags);
  frame.flags = flags;
  // A waiting monitor may have been killed a moment ago; the last attempt is with a fresh one.
  constexpr std::size_t kAttemptsMax = MonitorLauncher::kPoolMax + 1;
  for (std::size_t attempt = 1;; ++attempt) {
    std::unique_ptr<MonitorProcess> process = SUMMON_TRY(pool.Take(plan.image.kind));
    const Status sent = process->SendJob(frame, fds);
    if (sent.ok()) {
      SUMMON_TRY(pipe.reader->Begin());  // while the monitor works already
      return Guest{plan.image.kind, plan.image.machine, std::move(process), std::move(pipe.reader),
                   std::move(plan.snapshots)};
    }
    pool.attic().Put(std::move(process));
    if (sent.error().code() != ErrorCode::kUnavailable || attempt == kAttemptsMax) {
      return sent.error();
    }
  }
}

void Discard(Guest guest, Attic& attic) {
  guest.console.reset();
  attic.Put(std::move(guest.process));
  attic.Put(std::move(guest.snapshots));
}

}  // namespace summon::launcher
