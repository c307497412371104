// SPDX-License-Identifier: Apache-2.0
#pragma once
// One running instance: its monitor, its console pipe, and what its end means.

#include <functional>
#include <memory>

#include "base/loop/loop.h"
#include "launcher/launcher.h"
#include "launcher/monitor/console.h"
#include "launcher/monitor/end_report.h"
#include "launcher/monitor/job.h"
#include "launcher/monitor/preparation.h"
#include "launcher/monitor/process.h"

namespace summon::launcher {

struct InstanceCallbacks {
  std::function<void(const StageReport&)> on_stage;
  // The last call; may destroy the instance.
  std::function<void(const EndReport&)> on_ended;
};

class Instance final {
 public:
  struct Setting {
    InstanceId id;
    Kind kind = Kind::kKvm;
    const PreparedOrder* prepared = nullptr;  // used in Start only
    int image = -1;                      // borrowed, used in Start only
    int tap = -1;                        // likewise; -1 without net device
  };

  // Gives `process` the job. kUnavailable when the process has died: try another one.
  static Result<std::unique_ptr<Instance>> Start(Loop& loop, const Setting& setting,
                                                 std::unique_ptr<MonitorProcess>& process,
                                                 ConsoleRing& console,
                                                 InstanceCallbacks callbacks);
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  // Ends it for good; on_ended with kReclaimed follows.
  void Reclaim();

  const InstanceId id;
  const Kind kind;

 private:
  Instance(const Setting& setting, InstanceCallbacks callbacks)
      : id(setting.id), kind(setting.kind), callbacks_(std::move(callbacks)) {}
  void Ended(const MonitorExit& exit);

  InstanceCallbacks callbacks_;
  std::unique_ptr<MonitorProcess> process_;
  std::unique_ptr<ConsoleReader> console_;
  Asked asked_ = Asked::kNo;
};

}  // namespace summon::launcher
