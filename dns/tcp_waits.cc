// SPDX-License-Identifier: Apache-2.0
// Lists in order of time, and one timer for the head that is due first.
#include "dns/tcp_waits.h"

namespace summon::dns {

TcpWaits::TcpWaits(Loop& loop, const TcpLimits& limits)
    : loop_(loop),
      patience_{Duration::zero(), limits.first_octet, limits.handshake,
                limits.message,   limits.idle,        limits.write_stall},
      idle_(limits.idle),
      idle_crowded_(limits.idle_crowded),
      timer_(loop, [this] { OnTimer(); }) {}

void TcpWaits::Begin(TcpWaitLink& link, TcpWait what) {
  End(link);
  link.what = what;
  link.since = loop_.Now();
  List& list = lists_[Index(what)];
  link.previous = list.last;
  (list.last ? list.last->next : list.first) = &link;
  list.last = &link;
  // The timer is only ever moved forward in time when it fires: most waits end long before they
  // are due.
  if (link.since + patience_[Index(what)] < armed_) Arm(link.since + patience_[Index(what)]);
}

void TcpWaits::End(TcpWaitLink& link) {
  if (link.what == TcpWait::kNone) return;
  List& list = lists_[Index(link.what)];
  (link.previous ? link.previous->next : list.first) = link.next;
  (link.next ? link.next->previous : list.last) = link.previous;
  link.previous = link.next = nullptr;
  link.what = TcpWait::kNone;
}

void TcpWaits::SetCrowded(bool crowded) {
  Duration& patience = patience_[Index(TcpWait::kIdle)];
  const Duration next = crowded ? idle_crowded_ : idle_;
  if (patience == next) return;
  patience = next;
  const TcpWaitLink* oldest = Oldest(TcpWait::kIdle);
  if (oldest && oldest->since + patience < armed_) Arm(oldest->since + patience);
}

void TcpWaits::Arm(Instant at) {
  timer_.Set(at);
  armed_ = at;
}

void TcpWaits::OnTimer() {
  armed_ = kNever;
  const Instant now = loop_.Now();
  int budget = kDuePerTurnMax;
  for (std::size_t what = 0; what < kTcpWaitCount; ++what) {
    // Who begins to wait again meanwhile begins after `now`, and is not due before the next turn.
    while (TcpWaitLink* oldest = lists_[what].first) {
      if (oldest->since + patience_[what] >= now || --budget < 0) break;
      End(*oldest);
      oldest->waiter->OnDue(static_cast<TcpWait>(what));
    }
  }
  Instant next = kNever;
  for (std::size_t what = 0; what < kTcpWaitCount; ++what) {
    const TcpWaitLink* oldest = lists_[what].first;
    if (oldest && oldest->since + patience_[what] < next) next = oldest->since + patience_[what];
  }
  if (next < armed_) Arm(next);
}

}  // namespace summon::dns
