// SPDX-License-Identifier: Apache-2.0
// libuv handles behind the loop's interface.
//
// A uv handle must outlive its close callback, so each state object is allocated on its own and
// deletes itself there; the owner only asks for the close.
#include "base/loop/loop.h"

#include <uv.h>

#include <algorithm>
#include <deque>
#include <mutex>

namespace summon {

namespace loop_internal {

struct LoopState {
  uv_loop_t uv;
  uv_async_t wake;
  SystemClock clock;
  std::mutex mutex;  // guards `posted`
  std::deque<std::function<void()>> posted;
  bool closing = false;
  bool in_timer = false;  // a timer's callback is running
  bool once = false;      // RunOnce() is running
};

struct TimerState {
  uv_timer_t uv;
  LoopState* loop;
  std::function<void()> on_due;
  bool closed = false;
};

struct FdState {
  uv_poll_t uv;
  std::function<void(FdWatcher::Ready)> on_ready;
  bool closed = false;
};

struct SignalState {
  uv_signal_t uv;
  std::function<void()> on_signal;
  bool closed = false;
};

namespace {

struct OffloadState {
  uv_work_t uv;
  LoopState* loop;
  std::function<void()> work;
  std::function<void()> done;
};

// Every uv handle type begins with the fields of uv_handle_t; uv documents the cast.
template <typename T>
uv_handle_t* Handle(T* handle) {
  return reinterpret_cast<uv_handle_t*>(handle);  // SAFETY: documented by libuv, "handle types"
}

template <typename State>
void CloseState(State* state) {
  state->closed = true;
  uv_close(Handle(&state->uv),
           [](uv_handle_t* handle) { delete static_cast<State*>(handle->data); });
}

void RunPosted(uv_async_t* wake) {
  auto* state = static_cast<LoopState*>(wake->data);
  std::deque<std::function<void()>> tasks;
  {
    const std::lock_guard lock(state->mutex);
    tasks.swap(state->posted);
  }
  for (auto& task : tasks) task();
}

}  // namespace
}  // namespace loop_internal

using loop_internal::CloseState;
using loop_internal::FdState;
using loop_internal::Handle;
using loop_internal::LoopState;
using loop_internal::OffloadState;
using loop_internal::SignalState;
using loop_internal::TimerState;

Loop::Loop(std::unique_ptr<LoopState> state) : state_(std::move(state)) {}

Result<std::unique_ptr<Loop>> Loop::Create() {
  auto state = std::make_unique<LoopState>();
  const int made = uv_loop_init(&state->uv);
  if (made != 0) return ErrnoError("create event loop", -made);
  const int woke = uv_async_init(&state->uv, &state->wake, loop_internal::RunPosted);
  SUMMON_CHECK(woke == 0);
  state->wake.data = state.get();
  return std::unique_ptr<Loop>(new Loop(std::move(state)));
}

Loop::~Loop() {
  state_->closing = true;
  uv_close(Handle(&state_->wake), nullptr);
  // Let close callbacks of the watchers run, so that their states are deleted.
  while (uv_run(&state_->uv, UV_RUN_NOWAIT) != 0) {
  }
  (void)uv_loop_close(&state_->uv);  // busy only when a watcher outlives its loop
}

void Loop::Run() { (void)uv_run(&state_->uv, UV_RUN_DEFAULT); }

void Loop::RunOnce() {
  state_->once = true;
  (void)uv_run(&state_->uv, UV_RUN_ONCE);
  state_->once = false;
}

bool Loop::RunUntil(const std::function<bool()>& done, Duration patience) {
  const Instant deadline = Now() + patience;
  Timer limit(*this, [] {});
  limit.Set(deadline);
  while (!done()) {
    if (Now() >= deadline) return false;
    RunOnce();
  }
  return true;
}

void Loop::Stop() { uv_stop(&state_->uv); }

Instant Loop::Now() const { return state_->clock.Now(); }

void Loop::Post(std::function<void()> task) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->posted.push_back(std::move(task));
  }
  (void)uv_async_send(&state_->wake);  // fails only for a closed handle
}

void Loop::Offload(std::function<void()> work, std::function<void()> done) {
  auto* state = new OffloadState{{}, state_.get(), std::move(work), std::move(done)};
  state->uv.data = state;
  const int queued = uv_queue_work(
      &state_->uv, &state->uv,
      [](uv_work_t* request) { static_cast<OffloadState*>(request->data)->work(); },
      [](uv_work_t* request, int) {
        const std::unique_ptr<OffloadState> finished(static_cast<OffloadState*>(request->data));
        if (!finished->loop->closing) finished->done();
      });
  SUMMON_CHECK(queued == 0);
}

Timer::Timer(Loop& loop, std::function<void()> on_due)
    : state_(new TimerState{{}, loop.state(), std::move(on_due)}) {
  (void)uv_timer_init(&state_->loop->uv, &state_->uv);  // documented to return 0
  state_->uv.data = state_;
}

Timer::~Timer() { CloseState(state_); }

void Timer::Set(Instant at) {
  LoopState& loop = *state_->loop;
  // libuv counts whole milliseconds of the same clock, rounded down: with the deadline rounded up
  // on that scale, never before it and at most a millisecond after.
  const auto due_ms = std::chrono::ceil<std::chrono::milliseconds>(at.time_since_epoch()).count();
  uv_update_time(&loop.uv);
  const auto wait_ms = due_ms - static_cast<std::int64_t>(uv_now(&loop.uv));
  // libuv runs a timer that is due in the same pass in which another timer set it: one that sets
  // itself again and again would keep everything else from running.
  const std::int64_t wait_min_ms = loop.in_timer ? 1 : 0;
  (void)uv_timer_start(
      &state_->uv,
      [](uv_timer_t* timer) {
        auto* state = static_cast<TimerState*>(timer->data);
        if (state->closed) return;
        LoopState* owner = state->loop;
        owner->in_timer = true;
        state->on_due();
        owner->in_timer = false;
        // libuv runs due timers first and then waits for the next event all the same; this was
        // the event that RunOnce() is for.
        if (owner->once) (void)uv_async_send(&owner->wake);
      },
      static_cast<std::uint64_t>(std::max<std::int64_t>(wait_ms, wait_min_ms)), 0);
}

void Timer::Clear() { (void)uv_timer_stop(&state_->uv); }

Result<std::unique_ptr<FdWatcher>> FdWatcher::Create(Loop& loop, int fd,
                                                     std::function<void(Ready)> on_ready) {
  auto state = std::make_unique<FdState>();
  state->on_ready = std::move(on_ready);
  const int made = uv_poll_init(&loop.state()->uv, &state->uv, fd);
  if (made != 0) return ErrnoError("watch descriptor", -made);
  state->uv.data = state.get();
  return std::unique_ptr<FdWatcher>(new FdWatcher(state.release()));
}

FdWatcher::~FdWatcher() { CloseState(state_); }

void FdWatcher::Watch(Interest interest) {
  int events = 0;
  if (interest == Interest::kRead || interest == Interest::kReadWrite) events |= UV_READABLE;
  if (interest == Interest::kWrite || interest == Interest::kReadWrite) events |= UV_WRITABLE;
  if (interest == Interest::kDrain) {
    events = UV_WRITABLE;
  } else if (events != 0) {
    events |= UV_DISCONNECT;
  }
  if (events == 0) {
    (void)uv_poll_stop(&state_->uv);
    return;
  }
  (void)uv_poll_start(&state_->uv, events,
                      [](uv_poll_t* poll, int status, int ready) {
                        auto* state = static_cast<FdState*>(poll->data);
                        if (state->closed) return;
                        state->on_ready(Ready{.readable = (ready & UV_READABLE) != 0,
                                              .writable = (ready & UV_WRITABLE) != 0,
                                              .disconnected = status != 0 ||
                                                              (ready & UV_DISCONNECT) != 0});
                      });
}

SignalWatcher::SignalWatcher(Loop& loop, int signal_number, std::function<void()> on_signal)
    : state_(new SignalState{{}, std::move(on_signal)}) {
  (void)uv_signal_init(&loop.state()->uv, &state_->uv);
  state_->uv.data = state_;
  (void)uv_signal_start(
      &state_->uv,
      [](uv_signal_t* signal, int) {
        auto* state = static_cast<SignalState*>(signal->data);
        if (!state->closed) state->on_signal();
      },
      signal_number);
}

SignalWatcher::~SignalWatcher() { CloseState(state_); }

}  // namespace summon
