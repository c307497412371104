// SPDX-License-Identifier: Apache-2.0
// summon-monitor: boots and runs one Solo5 hvt guest on KVM, then ends.
//
// Started with a control socket as descriptor 3 (hypervisor/control/protocol.h). It gives up its
// privileges, makes its virtual machine when it was given /dev/kvm, and waits for its job. Then:
// check and load the image, close the sandbox, run the guest, report its end. The process holds
// one guest in its life; whoever wants another starts another.
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <optional>
#include <string>

#include "base/seqpacket.h"
#include "base/strings.h"
#include "hypervisor/control/job.h"
#include "hypervisor/control/reporter.h"
#include "hypervisor/kvm/ioctls.h"
#include "hypervisor/loader/image.h"
#include "hypervisor/monitor/descriptors.h"
#include "hypervisor/monitor/guest.h"
#include "hypervisor/monitor/options.h"
#include "hypervisor/monitor/prepare.h"
#include "hypervisor/sandbox/monitor_sandbox.h"

namespace summon::hypervisor {
namespace {

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 64;  // EX_USAGE of sysexits.h

End EndOf(EndReason reason, const Error& error) { return {reason, 0, Detail(error.message())}; }

// The process's own exit status: the guest's when it halted.
int ExitStatusOf(const End& end) {
  return end.reason == EndReason::kHalted ? end.exit_status & 0xff : kExitFailure;
}

Status PrepareProcess(const Options& options) {
  // Sleeps end when the guest asked for it, not 50 us later.
  if (prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0) != 0) return ErrnoError("set timer slack", errno);
  return ConfineMonitor({options.uid, options.namespaces_fd, options.kvm_fd});
}

// The job, when it comes; an end instead when it is none.
struct Received {
  Job job;
  std::vector<UniqueFd> fds;
};

Result<Received> AwaitJob() {
  for (;;) {
    pollfd control{kControlFd, POLLIN, 0};  // the socket may be non-blocking
    if (ppoll(&control, 1, nullptr, nullptr) < 0 && errno != EINTR) {
      return ErrnoError("wait for a job", errno);
    }
    auto packet = SUMMON_TRY(ReceivePacket(kControlFd, sizeof(JobFrame)));
    if (!packet) continue;
    Job job = SUMMON_TRY(CheckJob(packet->bytes, packet->fds.size()));
    SUMMON_TRY(CheckDescriptors(job, packet->fds));
    SUMMON_TRY(ClearFixedNumbers(packet->fds));
    return Received{std::move(job), std::move(packet->fds)};
  }
}

// Returns why no guest was run; when one ran, the process ends in here.
End Serve(Received received, std::optional<PreparedMachine> prepared, const Options& options,
          const Reporter& reporter, const Clock& clock) {
  const Job& job = received.job;
  FileImageSource source(received.fds[Job::kImage].get());
  const Result<Image> image = ParseImage(source, Target::kHvt);
  if (!image.ok()) return EndOf(EndReason::kImageRejected, image.error());
  if (Status fits = CheckFits(*image, job.frame.memory_bytes); !fits.ok()) {
    return EndOf(EndReason::kImageRejected, fits.error());
  }
  const Result<Manifest> manifest = AttachDevices(image->manifest, job.devices());
  if (!manifest.ok()) return EndOf(EndReason::kImageRejected, manifest.error());
  if (job.check_only()) return {EndReason::kHalted, 0, {}};

  if (!prepared) {
    if (!job.has_kvm()) {
      return {EndReason::kJobInvalid, 0, "job: no /dev/kvm came with it, nor before it"};
    }
    const int kvm = received.fds[job.position(kJobHasKvm)].get();
    Result<PreparedMachine> now = Prepare(kvm, options.mode);
    if (!now.ok()) return EndOf(EndReason::kHostFault, now.error());
    prepared.emplace(std::move(now).value());
  }
  Guest guest(std::move(*prepared));
  if (Status built = guest.Build(job, *image, source, *manifest); !built.ok()) {
    return EndOf(EndReason::kHostFault, built.error());
  }
  const Result<PlacedDescriptors> placed = PlaceDescriptors(job, std::move(received.fds));
  if (!placed.ok()) return EndOf(EndReason::kHostFault, placed.error());
  reporter.Reached(Stage::kLoaded);
  const End end = guest.Run(job, *manifest, *placed, reporter, clock);
  reporter.Ended(end, guest.losses());
  // The sandbox is closed: destructors that unmap or close would be killed for it.
  _exit(ExitStatusOf(end));
}

int Run(const Options& options) {
  const SystemClock clock;
  const Reporter reporter(kControlFd, clock);
  std::optional<PreparedMachine> prepared;
  if (Status process = PrepareProcess(options); !process.ok()) {
    reporter.Ended(EndOf(EndReason::kHostFault, process.error()), {});
    return kExitFailure;
  }
  if (options.kvm_fd >= 0) {
    const UniqueFd kvm(options.kvm_fd);
    Result<PreparedMachine> machine = Prepare(kvm.get(), options.mode);
    if (!machine.ok()) {
      reporter.Ended(EndOf(EndReason::kHostFault, machine.error()), {});
      return kExitFailure;
    }
    prepared.emplace(std::move(machine).value());
  }
  const auto ioctls = prepared ? IoctlsWithMachine() : IoctlsWithoutMachine();
  if (Status entered = CloseToWaiting(ioctls); !entered.ok()) {
    reporter.Ended(EndOf(EndReason::kHostFault, entered.error()), {});
    return kExitFailure;
  }
  Result<Received> received = AwaitJob();
  if (!received.ok()) {
    if (received.error().code() == ErrorCode::kUnavailable) return 0;  // we were not needed
    reporter.Ended(EndOf(EndReason::kJobInvalid, received.error()), {});
    return kExitFailure;
  }
  reporter.Reached(Stage::kAssigned);
  const End end =
      Serve(std::move(received).value(), std::move(prepared), options, reporter, clock);
  reporter.Ended(end, {});
  return ExitStatusOf(end);
}

}  // namespace
}  // namespace summon::hypervisor

int main(int argc, char** argv) {
  const auto options = summon::hypervisor::ParseOptions(
      {argv + 1, argc > 0 ? static_cast<std::size_t>(argc - 1) : 0});
  if (!options.ok()) {
    (void)std::fprintf(stderr, "summon-monitor: %s\n", options.error().message().c_str());
    return summon::hypervisor::kExitUsage;
  }
  return summon::hypervisor::Run(*options);
}
