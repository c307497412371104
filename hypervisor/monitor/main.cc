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
#include <memory>
#include <optional>
#include <string>

#include "base/seqpacket.h"
#include "base/strings.h"
#include "hypervisor/control/job.h"
#include "hypervisor/control/reporter.h"
#include "hypervisor/kvm/ioctls.h"
#include "hypervisor/layout/layout.h"
#include "hypervisor/loader/image.h"
#include "hypervisor/monitor/descriptors.h"
#include "hypervisor/monitor/guest.h"
#include "hypervisor/monitor/options.h"
#include "hypervisor/monitor/prefault.h"
#include "hypervisor/monitor/prepare.h"
#include "hypervisor/monitor/probe.h"
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
  if (options.kvm_fd >= 0) PrefaultProgram();  // it will wait: there is time
  return ConfineMonitor({options.uid, options.namespaces_fd, options.kvm_fd});
}

// The job, when it comes; an end instead when it is none.
struct Received {
  std::unique_ptr<Job> job;
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
    std::unique_ptr<Job> job = SUMMON_TRY(CheckJob(packet->bytes, packet->fds.size()));
    SUMMON_TRY(CheckDescriptors(*job, packet->fds));
    SUMMON_TRY(ClearFixedNumbers(packet->fds));
    return Received{std::move(job), std::move(packet->fds)};
  }
}

// An image that can be booted for the job.
struct CheckedImage {
  Image image;
  Manifest manifest;  // with the job's devices attached
};

Result<CheckedImage> CheckImage(const Job& job, ImageSource& source) {
  Image image = SUMMON_TRY(ParseImage(source, Target::kHvt));
  SUMMON_TRY(CheckFits(image, job.frame.memory_bytes));
  Manifest manifest = SUMMON_TRY(AttachDevices(image.manifest, job.devices()));
  return CheckedImage{std::move(image), std::move(manifest)};
}

// Puts the guest into memory. Nothing when it can run.
std::optional<End> FillFromImage(const Received& received, Guest& guest) {
  FileImageSource source(received.fds[Job::kImage].get());
  const Result<CheckedImage> checked = CheckImage(*received.job, source);
  if (!checked.ok()) return EndOf(EndReason::kImageRejected, checked.error());
  if (Status built = guest.Build(*received.job, checked->image, source, checked->manifest);
      !built.ok()) {
    return EndOf(EndReason::kHostFault, built.error());
  }
  return std::nullopt;
}

std::optional<End> FillFromLayout(const Received& received, Guest& guest) {
  const Job& job = *received.job;
  const int file = received.fds[Job::kImage].get();
  const Result<LayoutHeader> layout = ReadLayout(file, job);
  if (!layout.ok()) return EndOf(EndReason::kImageRejected, layout.error());
  if (Status mapped = guest.Map(*layout, file); !mapped.ok()) {
    return EndOf(EndReason::kHostFault, mapped.error());
  }
  if (!job.has(kJobRestore)) return std::nullopt;
  // Who is held has time: everything is copied, so that nothing is left to do when it goes on.
  const RestoreMode mode = job.has(kJobHold) ? RestoreMode::kCopy : RestoreMode::kMap;
  const int snapshot = received.fds[job.position(kJobRestore)].get();
  if (Status restored = guest.Restore(snapshot, mode); !restored.ok()) {
    return EndOf(EndReason::kSnapshotRejected, restored.error());
  }
  return std::nullopt;
}

// A job without a guest: the image is checked, and laid out if that is wanted.
End ServeCheck(const Received& received) {
  const Job& job = *received.job;
  FileImageSource source(received.fds[Job::kImage].get());
  const Result<CheckedImage> checked = CheckImage(job, source);
  if (!checked.ok()) return EndOf(EndReason::kImageRejected, checked.error());
  if (job.has(kJobLayOut)) {
    const int file = received.fds[job.position(kJobLayOut)].get();
    if (Status laid = WriteLayout(job, checked->image, source, checked->manifest, file);
        !laid.ok()) {
      return EndOf(EndReason::kHostFault, laid.error());
    }
  }
  return {EndReason::kHalted, 0, {}};
}

// Returns why no guest was run; when one ran, the process ends in here.
End Serve(Received received, std::optional<PreparedMachine> prepared, const Options& options,
          Reporter& reporter, const Clock& clock) {
  const Job& job = *received.job;
  if (job.check_only() || job.has(kJobLayOut)) return ServeCheck(received);
  if (!prepared) {
    if (!job.has_kvm()) {
      return {EndReason::kJobInvalid, 0, "job: no /dev/kvm came with it, nor before it"};
    }
    Result<PreparedMachine> now =
        Prepare(received.fds[job.position(kJobHasKvm)].get(), options.mode);
    if (!now.ok()) return EndOf(EndReason::kHostFault, now.error());
    prepared.emplace(std::move(now).value());
  }
  Guest guest(std::move(*prepared));
  const std::optional<End> unfit = job.has(kJobLaidOut) ? FillFromLayout(received, guest)
                                                        : FillFromImage(received, guest);
  if (unfit) return *unfit;
  const Result<PlacedDescriptors> placed = PlaceDescriptors(job, std::move(received.fds));
  if (!placed.ok()) return EndOf(EndReason::kHostFault, placed.error());
  reporter.Reached(Stage::kLoaded);
  const End end = guest.Run({job, *placed, reporter, clock});
  reporter.Ended(end, guest.losses(), guest.snapshot_bytes());
  // The sandbox is closed: destructors that unmap or close would be killed for it.
  _exit(ExitStatusOf(end));
}

int Run(const Options& options) {
  const SystemClock clock;
  Reporter reporter(kControlFd, clock);
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
  if (prepared) {
    reporter.Prepared(prepared->tsc_hz, prepared->ring == CpuRing::kRing3 ? GuestModeCode::kRing3
                                                                          : GuestModeCode::kRing0);
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

int Probe(const Options& options) {
  const Result<std::string> line = ProbeHost(options.kvm_fd);
  if (!line.ok()) {
    (void)std::fprintf(stderr, "summon-monitor: %s\n", line.error().message().c_str());
    return kExitFailure;
  }
  (void)std::printf("%s\n", line->c_str());
  return 0;
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
  if (options->probe) return summon::hypervisor::Probe(*options);
  return summon::hypervisor::Run(*options);
}
