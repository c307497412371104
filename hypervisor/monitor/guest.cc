// SPDX-License-Identifier: Apache-2.0
// Building and running a guest.
#include "hypervisor/monitor/guest.h"

#include "hypervisor/abi/boot_area.h"
#include "hypervisor/arch/x86_64/page_tables.h"
#include "hypervisor/arch/x86_64/ring3_shim.h"
#include "hypervisor/kvm/ioctls.h"
#include "hypervisor/sandbox/monitor_sandbox.h"

namespace summon::hypervisor {

namespace {

// The real devices behind a guest's handles. Fixed in size: nothing is allocated once it runs.
class HostDevices final {
 public:
  HostDevices(const Job& job, const Manifest& manifest, const PlacedDescriptors& placed,
              TapWaiter& waiter) {
    for (std::size_t i = 0; i < job.devices().size(); ++i) {
      const JobDevice& device = job.devices()[i];
      const auto handle = FindDevice(manifest, device.name);
      SUMMON_CHECK(handle.has_value());  // AttachDevices() has seen to it
      const int fd = placed.device_fd[i];
      DeviceSlot& slot = table_[*handle];
      if (device.type == DeviceType::kNet) {
        taps_[i] = TapDevice(fd);
        waiter.Add({*handle, fd});
        slot.net = &taps_[i];
        slot.mtu = device.mtu;
      } else {
        blocks_[i] = FileBlockDevice(fd);
        slot.block = &blocks_[i];
        slot.capacity = device.capacity;
        slot.read_only = device.read_only != 0;
      }
    }
  }
  HostDevices(const HostDevices&) = delete;
  HostDevices& operator=(const HostDevices&) = delete;

  DeviceTable& table() { return table_; }

 private:
  std::array<TapDevice, kDevicesMax> taps_;
  std::array<FileBlockDevice, kDevicesMax> blocks_;
  DeviceTable table_{};
};

class ReportStages final : public StageListener {
 public:
  explicit ReportStages(const Reporter& reporter) : reporter_(reporter) {}
  void Reached(Stage stage) override { reporter_.Reached(stage); }

 private:
  const Reporter& reporter_;
};

}  // namespace

Status Guest::Build(const Job& job, const Image& image, ImageSource& source,
                    const Manifest& manifest) {
  const std::uint64_t size = job.frame.memory_bytes;
  mapping_ = SUMMON_TRY(GuestMapping::Create(size));
  memory_ = GuestMemory(mapping_.bytes());
  SUMMON_TRY(LoadImage(image, source, mapping_.bytes()));
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
    SUMMON_TRY(mapping_.WriteProtect(PagesOf(segment)));
  }
  Machine& machine = prepared_.machine;
  SUMMON_TRY(machine.SetMemory(mapping_.bytes()));
  SUMMON_TRY(machine.ReduceTo(kVcpuFd));
  machine.SetState(BootState({image.entry, boot_info, size}, prepared_.ring));
  if (ring3) {
    machine.KeepRegisters();
    mode_ = std::make_unique<Ring3Mode>(memory_, machine);
  } else {
    mode_ = std::make_unique<Ring0Mode>(memory_, machine);
  }
  return Ok();
}

Status Guest::CloseSandbox(const PlacedDescriptors& placed) {
  const MonitorNeeds needs{placed.net_count, placed.block_count,
                           prepared_.ring == CpuRing::kRing3 ? IoctlsOfRing3Guest()
                                                             : IoctlsOfRing0Guest()};
  return CloseToRunning(needs);
}

End Guest::Run(const Job& job, const Manifest& manifest, const PlacedDescriptors& placed,
               const Reporter& reporter, const Clock& clock) {
  TapWaiter waiter(kControlFd, clock);
  HostDevices devices(job, manifest, placed, waiter);
  FdConsole console(kConsoleFd);
  SystemWallClock wall_clock;
  ReportStages stages(reporter);
  HypercallDispatcher dispatcher(
      {memory_, devices.table(), console, waiter, wall_clock, stages});
  if (Status closed = CloseSandbox(placed); !closed.ok()) {
    return HostFault(Detail(closed.error().message()));
  }
  reporter.Reached(Stage::kRunning);
  End end = Loop(dispatcher);
  losses_ = {dispatcher.counters().frames_dropped, dispatcher.counters().console_bytes_lost};
  return end;
}

End Guest::Loop(HypercallDispatcher& dispatcher) {
  for (;;) {
    const Step step = mode_->Interpret(prepared_.machine.Run());
    if (const auto* call = std::get_if<HypercallRequest>(&step)) {
      if (const std::optional<End> end = dispatcher.Dispatch(call->number, call->argument)) {
        return *end;
      }
    } else if (const auto* end = std::get_if<End>(&step)) {
      return *end;
    }
  }
}

}  // namespace summon::hypervisor
