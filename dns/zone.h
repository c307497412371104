// SPDX-License-Identifier: Apache-2.0
#pragma once
// Authoritative data: several zones in one table, built once and never changed.
//
// A reload builds a new table and swaps the pointer on the loop's thread between two queries, so
// no query ever sees half of a change. Every name of every zone is in one hash table, empty
// non-terminals included: a name that exists costs one look-up, one that does not costs at most
// one for each label.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/siphash.h"
#include "dns/name.h"
#include "dns/rdata.h"
#include "dns/types.h"

namespace summon::dns {

// Says to whom the addresses of a name belong. Opaque here; 0 is static data.
using OwnerTag = std::uint32_t;
inline constexpr OwnerTag kStatic = 0;

struct RecordSet {
  RrType type{};
  std::uint32_t ttl = 0;
  std::vector<Rdata> rdatas;
};

struct Zone {
  Name apex;
  const Zone* parent = nullptr;  // the nearest zone of ours that this one lies in
  Soa soa;
  Rdata soa_rdata;
  std::uint32_t negative_ttl = 0;  // the lesser of SOA's TTL and its MINIMUM (RFC 2308 section 5)
};

// What is at one name. Valid as long as the table.
struct Node {
  const Zone* zone = nullptr;
  Name name;
  OwnerTag owner = kStatic;
  bool is_apex = false;
  // The delegation at or above this name; the data from there on is another server's.
  const Node* cut = nullptr;
  std::vector<RecordSet> sets;  // empty for an empty non-terminal

  // Nothing when there is no record of the type.
  const RecordSet* Find(RrType type) const;
};

struct Lookup {
  enum class Kind : std::uint8_t {
    kRecords,     // `records` are the answer
    kAlias,       // `records` is the CNAME at the name
    kNoData,      // the name exists; it has nothing of this type
    kNxDomain,    // the name does not exist
    kDelegation,  // `node` is the zone cut, `records` its NS
    kNotOurs,     // in no zone of ours
  };
  Kind kind = Kind::kNotOurs;
  const Zone* zone = nullptr;
  const Node* node = nullptr;  // where the data is: the name itself, or the wildcard that covers it
  const RecordSet* records = nullptr;
};

class ZoneTable {
 public:
  class Builder;

  ZoneTable(const ZoneTable&) = delete;
  ZoneTable& operator=(const ZoneTable&) = delete;

  // The answer to (`name`, `type`) in class IN by RFC 1034 section 4.3.2, wildcards by RFC 4592,
  // without following an alias. For ANY, the records are the CNAME or the first set of the name
  // (an answer to ANY is not made from them: RFC 8482).
  Lookup Find(const Name& name, RrType type) const;

  // What is at the name or at the wildcard that covers it; nothing when it does not exist, is
  // below a delegation, or is not ours.
  const Node* FindNode(const Name& name) const;

  // What is at exactly this name, below a delegation too: the addresses of a delegation's servers.
  const Node* FindGlue(const Name& name) const;

  std::size_t name_count() const { return nodes_.size(); }
  const std::vector<std::unique_ptr<Zone>>& zones() const { return zones_; }

 private:
  // Keys are wire forms in lower case.
  struct KeyHash {
    using is_transparent = void;
    SipKey key;
    std::size_t operator()(std::string_view wire) const;
  };
  using NodeMap = std::unordered_map<std::string, Node, KeyHash, std::equal_to<>>;

  struct Match {
    const Node* node = nullptr;      // the name itself, or the wildcard
    const Node* encloser = nullptr;  // the closest name above that exists
  };

  explicit ZoneTable(SipKey key) : nodes_(16, KeyHash{key}) {}
  Match Locate(const Name& name) const;

  std::vector<std::unique_ptr<Zone>> zones_;
  NodeMap nodes_;
  std::size_t labels_max_ = 0;  // of any name in the table; longer names need no look-up
};

// Collects zones and records, then checks them as a whole.
class ZoneTable::Builder {
 public:
  // Bounds the memory of a table; far above the 100,000 names that were measured.
  static constexpr std::size_t kNamesMax = 4'000'000;
  static constexpr std::uint32_t kTtlMax = 0x7fff'ffff;  // RFC 2181 section 8

  explicit Builder(SipKey key);
  ~Builder();
  Builder(Builder&&) noexcept;
  Builder& operator=(Builder&&) noexcept;

  // A zone and its SOA. Add NS records with AddRecord: a zone without any is an error.
  // Errors: kInvalid when the apex is already there or a TTL is too long.
  Status AddZone(const Name& apex, const Soa& soa, std::uint32_t ttl);

  // One record in the zone that is nearest above `head.owner`. A record twice is one record; a
  // set's TTL is the smallest of its records' (RFC 2181 section 5.2).
  // Errors: kInvalid when the name is in no zone, the data is malformed for its type, a CNAME has
  // company (RFC 1034 section 3.6.2), or the type cannot be served (SOA by AddZone, DNAME,
  // wildcard NS, meta types); kExhausted beyond kNamesMax.
  struct Record {
    Name owner;
    RrType type{};
    std::uint32_t ttl = 0;
    Rdata rdata;
  };
  Status AddRecord(const Record& record);

  // Marks a name as belonging to `owner`; the name then exists even without any record.
  // Errors: kInvalid when the name is in no zone or belongs to another owner already.
  Status SetOwner(const Name& name, OwnerTag owner);

  // Errors: kInvalid, naming the zone that has no NS.
  Result<std::unique_ptr<const ZoneTable>> Build() &&;

 private:
  Result<Node*> Place(const Name& name);
  Status Connect(Node& node);
  void Nest(Zone& zone);

  std::unique_ptr<ZoneTable> table_;
};

}  // namespace summon::dns
