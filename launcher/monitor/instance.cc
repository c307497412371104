// SPDX-License-Identifier: Apache-2.0
// From a job to its end report.
#include "launcher/monitor/instance.h"

namespace summon::launcher {

namespace {

// The monitor's numbers are those of the protocol; ours begin at 0.
Stage FromProtocol(hypervisor::Stage stage) {
  return static_cast<Stage>(static_cast<std::uint32_t>(stage) - 1);
}
static_assert(static_cast<int>(hypervisor::Stage::kAssigned) - 1 ==
              static_cast<int>(Stage::kAssigned));
static_assert(static_cast<int>(hypervisor::Stage::kFirstByteOut) - 1 ==
              static_cast<int>(Stage::kFirstByteOut));

}  // namespace

Result<std::unique_ptr<Instance>> Instance::Start(Loop& loop, const Setting& setting,
                                                  std::unique_ptr<MonitorProcess>& process,
                                                  ConsoleRing& console,
                                                  InstanceCallbacks callbacks) {
  ConsoleReader::Pipe pipe = SUMMON_TRY(ConsoleReader::Create(loop, console));
  hypervisor::JobFrame& frame = *setting.prepared->frame;
  frame.flags = 0;
  if (setting.kind == Kind::kKvm) frame.flags |= hypervisor::kJobLaidOut;
  const std::vector<int> fds = JobDescriptors(
      setting.prepared->order,
      JobEnds{.image = setting.image, .console = pipe.writer.get(), .tap = setting.tap},
      frame.flags);
  SUMMON_TRY(process->SendJob(frame, fds));

  std::unique_ptr<Instance> instance(new Instance(setting, std::move(callbacks)));
  Instance* raw = instance.get();
  instance->console_ = std::move(pipe.reader);
  instance->process_ = std::move(process);
  instance->process_->OnStage([raw](hypervisor::Stage stage, Instant at) {
    raw->callbacks_.on_stage(StageReport{FromProtocol(stage), at, raw->kind});
  });
  instance->process_->OnExit([raw](const MonitorExit& exit) { raw->Ended(exit); });
  return instance;
}

void Instance::Reclaim() {
  asked_ = Asked::kReclaim;
  process_->Kill();
}

void Instance::Ended(const MonitorExit& exit) {
  console_->Drain();
  const EndReport report = InterpretExit(kind, asked_, exit);
  const auto on_ended = std::move(callbacks_.on_ended);
  on_ended(report);  // may destroy this instance
}

}  // namespace summon::launcher
