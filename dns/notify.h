// SPDX-License-Identifier: Apache-2.0
#pragma once
// Tells secondaries that a zone has changed (NOTIFY, RFC 1996), so that they do not wait until the
// SOA's refresh.
//
// Each notification has a socket of its own: the system picks its port, and only what comes from
// the secondary's address and port is read. It is repeated until it is answered, or given up.

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>

#include "base/loop/loop.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "dns/endpoint.h"
#include "dns/name.h"
#include "dns/types.h"

namespace summon::dns {

struct NotifyCounters {
  std::uint64_t sent = 0;       // messages
  std::uint64_t answered = 0;   // with NOERROR
  std::uint64_t refused = 0;    // with an error
  std::uint64_t given_up = 0;   // never answered
  std::uint64_t dropped = 0;    // beyond kQueuedMax
  std::uint64_t unmatched = 0;  // what came was no answer to what we sent
};

class Notifier final {
 public:
  static constexpr int kTriesMax = 5;
  static constexpr Duration kFirstWait = std::chrono::seconds(1);  // doubled at each try: 31 s
  static constexpr std::size_t kInFlightMax = 64;
  static constexpr std::size_t kQueuedMax = 4'096;

  struct Notice {
    Name apex;
    std::uint32_t serial = 0;
    Endpoint secondary;
  };
  // `what` is empty when the secondary has answered without error.
  using OnResult = std::function<void(const Notice& notice, const std::string& what)>;

  // `loop` outlives it.
  Notifier(Loop& loop, OnResult on_result);
  ~Notifier();
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  // The address that notifications leave from, for each family; else the system chooses.
  void UseSource(const Endpoint& source);
  // Takes the place of one for the same zone and secondary that has not been answered yet.
  void Notify(const Notice& notice);

  const NotifyCounters& counters() const { return counters_; }

 private:
  struct Pending;

  void StartQueued();
  Status Start(const Notice& notice);
  void Transmit(Pending& pending);
  void OnReadable(Pending& pending);
  void OnDue(Pending& pending);
  void End(Pending& pending, const std::string& what);

  Loop& loop_;
  const OnResult on_result_;
  std::optional<Endpoint> source_v4_;
  std::optional<Endpoint> source_v6_;
  std::deque<Notice> queue_;
  std::list<std::unique_ptr<Pending>> pending_;
  std::list<std::unique_ptr<Pending>> ended_;  // destroyed in the next turn
  NotifyCounters counters_;
  Timer sweep_;
};

// The message that tells of `apex` (RFC 1996 section 3.7), into `space` of kUdpSizeMin octets.
std::size_t WriteNotify(const Name& apex, std::uint16_t id, std::span<std::uint8_t> space);
// The RCODE of an answer to that message; nothing when `packet` is none.
std::optional<Rcode> ReadNotifyAnswer(Bytes packet, const Name& apex, std::uint16_t id);

}  // namespace summon::dns
