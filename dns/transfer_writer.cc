// SPDX-License-Identifier: Apache-2.0
// The records of one zone in messages; see transfer.h.
#include "base/check.h"
#include "dns/transfer.h"

namespace summon::dns {

namespace {

constexpr std::size_t kRecordHead = 10;  // type, class, TTL, length

}  // namespace

void TransferWriter::CollectSet(const Node& node, const RecordSet& set) {
  for (const Bytes rdata : set.rdatas()) {
    pending_.push_back({node.wire_name(), set.type, set.ttl, rdata});
  }
}

void TransferWriter::CollectSoa() {
  const Node* apex = table_.FindGlue(zone_.apex);
  SUMMON_CHECK(apex != nullptr && apex->is_apex);
  CollectSet(*apex, *apex->Find(RrType::kSoa));
}

void TransferWriter::CollectDelegation(const Node& apex) {
  const RecordSet* servers = apex.Find(RrType::kNs);
  CollectSet(apex, *servers);  // no zone is without
  if (const RecordSet* ds = apex.Find(RrType::kDs)) CollectSet(apex, *ds);
  for (const Bytes rdata : servers->rdatas()) {
    const auto name = Name::FromWire(rdata);
    if (!name || !name->IsSubdomainOf(apex.name())) continue;
    const Node* server = table_.FindGlue(*name);
    if (!server) continue;
    for (const RrType type : {RrType::kA, RrType::kAaaa}) {
      if (const RecordSet* set = server->Find(type)) CollectSet(*server, *set);
    }
  }
}

void TransferWriter::Collect(const Node& node) {
  if (node.zone != &zone_) {
    if (node.is_apex && node.zone->parent == &zone_) CollectDelegation(node);
    return;
  }
  for (const RecordSet& set : node.sets()) {
    // The SOA stands at both ends; DS at our own apex is the parent's (RFC 4035 section 2.4).
    if (node.is_apex && (set.type == RrType::kSoa || set.type == RrType::kDs)) continue;
    CollectSet(node, set);
  }
}

bool TransferWriter::Refill(std::size_t& nodes_left) {
  while (next_ == pending_.size()) {
    pending_.clear();
    next_ = 0;
    switch (stage_) {
      case Stage::kFirstSoa:
        CollectSoa();
        stage_ = Stage::kNodes;
        break;
      case Stage::kNodes: {
        if (nodes_left == 0) return false;
        --nodes_left;
        const Node* node = table_.NextNode(at_);
        if (node) {
          Collect(*node);
        } else {
          CollectSoa();
          stage_ = Stage::kLastSoa;
        }
        break;
      }
      case Stage::kLastSoa: stage_ = Stage::kDone; return false;
      case Stage::kDone: return false;
    }
  }
  return true;
}

std::optional<Response> TransferWriter::Next(const Query& query, std::span<std::uint8_t> space) {
  std::size_t nodes_left = kNodesMax;
  if (!Refill(nodes_left)) return std::nullopt;
  ResponseWriter writer(space, query);
  writer.SetAuthoritative();
  for (std::size_t octets = 0; octets < kMessageTarget && Refill(nodes_left); ++next_) {
    const Item& item = pending_[next_];
    const std::size_t size = item.owner.size() + kRecordHead + item.rdata.size();
    // A large record begins a message of its own.
    if (octets > 0 && octets + size > 2 * kMessageTarget) break;
    octets += size;
    const auto owner = Name::FromWire(item.owner);
    SUMMON_CHECK(owner.has_value());  // names of the table are names
    failed_ = !writer.Add(Section::kAnswer, {*owner, item.type, item.ttl}, item.rdata);
    if (failed_) return std::nullopt;
    ++records_;
  }
  return writer.Finish();
}

}  // namespace summon::dns
