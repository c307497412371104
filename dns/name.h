// SPDX-License-Identifier: Apache-2.0
#pragma once
// dns::Name: a domain name as a value (RFC 1035 section 3.1).
//
// Kept in wire form without compression, in place: no allocation, at most 255 octets. Letters keep
// the case they came with, because an answer repeats the question's case exactly (resolvers check
// it); comparison ignores the case of ASCII letters (RFC 4343).

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "base/siphash.h"

namespace summon::dns {

class Name {
 public:
  static constexpr std::size_t kWireMax = 255;  // RFC 1035 section 2.3.4
  static constexpr std::size_t kLabelMax = 63;  // RFC 1035 section 2.3.4
  static constexpr std::size_t kLabelsMax = 127;  // 255 octets of one-octet labels, and the root

  Name() : size_(1) { wire_[0] = 0; }  // the root

  // From text, always taken as absolute: "a.example" and "a.example." are the same name. "\." is a
  // dot inside a label, "\DDD" an octet in decimal (RFC 1035 section 5.1), "." the root.
  // Errors: kInvalid for an empty text or label, a bad escape, a label or name too long.
  static Result<Name> Parse(std::string_view text);

  // From uncompressed wire form that fills `wire` exactly, the root label included.
  static std::optional<Name> FromWire(Bytes wire);

  Bytes wire() const { return Bytes(wire_.data(), size_); }
  bool is_root() const { return size_ == 1; }
  // Without the root label: "a.example." has two.
  std::size_t label_count() const;
  // The octets of the first label; empty for the root.
  Bytes first_label() const { return Bytes(wire_.data() + 1, wire_[0]); }

  // The name without its first label; the root's parent is the root.
  Name Parent() const;
  // `label` in front of this name; nothing when the label is empty or the result too long.
  std::optional<Name> Prepend(Bytes label) const;
  // True for the ancestor itself and for everything below it.
  bool IsSubdomainOf(const Name& ancestor) const;
  // With ASCII letters in lower case.
  Name Lowered() const;

  // As text that Parse reads back: "a.example." with the final dot, "." for the root. What is not
  // printable ASCII is escaped, so it is safe in a log.
  std::string ToText() const;

  // Ignores case (RFC 4343).
  friend bool operator==(const Name& a, const Name& b);

  // Equal names have equal hashes, whatever their case.
  std::uint64_t Hash(const SipKey& key) const;

  // For unordered containers: std::unordered_map<Name, T, Name::Hasher>.
  struct Hasher {
    SipKey key;
    std::size_t operator()(const Name& name) const { return name.Hash(key); }
  };

 private:
  friend class NameBuilder;

  std::array<std::uint8_t, kWireMax> wire_;  // only the first size_ octets mean anything
  std::uint8_t size_;
};

// Puts a name together label by label, from a parser.
class NameBuilder {
 public:
  // False, and unchanged, when the label is empty or longer than 63 octets, or the name would
  // pass 255.
  bool Append(Bytes label);
  // The name so far, closed by the root label.
  Name Finish() const;

 private:
  std::array<std::uint8_t, Name::kWireMax> wire_;
  std::size_t size_ = 0;
};

// One octet with ASCII letters in lower case. Label lengths (at most 63) are below 'A', so a whole
// wire form may be folded octet by octet.
inline constexpr std::uint8_t FoldCase(std::uint8_t octet) {
  return octet >= 'A' && octet <= 'Z' ? static_cast<std::uint8_t>(octet + ('a' - 'A')) : octet;
}
// True when both are the same octets but for the case of ASCII letters.
bool EqualFolded(Bytes a, Bytes b);

}  // namespace summon::dns
