// SPDX-License-Identifier: Apache-2.0
// Names between text and wire form.
#include "dns/name.h"

#include <algorithm>
#include <cstring>

#include "base/strings.h"

namespace summon::dns {

namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Takes one character of a label off the front of `text`, escapes undone.
std::optional<std::uint8_t> TakeOctet(std::string_view& text) {
  const char first = text.front();
  text.remove_prefix(1);
  if (first != '\\') return static_cast<std::uint8_t>(first);
  if (text.empty()) return std::nullopt;
  if (!IsDigit(text.front())) {
    const auto literal = static_cast<std::uint8_t>(text.front());
    text.remove_prefix(1);
    return literal;
  }
  constexpr std::size_t kDigits = 3;
  if (text.size() < kDigits || !IsDigit(text[1]) || !IsDigit(text[2])) return std::nullopt;
  const int value = (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0');
  text.remove_prefix(kDigits);
  if (value > 255) return std::nullopt;
  return static_cast<std::uint8_t>(value);
}

void AppendOctet(std::string& out, std::uint8_t octet) {
  const auto c = static_cast<char>(octet);
  if (c == '.' || c == '\\' || c == '"' || c == ';' || c == '(' || c == ')' || c == '@' ||
      c == '$') {
    out += '\\';
    out += c;
  } else if (octet > ' ' && octet < 0x7f) {
    out += c;
  } else {
    out += '\\';
    out += static_cast<char>('0' + octet / 100);
    out += static_cast<char>('0' + octet / 10 % 10);
    out += static_cast<char>('0' + octet % 10);
  }
}

Error BadName(std::string_view text, std::string_view cause) {
  return Error(ErrorCode::kInvalid, StrCat("read name ", Quote(text.substr(0, 300)), ": ", cause));
}

}  // namespace

bool EqualFolded(Bytes a, Bytes b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](std::uint8_t x, std::uint8_t y) {
           return FoldCase(x) == FoldCase(y);
         });
}

bool NameBuilder::Append(Bytes label) {
  if (label.empty() || label.size() > Name::kLabelMax) return false;
  if (size_ + 1 + label.size() + 1 > Name::kWireMax) return false;
  wire_[size_] = static_cast<std::uint8_t>(label.size());
  std::memcpy(wire_.data() + size_ + 1, label.data(), label.size());
  size_ += 1 + label.size();
  return true;
}

Name NameBuilder::Finish() const {
  Name name;
  if (size_ > 0) std::memcpy(name.wire_.data(), wire_.data(), size_);
  name.wire_[size_] = 0;
  name.size_ = static_cast<std::uint8_t>(size_ + 1);
  return name;
}

Result<Name> Name::Parse(std::string_view text) {
  const std::string_view whole = text;
  if (text.empty()) return BadName(whole, "it is empty; the root is \".\"");
  if (text == ".") return Name();
  NameBuilder builder;
  std::array<std::uint8_t, kLabelMax> label;
  while (!text.empty()) {
    std::size_t size = 0;
    while (!text.empty() && text.front() != '.') {
      const auto octet = TakeOctet(text);
      if (!octet) return BadName(whole, "an escape is not \\DDD with DDD at most 255");
      if (size == kLabelMax) return BadName(whole, "a label is longer than 63 octets");
      label[size++] = *octet;
    }
    if (size == 0) return BadName(whole, "a label is empty");
    if (!builder.Append(Bytes(label.data(), size))) {
      return BadName(whole, "it is longer than 255 octets");
    }
    if (!text.empty()) text.remove_prefix(1);  // the dot
  }
  return builder.Finish();
}

std::optional<Name> Name::FromWire(Bytes wire) {
  NameBuilder builder;
  ByteReader reader(wire);
  while (true) {
    const auto length = reader.U8();
    if (!length) return std::nullopt;
    if (*length == 0) break;
    const auto label = reader.Take(*length);
    if (!label || !builder.Append(*label)) return std::nullopt;
  }
  if (reader.remaining() != 0) return std::nullopt;
  return builder.Finish();
}

std::size_t Name::label_count() const {
  std::size_t count = 0;
  for (std::size_t at = 0; wire_[at] != 0; at += 1 + wire_[at]) ++count;
  return count;
}

Name Name::Parent() const {
  Name parent;
  if (is_root()) return parent;
  const std::size_t skip = 1 + std::size_t{wire_[0]};
  std::memcpy(parent.wire_.data(), wire_.data() + skip, size_ - skip);
  parent.size_ = static_cast<std::uint8_t>(size_ - skip);
  return parent;
}

std::optional<Name> Name::Prepend(Bytes label) const {
  if (label.empty() || label.size() > kLabelMax || size_ + 1 + label.size() > kWireMax) {
    return std::nullopt;
  }
  Name longer;
  longer.wire_[0] = static_cast<std::uint8_t>(label.size());
  std::memcpy(longer.wire_.data() + 1, label.data(), label.size());
  std::memcpy(longer.wire_.data() + 1 + label.size(), wire_.data(), size_);
  longer.size_ = static_cast<std::uint8_t>(size_ + 1 + label.size());
  return longer;
}

bool Name::IsSubdomainOf(const Name& ancestor) const {
  std::size_t at = 0;
  // Only label boundaries count: "ba.example" is not below "a.example".
  while (size_ - at > ancestor.size_) at += 1 + std::size_t{wire_[at]};
  return EqualFolded(wire().subspan(at), ancestor.wire());
}

Name Name::Lowered() const {
  Name lowered;
  std::transform(wire_.begin(), wire_.begin() + size_, lowered.wire_.begin(), FoldCase);
  lowered.size_ = size_;
  return lowered;
}

std::string Name::ToText() const {
  if (is_root()) return ".";
  std::string out;
  for (std::size_t at = 0; wire_[at] != 0; at += 1 + wire_[at]) {
    for (std::size_t i = 0; i < wire_[at]; ++i) AppendOctet(out, wire_[at + 1 + i]);
    out += '.';
  }
  return out;
}

bool operator==(const Name& a, const Name& b) { return EqualFolded(a.wire(), b.wire()); }

std::uint64_t Name::Hash(const SipKey& key) const { return SipHash24(key, Lowered().wire()); }

}  // namespace summon::dns
