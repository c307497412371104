// SPDX-License-Identifier: Apache-2.0
#pragma once
// Whole zones for secondaries: AXFR (RFC 5936), and IXFR (RFC 1995) answered by the whole zone or,
// when nothing has changed, by its SOA.
//
// A transfer goes on from the table that it began with, message by message between other queries,
// as fast as its client reads.

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/loop/loop.h"
#include "base/siphash.h"
#include "dns/acl.h"
#include "dns/message.h"
#include "dns/responder.h"
#include "dns/response.h"
#include "dns/zone.h"

namespace summon::dns {

// Shared, because a transfer outlasts the table's time in use; whoever is last takes it apart.
using SharedTable = std::shared_ptr<const ZoneTable>;

struct TransferCounters {
  std::uint64_t started = 0;
  std::uint64_t completed = 0;
  std::uint64_t refused = 0;  // not allowed, or not possible
  std::uint64_t busy = 0;     // beyond kTransfersMax
  std::uint64_t broken = 0;   // the client went away, or took too long
  std::uint64_t records = 0;  // that were sent
};

// Writes a zone's records, one message after the other. Pure: table in, octets out.
class TransferWriter {
 public:
  // Messages end behind the first record with which they have as many octets, before compression.
  static constexpr std::size_t kMessageTarget = 16 * 1024;
  // Names of the table looked at for one message: those of other zones lie among ours.
  static constexpr std::size_t kNodesMax = 4'096;

  // Both outlive it.
  TransferWriter(const ZoneTable& table, const Zone& zone) : table_(table), zone_(zone) {}

  // The next message, in `space` of kTcpSpace octets; nothing when more names are to be looked at
  // before there is one. A record that no message can hold ends it with `failed`.
  std::optional<Response> Next(const Query& query, std::span<std::uint8_t> space);
  bool done() const { return stage_ == Stage::kDone; }
  bool failed() const { return failed_; }
  std::uint64_t records() const { return records_; }

 private:
  enum class Stage : std::uint8_t { kFirstSoa, kNodes, kLastSoa, kDone };

  // One record, in the table's memory.
  struct Item {
    Bytes owner;
    RrType type{};
    std::uint32_t ttl = 0;
    Bytes rdata;
  };

  // True when there is something in pending_; looks at more names otherwise.
  bool Refill(std::size_t& nodes_left);
  void Collect(const Node& node);
  void CollectSet(const Node& node, const RecordSet& set);
  // What this zone holds of a zone of ours right below it: its servers, their addresses, and DS.
  void CollectDelegation(const Node& apex);
  void CollectSoa();

  const ZoneTable& table_;
  const Zone& zone_;
  Stage stage_ = Stage::kFirstSoa;
  std::size_t at_ = 0;  // of the table's nodes
  std::vector<Item> pending_;
  std::size_t next_ = 0;  // of pending_
  std::uint64_t records_ = 0;
  bool failed_ = false;
};

class Transfers final {
 public:
  static constexpr std::size_t kTransfersMax = 8;  // at a time; further ones are told to come back
  // Written in one turn of the loop, for all of them: about a millisecond.
  static constexpr std::size_t kTurnMax = 32 * 1024;
  // Not yet read by the client; then a transfer waits.
  static constexpr std::size_t kBacklogMax = 64 * 1024;
  static constexpr Duration kBacklogWait = std::chrono::milliseconds(5);
  // A client that reads an octet now and then does not hold a place for ever.
  static constexpr Duration kDurationMax = std::chrono::minutes(15);

  using OnAnswer = std::function<void(const Query& query, const Response& response)>;

  // `on_answer` is told the first message of each answer. `loop` outlives it.
  Transfers(Loop& loop, OnAnswer on_answer);
  ~Transfers();
  Transfers(const Transfers&) = delete;
  Transfers& operator=(const Transfers&) = delete;

  // Who may have which zone; zones that are not told may be had by nobody.
  struct Permission {
    Name apex;
    PrefixList clients;
  };
  void SetPermissions(const std::vector<Permission>& permissions);

  // Answers a query for AXFR or IXFR.
  void Handle(const Query& query, Responder responder, const SharedTable& table);

  const TransferCounters& counters() const { return counters_; }

 private:
  struct Active;

  // The zone, when it may be had; else what is wrong.
  struct Verdict {
    const Zone* zone = nullptr;
    Rcode rcode = Rcode::kNoError;
    ExtendedError why;
  };
  Verdict Judge(const Query& query, const ZoneTable& table) const;
  void Refuse(const Query& query, Responder& responder, const Verdict& verdict);
  void Begin(const Query& query, Responder responder, const SharedTable& table, const Zone& zone);
  void Turn();
  // What has been written; nothing when the transfer has to wait.
  std::optional<std::size_t> Advance(Active& active);
  void Release(SharedTable table);

  Loop& loop_;
  const OnAnswer on_answer_;
  const SipKey key_;
  std::unordered_map<Name, PrefixList, Name::Hasher> permissions_;
  std::list<Active> active_;
  TransferCounters counters_;
  std::vector<std::uint8_t> space_;  // one message, while there are transfers
  Timer timer_;
};

}  // namespace summon::dns
