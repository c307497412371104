// SPDX-License-Identifier: Apache-2.0
// The steps down, one after the other.
#include "launcher/monitor/descent.h"

#include <algorithm>
#include <fstream>

#include "base/strings.h"
#include "launcher/monitor/sealed_copy.h"

namespace summon::launcher {

ProcessMemory ReadProcessMemory(int pid) {
  constexpr std::uint64_t kKib = 1024;
  ProcessMemory memory;
  std::ifstream file(StrCat("/proc/", pid, "/smaps_rollup"));
  std::string word;
  for (std::uint64_t kib = 0; file >> word;) {
    if (word == "Pss:" && file >> kib) memory.pss_bytes = kib * kKib;
    if (word == "Pss_Anon:" && file >> kib) memory.anonymous_bytes = kib * kKib;
  }
  return memory;
}

Descent::Descent(Surroundings around, Resting from, State state, Rung target, Done done)
    : around_(std::move(around)),
      state_(state),
      target_(target),
      done_(std::move(done)),
      limit_(around_.loop, [this] {
        overdue_ = step_ == Step::kSnapshot ? "the guest did not come to its poll in time"
                                            : "its monitor did not hold it in time";
        out_.resting.guest.process->Kill();  // its exit follows
      }) {
  out_.resting = std::move(from);
  Next();
}

Descent::~Descent() {
  if (save_wanted_ != nullptr) *save_wanted_ = false;
  DropGuest();
}

void Descent::DropGuest() {
  if (!out_.resting.has_guest()) return;
  const Kind kind = out_.resting.guest.kind;
  const Digest machine = out_.resting.guest.machine;
  Discard(std::move(out_.resting.guest), around_.pool.attic());
  out_.resting.guest = Guest{};
  out_.resting.guest.kind = kind;
  out_.resting.guest.machine = machine;
}

// From where it is to the next step. Never calls back.
void Descent::Next() {
  Resting& resting = out_.resting;
  if (target_ == Rung::kPaused) {
    resting.guest.process->Stop();
    state_ = State::kResting;
    return Weigh();
  }
  if (resting.rung == Rung::kPaused) return Snapshot();
  Save();  // from kParked to kSaved
}

void Descent::Snapshot() {
  step_ = Step::kSnapshot;
  Resting& resting = out_.resting;
  resting.guest.process->OnExit([this](const MonitorExit& exit) { SnapshotEnded(exit); });
  if (state_ == State::kResting) resting.guest.process->Continue();
  state_ = State::kRunning;
  const bool can = resting.guest.snapshots.valid();
  // A monitor that is gone already is told of by its exit.
  if (!can || !resting.guest.process->TakeSnapshot().ok()) resting.guest.process->Kill();
  limit_.Set(around_.loop.Now() + kSnapshotPatience);
}

void Descent::SnapshotEnded(const MonitorExit& exit) {
  limit_.Clear();
  Resting& resting = out_.resting;
  resting.guest.console->Drain();
  if (exit.end) {
    out_.frames_dropped = exit.end->frames_dropped;
    out_.console_bytes_lost = exit.end->console_bytes_lost;
  }
  UniqueFd snapshot = std::move(resting.guest.snapshots);
  DropGuest();
  if (target_ == Rung::kOff) return Finish();
  if (!overdue_.empty()) return Fail(overdue_);
  const bool taken = exit.end && exit.broken.empty() &&
                     exit.end->reason == hypervisor::EndReason::kSnapshotTaken;
  if (!taken) return Fail(DescribeExit(exit));
  const PreparedOrder* order = around_.order();
  if (order == nullptr) return Fail("the service was changed meanwhile");
  const Result<SealedSize> size =
      Seal(snapshot.get(), order->frame->memory_bytes + kMemoryFileExtraBytes);
  if (!size.ok()) return Fail(size.error().message());
  resting.snapshot = std::move(snapshot);
  resting.memory_bytes = size->memory_bytes;
  if (target_ == Rung::kParked) return Hold();
  Save();
}

void Descent::Hold() {
  step_ = Step::kHold;
  Resting& resting = out_.resting;
  const PreparedOrder& order = *around_.order();
  Result<Guest> held = StartGuest(around_.loop, around_.pool,
                                  GuestPlan{.prepared = order,
                                            .image = *order.Find(Kind::kKvm),
                                            .console = around_.console,
                                            .tap = around_.tap(),
                                            .restore = resting.snapshot.get(),
                                            .then = GuestPlan::Then::kHold});
  if (!held.ok()) return Fail(held.error().message());
  resting.guest = std::move(held).value();
  resting.guest.process->OnHeld([this] { Held(); });
  resting.guest.process->OnExit([this](const MonitorExit& exit) {
    limit_.Clear();
    Fail(overdue_.empty() ? DescribeExit(exit) : overdue_);
  });
  limit_.Set(around_.loop.Now() + kHoldPatience);
}

void Descent::Held() {
  limit_.Clear();
  out_.resting.rung = Rung::kParked;
  // Not from here: a callback of the process may not destroy it.
  if (target_ == Rung::kSaved) return Save();
  Weigh();
}

void Descent::Weigh() {
  step_ = Step::kWeigh;
  Resting& resting = out_.resting;
  resting.guest.process->OnExit([this](const MonitorExit& exit) { Fail(DescribeExit(exit)); });
  const auto memory = std::make_shared<ProcessMemory>();  // of two halves of one offloaded task
  around_.loop.Offload(
      [memory, pid = resting.guest.process->pid()] { *memory = ReadProcessMemory(pid); },
      [this, memory, alive = std::weak_ptr<bool>(alive_)] {
        if (alive.expired() || step_ != Step::kWeigh || !out_.resting.has_guest()) return;
        const bool parked = out_.resting.rung == Rung::kParked;
        // The snapshot's pages are mapped by the monitor: they count once.
        out_.resting.memory_bytes =
            parked ? out_.resting.memory_bytes + memory->anonymous_bytes : memory->pss_bytes;
        if (target_ == Rung::kOff || out_.resting.rung >= target_) return Finish();
        Next();  // it was lowered meanwhile
      });
}

void Descent::Save() {
  step_ = Step::kSave;
  const PreparedOrder* order = around_.order();
  if (order == nullptr) return Fail("the service was changed meanwhile");
  if (!around_.store.usable(order->order.service)) {
    return Fail("it cannot be saved (is --state-dir set, and the service's name a file name?)");
  }
  // Shared with the file thread, which outlives this object: it needs its own descriptor as well.
  Result<UniqueFd> duplicate = out_.resting.snapshot.Duplicate();
  if (!duplicate.ok()) return Fail(duplicate.error().message());
  struct Work {
    UniqueFd snapshot;
    SnapshotStore store;
    SnapshotStore::Subject subject;
    Result<std::uint64_t> bytes = Error(ErrorCode::kIo, "not written");
  };
  const CheckedImage& image = *order->Find(Kind::kKvm);
  const auto work = std::make_shared<Work>(Work{
      std::move(duplicate).value(), around_.store,
      {order->order.service, image.digest, image.machine}});
  save_wanted_ = std::make_shared<std::atomic<bool>>(true);
  around_.saving.Run(
      [work, wanted = save_wanted_] {
        work->bytes = work->store.Write(work->subject, work->snapshot.get(), *wanted);
      },
      [this, work, alive = std::weak_ptr<bool>(alive_)] {
        if (!alive.expired() && step_ == Step::kSave) Saved(std::move(work->bytes));
      });
}

void Descent::Saved(Result<std::uint64_t> bytes) {
  DropGuest();
  around_.pool.attic().Put(std::move(out_.resting.snapshot));
  if (!bytes.ok()) return Fail(bytes.error().message());
  save_wanted_.reset();
  out_.resting.rung = Rung::kSaved;
  out_.resting.memory_bytes = 0;
  out_.resting.disk_bytes = *bytes;
  Finish();
}

void Descent::Fail(std::string problem) {
  if (target_ != Rung::kOff) out_.problem = std::move(problem);  // else it was to end
  target_ = Rung::kOff;
  Finish();
}

void Descent::Finish() {
  if (save_wanted_ != nullptr) *save_wanted_ = false;
  save_wanted_.reset();
  if (target_ == Rung::kOff) {
    if (out_.resting.rung == Rung::kSaved) {
      const PreparedOrder* order = around_.order();
      if (order != nullptr) around_.store.Remove(order->order.service);
    }
    DropGuest();
    around_.pool.attic().Put(std::move(out_.resting.snapshot));
    out_.resting = Resting{};
  } else if (out_.resting.has_guest()) {
    out_.resting.guest.process->Silence();
  }
  // Not from a callback of the process, nor from the call that began this.
  around_.loop.Post([this, alive = std::weak_ptr<bool>(alive_)] {
    if (alive.expired() || !done_) return;
    const Done done = std::move(done_);
    done(std::move(out_));
  });
}

void Descent::Lower(Rung target) {
  if (target <= target_) return;
  target_ = target;
  if (target != Rung::kOff) return;
  if (step_ == Step::kSave) return;  // Finish() removes the file
  if (out_.resting.has_guest()) out_.resting.guest.process->Kill();  // its exit follows
}

std::optional<Resting> Descent::TakeBack() {
  Resting& resting = out_.resting;
  const bool stopped = step_ == Step::kWeigh && resting.has_guest();
  const bool written = step_ == Step::kSave && resting.snapshot.valid();
  if (!stopped && !written) return std::nullopt;
  if (save_wanted_ != nullptr) *save_wanted_ = false;
  save_wanted_.reset();
  done_ = nullptr;
  if (resting.has_guest()) {
    resting.guest.process->Silence();
  } else {
    resting.rung = Rung::kSaved;
  }
  Resting back = std::move(resting);
  resting = Resting{};
  return back;
}

std::unique_ptr<MonitorProcess> Descent::Abandon() {
  done_ = nullptr;
  if (!out_.resting.has_guest()) return nullptr;
  out_.resting.guest.console.reset();
  return std::move(out_.resting.guest.process);
}

}  // namespace summon::launcher
