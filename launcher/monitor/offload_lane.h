// SPDX-License-Identifier: Apache-2.0
#pragma once
// Work for the loop's pool threads that must not take all of them: writing to a disk may take
// long, and who wakes a service needs a thread to read with.

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>

#include "base/loop/loop.h"

namespace summon::launcher {

class OffloadLane final {
 public:
  // Of the loop's four threads (libuv's default).
  static constexpr std::size_t kRunningMax = 2;

  explicit OffloadLane(Loop& loop) : loop_(loop) {}
  OffloadLane(const OffloadLane&) = delete;
  OffloadLane& operator=(const OffloadLane&) = delete;

  // As Loop::Offload, in its turn. Work that has not begun when this object goes is dropped.
  void Run(std::function<void()> work, std::function<void()> done);

 private:
  struct Task {
    std::function<void()> work;
    std::function<void()> done;
  };
  void Next();

  Loop& loop_;
  std::deque<Task> waiting_;  // at most one for each service
  std::size_t running_ = 0;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace summon::launcher
