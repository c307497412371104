// SPDX-License-Identifier: Apache-2.0
// One after the other, a few at a time.
#include "launcher/monitor/offload_lane.h"

namespace summon::launcher {

void OffloadLane::Run(std::function<void()> work, std::function<void()> done) {
  waiting_.push_back({std::move(work), std::move(done)});
  Next();
}

void OffloadLane::Next() {
  if (running_ == kRunningMax || waiting_.empty()) return;
  ++running_;
  Task task = std::move(waiting_.front());
  waiting_.pop_front();
  loop_.Offload(std::move(task.work), [this, done = std::move(task.done),
                                       alive = std::weak_ptr<bool>(alive_)] {
    if (alive.expired()) return;
    --running_;
    Next();
    done();
  });
}

}  // namespace summon::launcher
