// SPDX-License-Identifier: Apache-2.0
#pragma once
// Authoritative data: several zones in one table, built once and never changed.
//
// A reload builds a new table and swaps the pointer on the loop's thread between two queries, so
// no query ever sees half of a change. Every name of every zone is in one hash table, empty
// non-terminals included: a name that exists costs one look-up, one that does not costs at most
// one for each label. A look-up touches two places in memory: the slot of the hash table, and the
// node with its name and its records, which are kept as an answer needs them.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/siphash.h"
#include "dns/name.h"
#include "dns/pages.h"
#include "dns/rdata.h"
#include "dns/signer.h"
#include "dns/types.h"

namespace summon::dns {

// Says to whom the addresses of a name belong. Opaque here; 0 is static data.
using OwnerTag = std::uint32_t;
inline constexpr OwnerTag kStatic = 0;

class ZoneDraft;   // what a Builder has collected
class ZoneLayout;  // from a draft to a table

// All records of one type at one name. Lies in the table's memory, its records behind it in the
// form that an answer takes: owner (a pointer to the question's name), type, class, TTL, length and
// data. Never copied.
class RecordSet {
 public:
  // What an answer's first name is pointed to with: the octet behind the header.
  static constexpr std::uint16_t kQuestionPointer = 0xc00c;
  static constexpr std::size_t kRecordHead = 12;  // everything of a record before its data

  RrType type{};
  std::uint16_t count = 0;  // of records; at least one
  std::uint32_t ttl = 0;

  RecordSet(const RecordSet&) = delete;
  RecordSet& operator=(const RecordSet&) = delete;

  // The records, one behind the other, for an answer to a question of their own name. Names in
  // their data are not compressed.
  Bytes records() const { return Bytes(behind(), octets_); }

  // The data of each record, in the order of their addition: a range of Bytes.
  class Iterator {
   public:
    explicit Iterator(const std::uint8_t* at) : at_(at) {}
    Bytes operator*() const { return Bytes(at_ + kRecordHead, size()); }
    Iterator& operator++() {
      at_ += kRecordHead + size();
      return *this;
    }
    bool operator==(const Iterator&) const = default;

   private:
    std::size_t size() const {
      return std::size_t{at_[kRecordHead - 2]} << 8 | at_[kRecordHead - 1];
    }
    const std::uint8_t* at_;
  };
  struct Range {
    const RecordSet& set;
    Iterator begin() const { return Iterator(set.behind()); }
    Iterator end() const { return Iterator(set.behind() + set.octets_); }
    std::size_t size() const { return set.count; }
    Bytes front() const { return *begin(); }
  };
  Range rdatas() const { return Range{*this}; }

 private:
  friend class ZoneLayout;
  friend class Node;
  RecordSet() = default;
  const std::uint8_t* behind() const;
  const RecordSet* next() const;

  std::uint32_t octets_ = 0;
};

// The SOA record for an answer to a question below its zone: where names end as the zone's own name
// does there are pointers, whose targets depend on the question.
struct PreparedSoa {
  struct Pointer {
    std::uint16_t at = 0;       // in `octets`
    std::uint16_t in_apex = 0;  // which octet of the zone's name it points at
  };
  std::vector<std::uint8_t> octets;  // empty for the root zone
  std::array<Pointer, 3> pointers{};
  std::size_t pointer_count = 0;
};

struct Zone {
  Name apex;
  const Zone* parent = nullptr;  // the nearest zone of ours that this one lies in
  Soa soa;
  Rdata soa_rdata;
  std::uint32_t negative_ttl = 0;  // the lesser of SOA's TTL and its MINIMUM (RFC 2308 section 5)
  PreparedSoa prepared_soa;        // with negative_ttl
  // Null: the zone is not signed. Shared by the tables of successive reloads and of all threads;
  // whichever goes last takes it along.
  std::shared_ptr<const ZoneKeys> keys;
  // No answer for a name that has an owner gives a higher TTL.
  std::uint32_t owned_ttl_max = 0;
};

// What is at one name. Valid as long as the table, in whose memory it lies, its name and its
// records behind it. Never copied.
class Node {
 public:
  static constexpr std::size_t kTypesMax = 255;

  const Zone* zone = nullptr;
  // The delegation at or above this name; the data from there on is another server's.
  const Node* cut = nullptr;
  OwnerTag owner = kStatic;
  bool is_apex = false;
  bool has_wildcard = false;  // there is a name "*" right below

  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  Name name() const;                         // in the case that it was added with
  Bytes wire_name() const { return Bytes(behind(), name_size_); }
  bool is_empty() const { return set_count_ == 0; }  // an empty non-terminal

  // Nothing when there is no record of the type.
  const RecordSet* Find(RrType type) const;

  // A range of const RecordSet&.
  class Iterator {
   public:
    Iterator(const RecordSet* at, std::size_t left) : at_(at), left_(left) {}
    const RecordSet& operator*() const { return *at_; }
    Iterator& operator++() {
      at_ = at_->next();
      --left_;
      return *this;
    }
    bool operator==(const Iterator& other) const { return left_ == other.left_; }

   private:
    const RecordSet* at_;
    std::size_t left_;
  };
  struct Range {
    const Node& node;
    Iterator begin() const { return {node.first_set(), node.set_count_}; }
    Iterator end() const { return {nullptr, 0}; }
    std::size_t size() const { return node.set_count_; }
  };
  Range sets() const { return Range{*this}; }

 private:
  friend class ZoneLayout;
  friend class ZoneTable;
  Node() = default;
  const std::uint8_t* behind() const;
  const RecordSet* first_set() const;
  std::size_t size() const;  // with all that lies behind it

  std::uint8_t name_size_ = 0;
  std::uint8_t set_count_ = 0;
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

  // Empty non-terminals included.
  std::size_t name_count() const { return name_count_; }
  const std::vector<std::unique_ptr<Zone>>& zones() const { return zones_; }
  // Calls `visit` with each const Node&, of all zones, in no order that means anything.
  template <typename Visit>
  void ForEachNode(Visit&& visit) const {
    for (std::size_t at = kFirstNode; at < memory_.size(); at += NodeAt(at)->size()) {
      visit(*NodeAt(at));
    }
  }
  // The same step by step: begin with `at` 0; null at the end.
  const Node* NextNode(std::size_t& at) const {
    if (at == 0) at = kFirstNode;
    if (at >= memory_.size()) return nullptr;
    const Node* node = NodeAt(at);
    at += node->size();
    return node;
  }
  // What the table takes, in octets.
  std::size_t memory_size() const { return memory_.size() + slots_.size(); }

 private:
  friend class ZoneLayout;
  friend class Node;

  // Nodes begin at multiples of this.
  static constexpr std::size_t kUnit = 8;
  static constexpr std::size_t kFirstNode = kUnit;  // so that no node has place 0

  // One place of the hash table; of the 64 bits of a hash the lower ones choose the place, the
  // upper ones are the tag.
  struct Slot {
    std::uint32_t tag = 0;
    std::uint32_t node = 0;  // where, in units; 0: empty
  };

  struct Match {
    const Node* node = nullptr;      // the name itself, or the wildcard
    const Node* encloser = nullptr;  // the closest name above that exists
  };

  explicit ZoneTable(SipKey key) : key_(key) {}
  Match Locate(const Name& name) const;
  const Node* Seek(Bytes folded) const;
  const Node* NodeAt(std::size_t octet) const;
  Slot* slots() const;

  const SipKey key_;
  Pages memory_;  // nodes, one behind the other
  Pages slots_;   // a power of two of Slot, at most half of them used
  std::size_t mask_ = 0;
  std::size_t name_count_ = 0;
  std::size_t labels_max_ = 0;  // of any name in the table; longer names need no look-up
  std::vector<std::unique_ptr<Zone>> zones_;
};

// Collects zones and records, then checks them as a whole.
class ZoneTable::Builder {
 public:
  // Bounds the memory of a table: about 90 octets a name with an address.
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

  // Answers from the zone are signed with `keys`. `owned_ttl_max`: see Zone. The records that show
  // the keys are the caller's to add.
  // Errors: kInvalid when there is no such zone.
  struct Signing {
    std::shared_ptr<const ZoneKeys> keys;
    std::uint32_t owned_ttl_max = 0;
  };
  Status SetSigning(const Name& apex, Signing signing);

  // Errors: kInvalid, naming the zone that has no NS.
  Result<std::unique_ptr<const ZoneTable>> Build() &&;

 private:
  std::unique_ptr<ZoneDraft> draft_;
};

}  // namespace summon::dns
