// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a ZoneTable::Builder has collected: names and records in the order in which they came.
//
// Compact as the table itself, because for a while both exist; all of it is given back at once.

#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/siphash.h"
#include "dns/pages.h"
#include "dns/zone.h"

namespace summon::dns {

// Where something lies in a draft; 0 is nowhere.
using DraftRef = std::uint32_t;

struct DraftRecord {
  DraftRef next = 0;  // of the same name
  std::uint32_t ttl = 0;
  RrType type{};
  std::uint16_t size = 0;  // of its data, which lies behind it

  Bytes rdata() const;
};

struct DraftNode {
  DraftRef next = 0;  // of all names
  DraftRef first = 0;
  DraftRef last = 0;
  OwnerTag owner = kStatic;
  std::uint32_t zone = 0;   // of an apex: its zone's index plus 1
  std::uint8_t types = 0;
  std::uint8_t name_size = 0;  // of its name, which lies behind it

  Bytes wire_name() const;
};

class ZoneDraft {
 public:
  explicit ZoneDraft(SipKey key);

  std::size_t name_count() const { return name_count_; }
  DraftRef first_node() const { return first_node_; }
  DraftNode& node(DraftRef at) const;
  DraftRecord& record(DraftRef at) const;

  // Nothing when the name is not there.
  DraftNode* Find(const Name& name) const;
  // The node of the name, made when it is not there.
  DraftNode& Get(const Name& name);
  void Append(DraftNode& node, const ZoneTable::Builder::Record& record);

  const SipKey key;
  std::vector<std::unique_ptr<Zone>> zones;

 private:
  struct Slot {
    std::uint32_t hash = 0;  // the lower half
    DraftRef node = 0;       // 0: empty
  };
  static constexpr std::size_t kUnit = 8;
  // Larger than anything that is put into a draft.
  static constexpr std::size_t kChunk = 1024 * 1024;

  DraftRef Allocate(std::size_t size);
  std::uint8_t* At(DraftRef at) const;
  Slot* SlotFor(Bytes folded, std::uint32_t hash) const;
  Slot* slots() const;
  void Grow();

  std::vector<Pages> chunks_;
  std::size_t used_ = kChunk;  // of the last chunk
  Pages slots_;                // a power of two of Slot, at most half of them used
  std::size_t mask_ = 0;
  std::size_t name_count_ = 0;
  DraftRef first_node_ = 0;
  DraftRef last_node_ = 0;
};

}  // namespace summon::dns
