// SPDX-License-Identifier: Apache-2.0
#pragma once
// What each connection waits for, and until when.
//
// All that wait for the same thing have the same patience, so a list in the order in which they
// began is a list in the order in which they are due: beginning, ending and finding the oldest
// cost the same for one connection and for fifty thousand, and one timer serves all.

#include <array>
#include <cstdint>

#include "base/loop/loop.h"
#include "dns/tcp_limits.h"

namespace summon::dns {

enum class TcpWait : std::uint8_t {
  kResume,      // for its turn: whole messages were left when too much was unanswered
  kFirstOctet,  // for the first octet after accept
  kHandshake,   // for the end of the handshake
  kMessage,     // for the rest of a message
  kIdle,        // for the next message
  kStall,       // for the peer to read its answers
  kNone,
};
inline constexpr std::size_t kTcpWaitCount = 6;

class TcpWaiter {
 public:
  virtual ~TcpWaiter() = default;
  // Its patience is over. It waits no longer for `what`.
  virtual void OnDue(TcpWait what) = 0;
};

// A waiter's place in a list; it lives in the waiter.
struct TcpWaitLink {
  explicit TcpWaitLink(TcpWaiter& owner) : waiter(&owner) {}
  TcpWaitLink(const TcpWaitLink&) = delete;
  TcpWaitLink& operator=(const TcpWaitLink&) = delete;

  TcpWaiter* waiter;
  TcpWaitLink* previous = nullptr;
  TcpWaitLink* next = nullptr;
  Instant since{};
  TcpWait what = TcpWait::kNone;
};

class TcpWaits final {
 public:
  // Waiters told in one turn of the loop; the others in the next.
  static constexpr int kDuePerTurnMax = 256;

  TcpWaits(Loop& loop, const TcpLimits& limits);
  TcpWaits(const TcpWaits&) = delete;
  TcpWaits& operator=(const TcpWaits&) = delete;

  // Waits for `what` from now on, and no longer for what it waited for before.
  void Begin(TcpWaitLink& link, TcpWait what);
  void End(TcpWaitLink& link);
  // Who has waited longest; null when nobody waits for that.
  TcpWaitLink* Oldest(TcpWait what) const { return lists_[Index(what)].first; }
  // Whether idle connections have the shorter patience.
  void SetCrowded(bool crowded);

 private:
  struct List {
    TcpWaitLink* first = nullptr;
    TcpWaitLink* last = nullptr;
  };

  static std::size_t Index(TcpWait what) { return static_cast<std::size_t>(what); }
  void OnTimer();
  void Arm(Instant at);

  Loop& loop_;
  std::array<Duration, kTcpWaitCount> patience_;
  const Duration idle_;
  const Duration idle_crowded_;
  std::array<List, kTcpWaitCount> lists_{};
  Instant armed_ = kNever;
  Timer timer_;
};

}  // namespace summon::dns
