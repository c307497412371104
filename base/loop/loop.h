// SPDX-License-Identifier: Apache-2.0
#pragma once
// The event loop: the only room that knows libuv.
//
// One Loop belongs to one thread and so does everything made from it, except Offload's work and
// Loop::Post. Callbacks never run inside the call that registered them. Destroying a Timer,
// FdWatcher or SignalWatcher from inside its own callback is allowed.

#include <cstdint>
#include <functional>
#include <memory>

#include "base/clock.h"
#include "base/result.h"

namespace summon {

namespace loop_internal {
struct LoopState;
struct TimerState;
struct FdState;
struct SignalState;
}  // namespace loop_internal

class Loop final : public Clock {
 public:
  static Result<std::unique_ptr<Loop>> Create();
  ~Loop() override;  // closes what is left; every watcher must be gone before

  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Runs callbacks until Stop().
  void Run();
  // Runs what is due, waiting at most until one event; for tests.
  void RunOnce();
  // Runs until `done()` or `deadline`; true when done. For tests and short-lived commands.
  bool RunUntil(const std::function<bool()>& done, Duration patience);
  void Stop();

  Instant Now() const override;  // CLOCK_MONOTONIC, read now

  // Runs `task` on the loop's thread, soon. Any thread.
  void Post(std::function<void()> task);

  // Runs `work` on a pool thread, then `done` on the loop's thread. For file reads and other
  // calls that may block. The loop's destructor waits for work that has begun; `done` is not run
  // any more then, because what it was for may be gone.
  void Offload(std::function<void()> work, std::function<void()> done);

  loop_internal::LoopState* state() { return state_.get(); }

 private:
  explicit Loop(std::unique_ptr<loop_internal::LoopState> state);
  std::unique_ptr<loop_internal::LoopState> state_;
};

// One deadline. Resolution is a millisecond, rounded up: it never fires early.
class Timer final {
 public:
  Timer(Loop& loop, std::function<void()> on_due);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Fires once at `at`, replacing what was set before; at once (next turn) when it is past.
  void Set(Instant at);
  void Clear();

 private:
  loop_internal::TimerState* state_;
};

// Watches a descriptor (borrowed; it must outlive the watcher) for readiness. Level-triggered.
class FdWatcher final {
 public:
  // kDrain is kWrite for a descriptor that is no longer read: a peer that has ended its own sending
  // is not reported, for it would be again and again.
  enum class Interest { kNone, kRead, kWrite, kReadWrite, kDrain };
  struct Ready {
    bool readable = false;
    bool writable = false;
    bool disconnected = false;  // hang-up or error on the descriptor
  };

  static Result<std::unique_ptr<FdWatcher>> Create(Loop& loop, int fd,
                                                   std::function<void(Ready)> on_ready);
  ~FdWatcher();
  FdWatcher(const FdWatcher&) = delete;
  FdWatcher& operator=(const FdWatcher&) = delete;

  void Watch(Interest interest);

 private:
  explicit FdWatcher(loop_internal::FdState* state) : state_(state) {}
  loop_internal::FdState* state_;
};

// Calls back for each delivery of a signal (SIGTERM, SIGINT, SIGHUP, ...).
class SignalWatcher final {
 public:
  SignalWatcher(Loop& loop, int signal_number, std::function<void()> on_signal);
  ~SignalWatcher();
  SignalWatcher(const SignalWatcher&) = delete;
  SignalWatcher& operator=(const SignalWatcher&) = delete;

 private:
  loop_internal::SignalState* state_;
};

}  // namespace summon
