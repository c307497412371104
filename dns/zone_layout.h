// SPDX-License-Identifier: Apache-2.0
#pragma once
// From a draft to a table: every node with its name and its records at its place in one piece of
// memory.

#include <cstddef>
#include <memory>
#include <vector>

#include "base/result.h"
#include "dns/zone.h"
#include "dns/zone_draft.h"

namespace summon::dns {

class ZoneLayout {
 public:
  // Borrows the draft, and takes its zones.
  explicit ZoneLayout(ZoneDraft& draft);

  // Once. Errors: kInvalid for a zone without NS; kExhausted above 32 GiB.
  Result<std::unique_ptr<const ZoneTable>> Finish();

 private:
  void Nest(Zone& zone);
  std::size_t SizeOf(const DraftNode& from);
  std::size_t Put(const DraftNode& from, std::size_t at);
  std::size_t PutSet(const DraftNode& from, RrType type, std::size_t at);
  void ListTypes(const DraftNode& from);
  void Insert(std::size_t at);
  void Connect(Node& node);
  Node* NodeAt(std::size_t at);
  Node* ParentOf(const Node& node);

  ZoneDraft& draft_;
  std::unique_ptr<ZoneTable> table_;
  std::vector<RrType> types_;  // of the node that is being put, in the order of their first record
};

}  // namespace summon::dns
