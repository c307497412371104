// SPDX-License-Identifier: Apache-2.0
// Building and running a guest.
#include "hypervisor/monitor/guest.h"

#include "hypervisor/abi/boot_area.h"
#include "hypervisor/arch/x86_64/layout.h"
#include "hypervisor/arch/x86_64/page_tables.h"
#include "hypervisor/kvm/ioctls.h"
#include "hypervisor/kvm/kick.h"
#include "hypervisor/monitor/core_dump.h"
#include "hypervisor/monitor/device_set.h"
#include "hypervisor/sandbox/monitor_sandbox.h"

namespace summon::hypervisor {

namespace {

class ReportStages final : public StageListener {
 public:
  explicit ReportStages(Reporter& reporter) : reporter_(reporter) {}
  void Reached(Stage stage) override {
    reporter_.Reached(stage);
    if (stage == Stage::kFirstByteOut) reporter_.Flush();  // nobody waits for the guest any more
  }

 private:
  Reporter& reporter_;
};

}  // namespace

Status Guest::Build(const Job& job, const Image& image, ImageSource& source,
                    const Manifest& manifest) {
  const std::uint64_t size = job.frame.memory_bytes;
  GuestMapping& mapping = prepared_.mapping;
  SUMMON_TRY(mapping.Commit(size));
  memory_ = GuestMemory(mapping.bytes());
  SUMMON_TRY(LoadImage(image, source, mapping.bytes()));
  const std::uint64_t boot_info = SUMMON_TRY(
      WriteBootArea({.target = Target::kHvt,
                     .memory_bytes = size,
                     .kernel_end = image.end,
                     .cpu_cycle_hz = prepared_.tsc_hz,
                     .command_line = job.command_line()},
                    manifest, memory_.window()));
  const bool ring3 = prepared_.ring == CpuRing::kRing3;
  SUMMON_TRY(BuildPageTables(
      memory_, {.segments = image.segments,
                .owner = ring3 ? PageOwner::kUser : PageOwner::kSupervisor}));
  WriteBootGdt(memory_);
  if (ring3) InstallRing3Shim(memory_);

  SUMMON_TRY(memory_.AddReadOnly({0, kImageFloor}));
  for (const Segment& segment : image.segments) {
    if (!HostProtected(segment)) continue;
    SUMMON_TRY(memory_.AddReadOnly(PagesOf(segment)));
    SUMMON_TRY(mapping.WriteProtect(PagesOf(segment)));
  }
  for (std::size_t i = 0; i < job.devices().size(); ++i) {
    const auto handle = FindDevice(manifest, job.devices()[i].name);
    SUMMON_CHECK(handle.has_value());  // AttachDevices() has seen to it
    handles_[i] = static_cast<std::uint32_t>(*handle);
  }
  return Finish(BootState({image.entry, boot_info, size}, prepared_.ring));
}

Status Guest::Map(const LayoutHeader& layout, int file) {
  layout_ = layout;
  SUMMON_TRY(MapLayout({.layout = layout_,
                        .file = file,
                        .ring = prepared_.ring,
                        .tsc_hz = prepared_.tsc_hz},
                       prepared_.mapping, memory_));
  std::copy(std::begin(layout.handles), std::end(layout.handles), handles_.begin());
  return Finish(BootState({layout.entry, layout.boot_info, layout.memory_bytes}, prepared_.ring));
}

// Memory stands: the machine gets what it does not have yet, and its CPU is told where to begin.
Status Guest::Finish(const CpuState& state) {
  SUMMON_TRY(AddRestOfMemory(prepared_));
  Machine& machine = prepared_.machine;
  SUMMON_TRY(machine.ReduceTo(kVcpuFd));
  machine.SetState(state);
  if (prepared_.ring == CpuRing::kRing3) {
    machine.KeepRegisters();
    ring3_ = std::make_unique<Ring3Mode>(memory_, machine);
    mode_ = ring3_.get();
  } else {
    ring0_ = std::make_unique<Ring0Mode>(memory_, machine);
    mode_ = ring0_.get();
  }
  return Ok();
}

Status Guest::Restore(int file, RestoreMode mode) {
  const auto header = SUMMON_TRY(ReadSnapshot(file, layout_, prepared_.ring));
  SUMMON_TRY(RestoreMemory(*header, file, mode, prepared_.mapping));
  const GuestState state = StateOf(*header);
  SUMMON_TRY(prepared_.machine.LoadState(state.cpu));
  if (ring3_ != nullptr) ring3_->SetState(state.ring3);
  restored_ = {state.poll.argument, state.poll.deadline};
  return Ok();
}

Status Guest::CloseSandbox(const Surroundings& around) {
  const PlacedDescriptors& placed = around.placed;
  SUMMON_TRY(KickByMessages(kControlFd, prepared_.machine));
  MonitorNeeds needs{placed.net_count, placed.block_count, IoctlsOfRing0Guest(),
                     snapshot_ != nullptr};
  needs.core_file = around.job.has(kJobCoreFile);
  if (needs.core_file) needs.vcpu_ioctls = IoctlsOfRing0GuestWithCore();
  if (prepared_.ring == CpuRing::kRing3) needs.vcpu_ioctls = IoctlsOfRing3Guest();
  if (needs.snapshots) needs.snapshot_ioctls = IoctlsOfSnapshot();
  return CloseToRunning(needs);
}

End Guest::Run(const Surroundings& around) {
  Orders orders(kControlFd, around.reporter);
  TapWaiter waiter(kControlFd, orders, around.clock);
  DeviceSet devices(around.job, handles_, around.placed, waiter);
  FdConsole console(kConsoleFd);
  SystemWallClock wall_clock;
  ReportStages stages(around.reporter);
  HypercallDispatcher dispatcher(
      {memory_, devices.table(), console, waiter, wall_clock, stages, *frame_});
  if (around.job.has(kJobSnapshots)) {
    snapshot_ = std::make_unique<SnapshotWriter>(layout_, prepared_.ring, kSnapshotFd);
  }
  if (Status closed = CloseSandbox(around); !closed.ok()) {
    return HostFault(Detail(closed.error().message()));
  }
  const std::optional<End> refused = Enter(dispatcher, orders, around);
  End end = refused ? *refused : Loop(dispatcher, orders, around.reporter);
  if (end.reason == EndReason::kSnapshotTaken) end = TakeSnapshot(dispatcher);
  if (around.job.has(kJobCoreFile) && LeavesCore(end)) DumpCore(end);
  const HypercallCounters& counters = dispatcher.counters();
  losses_ = {counters.frames_dropped, counters.frames_forged, counters.console_bytes_lost};
  return end;
}

// Up to the guest's next instruction.
std::optional<End> Guest::Enter(HypercallDispatcher& dispatcher, Orders& orders,
                                const Surroundings& around) {
  orders.Drain();  // what came before messages interrupted the CPU
  if (around.job.has(kJobHold)) {
    around.reporter.Held();
    orders.AwaitGo();
  }
  around.reporter.Reached(Stage::kRunning);
  around.reporter.Flush();  // a guest may never come back
  if (!restored_) return std::nullopt;
  return dispatcher.ResumePoll(*restored_);
}

End Guest::Loop(HypercallDispatcher& dispatcher, Orders& orders, Reporter& reporter) {
  // A guest that never waits must not keep back what it has reached for longer than this.
  constexpr int kExitsUnsaidMax = 32;
  int exits_unsaid = 0;
  for (;;) {
    const VcpuExit exit = prepared_.machine.Run();
    if (reporter.has_unsaid() && ++exits_unsaid > kExitsUnsaidMax) {
      reporter.Flush();
      exits_unsaid = 0;
    }
    if (exit.kind == ExitKind::kInterrupted) {
      ClearKick();
      orders.Drain();
      continue;
    }
    const Step step = mode_->Interpret(exit);
    if (const auto* call = std::get_if<HypercallRequest>(&step)) {
      if (const std::optional<End> end = dispatcher.Dispatch(call->number, call->argument)) {
        return *end;
      }
    } else if (const auto* end = std::get_if<End>(&step)) {
      return *end;
    }
  }
}

void Guest::DumpCore(End& end) {
  CoreSubject subject{.memory_bytes = memory_.size()};
  CoreRegisters& registers = subject.registers;
  registers = {mode_->GuestRegisters(), prepared_.machine.Segments()};
  if (prepared_.ring == CpuRing::kRing3) {  // as the guest believes
    SegmentValues& segments = registers.segments;
    const SegmentValues real = segments;
    segments = {kKernelCode, kKernelData, kKernelData, kKernelData, kKernelData, kKernelData,
                real.fs_base, real.gs_base};
  }
  const auto trap = memory_.Copy<TrapCookieX86>(end.trap_cookie);  // 0 is nobody's address
  if (trap) ApplyTrap(*trap, registers);
  if (trap || end.reason == EndReason::kGuestFault) {
    subject.signal = CoreSignal::kSegmentationFault;
  }
  if (const int failed = WriteCore(kCoreFd, subject, memory_.all()); failed != 0) {
    if (!end.detail.empty()) end.detail.Add("; ");
    end.detail.Add("writing the core failed with errno ");
    end.detail.AddNumber(static_cast<std::uint64_t>(failed));
  }
}

End Guest::TakeSnapshot(const HypercallDispatcher& dispatcher) {
  if (snapshot_ == nullptr) return HostFault("a snapshot was asked for, and the job permits none");
  ClearKick();
  const Result<CpuStateBlob> cpu = prepared_.machine.SaveState();
  if (!cpu.ok()) return HostFault(Detail(cpu.error().message()));
  GuestState state{*cpu, {}, {dispatcher.pending_poll().argument,
                              dispatcher.pending_poll().deadline}};
  if (ring3_ != nullptr) state.ring3 = ring3_->state();
  const SnapshotWriter::Written written = snapshot_->Write(memory_, state);
  if (written.problem) return HostFault(*written.problem);
  snapshot_bytes_ = written.bytes;
  return {EndReason::kSnapshotTaken, 0, {}};
}

}  // namespace summon::hypervisor
