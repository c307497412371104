// SPDX-License-Identifier: Apache-2.0
// Service parameters between text and octets; see the header.
#include "dns/svcb.h"

#include <algorithm>
#include <map>
#include <optional>

#include "base/address.h"
#include "base/strings.h"
#include "dns/binary_text.h"

namespace summon::dns {

namespace {

using Octets = std::vector<std::uint8_t>;

constexpr std::size_t kValueMax = 65'535;
constexpr std::size_t kShownMax = 80;  // of a wrong value

struct KeyName {
  SvcKey key;
  std::string_view name;
};
constexpr KeyName kKeyNames[] = {
    {SvcKey::kMandatory, "mandatory"}, {SvcKey::kAlpn, "alpn"},
    {SvcKey::kNoDefaultAlpn, "no-default-alpn"}, {SvcKey::kPort, "port"},
    {SvcKey::kIpv4Hint, "ipv4hint"}, {SvcKey::kEch, "ech"}, {SvcKey::kIpv6Hint, "ipv6hint"},
    {SvcKey::kDohPath, "dohpath"}, {SvcKey::kOhttp, "ohttp"},
};

std::string KeyText(std::uint16_t number) {
  for (const KeyName& known : kKeyNames) {
    if (static_cast<std::uint16_t>(known.key) == number) return std::string(known.name);
  }
  return StrCat("key", number);
}

std::optional<std::uint16_t> ParseKey(std::string_view text) {
  constexpr std::string_view kGeneric = "key";
  for (const KeyName& known : kKeyNames) {
    if (known.name == text) return static_cast<std::uint16_t>(known.key);
  }
  if (!text.starts_with(kGeneric)) return std::nullopt;
  const std::string_view digits = text.substr(kGeneric.size());
  const auto number = ParseUnsigned(digits);
  // No leading zeros (RFC 9460 section 2.1); 65535 is reserved (section 14.3.2).
  const bool padded = digits.size() > 1 && digits.front() == '0';
  if (!number || *number >= 65'535 || padded) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

Error Wrong(std::string_view value, std::string_view what) {
  return Error(ErrorCode::kInvalid, StrCat(Quote(value.substr(0, kShownMax)), ' ', what));
}

void PutBe16(Octets& out, std::size_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}

// The items of a comma-separated list; "\," is a comma inside of one (RFC 9460 appendix A.1).
std::vector<std::string> SplitList(const std::string& value) {
  std::vector<std::string> items(1);
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] == '\\' && i + 1 < value.size()) {
      items.back() += value[++i];
    } else if (value[i] == ',') {
      items.emplace_back();
    } else {
      items.back() += value[i];
    }
  }
  return items;
}

Status ReadMandatory(const std::string& value, Octets& out) {
  std::vector<std::uint16_t> keys;
  for (const std::string_view item : Split(value, ',')) {
    const auto key = ParseKey(item);
    if (!key) return Wrong(item, "is no key; write names or numbers like key667, with commas");
    if (*key == 0) return Wrong(item, "cannot be in its own list");
    keys.push_back(*key);
  }
  std::sort(keys.begin(), keys.end());
  if (std::adjacent_find(keys.begin(), keys.end()) != keys.end()) {
    return Wrong(value, "lists a key twice");
  }
  for (const std::uint16_t key : keys) PutBe16(out, key);
  return Ok();
}

Status ReadAlpn(const std::string& value, Octets& out) {
  constexpr std::size_t kIdMax = 255;
  for (const std::string& id : SplitList(value)) {
    if (id.empty() || id.size() > kIdMax) {
      return Wrong(value, "has an empty protocol, or one of more than 255 octets");
    }
    out.push_back(static_cast<std::uint8_t>(id.size()));
    out.insert(out.end(), id.begin(), id.end());
  }
  return Ok();
}

template <typename Address>
Status ReadHints(const std::string& value, std::string_view what, Octets& out) {
  for (const std::string_view item : Split(value, ',')) {
    const auto address = Address::Parse(item);
    if (!address) return Wrong(item, what);
    out.insert(out.end(), address->octets.begin(), address->octets.end());
  }
  return Ok();
}

Status ReadValue(std::uint16_t key, const std::string& value, Octets& out) {
  switch (static_cast<SvcKey>(key)) {
    case SvcKey::kMandatory: return ReadMandatory(value, out);
    case SvcKey::kAlpn: return ReadAlpn(value, out);
    case SvcKey::kNoDefaultAlpn:
    case SvcKey::kOhttp:
      return value.empty() ? Ok() : Status(Wrong(value, "is too much; the key stands alone"));
    case SvcKey::kPort: {
      const auto port = ParseUnsigned(value);
      if (!port || *port > 65'535) return Wrong(value, "is not a port; write 0..65535");
      PutBe16(out, *port);
      return Ok();
    }
    case SvcKey::kIpv4Hint:
      return ReadHints<Ipv4Address>(value, "is not an IPv4 address; write them with commas", out);
    case SvcKey::kIpv6Hint:
      return ReadHints<Ipv6Address>(value, "is not an IPv6 address; write them with commas", out);
    case SvcKey::kEch: {
      Base64Reader reader(out);
      if (!reader.Add(value) || !reader.Finish() || out.empty()) {
        return Wrong(value, "is not base64");
      }
      return Ok();
    }
    case SvcKey::kDohPath:
    default:
      out.assign(value.begin(), value.end());
      return Ok();
  }
}

// The value of "key=value" as octets, quotes and escapes of the word undone.
Result<std::string> ValueOf(std::string_view text) {
  constexpr std::size_t kQuotes = 2;
  if (text.size() >= kQuotes && text.front() == '"' && text.back() == '"') {
    text = text.substr(1, text.size() - kQuotes);
  }
  Octets octets;
  if (!AppendUnescaped(text, kValueMax, octets)) {
    return Wrong(text, "has a bad escape, or more than 65535 octets");
  }
  return std::string(octets.begin(), octets.end());
}

bool HintsWellFormed(Bytes value, std::size_t size) {
  return !value.empty() && value.size() % size == 0;
}

bool KeysWellFormed(Bytes value) {
  if (value.empty() || value.size() % 2 != 0) return false;
  ByteReader reader(value);
  int last = 0;  // 0 is "mandatory" itself, which may not be there
  while (const auto key = reader.Be16()) {
    if (*key <= last) return false;
    last = *key;
  }
  return true;
}

bool AlpnWellFormed(Bytes value) {
  ByteReader reader(value);
  while (const auto length = reader.U8()) {
    if (*length == 0 || !reader.Skip(*length)) return false;
  }
  return !value.empty();
}

bool ValueWellFormed(std::uint16_t key, Bytes value) {
  constexpr std::size_t kPortSize = 2;
  switch (static_cast<SvcKey>(key)) {
    case SvcKey::kMandatory: return KeysWellFormed(value);
    case SvcKey::kAlpn: return AlpnWellFormed(value);
    case SvcKey::kNoDefaultAlpn:
    case SvcKey::kOhttp: return value.empty();
    case SvcKey::kPort: return value.size() == kPortSize;
    case SvcKey::kIpv4Hint: return HintsWellFormed(value, 4);
    case SvcKey::kEch: return !value.empty();
    case SvcKey::kIpv6Hint: return HintsWellFormed(value, 16);
    default: return true;
  }
}

// True when `key` is among the keys of `params`, which are whole.
bool HasKey(Bytes params, std::uint16_t key) {
  ByteReader reader(params);
  while (const auto number = reader.Be16()) {
    if (*number == key) return true;
    (void)reader.Skip(*reader.Be16());  // they are whole
  }
  return false;
}

std::string AlpnText(Bytes value) {
  std::string list;
  ByteReader reader(value);
  while (const auto length = reader.U8()) {
    if (!list.empty()) list += ',';
    const Bytes id = *reader.Take(*length);
    for (const std::uint8_t octet : id) {
      if (octet == ',' || octet == '\\') list += '\\';
      list += static_cast<char>(octet);
    }
  }
  return QuoteText(list);
}

template <typename Address>
std::string HintsText(Bytes value) {
  std::string list;
  Address address;
  for (; !value.empty(); value = value.subspan(address.octets.size())) {
    std::copy_n(value.begin(), address.octets.size(), address.octets.begin());
    if (!list.empty()) list += ',';
    list += address.ToString();
  }
  return list;
}

std::string ValueText(std::uint16_t key, Bytes value) {
  ByteReader reader(value);
  switch (static_cast<SvcKey>(key)) {
    case SvcKey::kMandatory: {
      std::string list;
      while (const auto listed = reader.Be16()) {
        if (!list.empty()) list += ',';
        list += KeyText(*listed);
      }
      return list;
    }
    case SvcKey::kAlpn: return AlpnText(value);
    case SvcKey::kPort: return StrCat(*reader.Be16());
    case SvcKey::kIpv4Hint: return HintsText<Ipv4Address>(value);
    case SvcKey::kIpv6Hint: return HintsText<Ipv6Address>(value);
    case SvcKey::kEch: return Base64Text(value);
    default: return QuoteText(std::string(value.begin(), value.end()));
  }
}

}  // namespace

bool SvcParamsWellFormed(Bytes params) {
  ByteReader reader(params);
  int last = -1;
  Bytes mandatory;
  while (reader.remaining() > 0) {
    const auto key = reader.Be16();
    const auto length = reader.Be16();
    const auto value = length ? reader.Take(*length) : std::nullopt;
    if (!value || *key <= last || !ValueWellFormed(*key, *value)) return false;
    last = *key;
    if (*key == static_cast<std::uint16_t>(SvcKey::kMandatory)) mandatory = *value;
  }
  ByteReader listed(mandatory);
  while (const auto key = listed.Be16()) {
    if (!HasKey(params, *key)) return false;
  }
  return !HasKey(params, static_cast<std::uint16_t>(SvcKey::kNoDefaultAlpn)) ||
         HasKey(params, static_cast<std::uint16_t>(SvcKey::kAlpn));
}

Octets WithIpv4Hint(Octets data, const Ipv4Address& address) {
  constexpr std::size_t kOwnTargetSize = 3;  // a priority and the root's name
  const auto hint_key = static_cast<std::uint16_t>(SvcKey::kIpv4Hint);
  const bool is_alias = data.size() < kOwnTargetSize || (data[0] == 0 && data[1] == 0);
  if (is_alias || data[2] != 0) return data;
  std::size_t at = kOwnTargetSize;  // where the keys begin that come after the hint's
  ByteReader reader(Bytes(data).subspan(kOwnTargetSize));
  while (const auto key = reader.Be16()) {
    const auto length = reader.Be16();
    if (*key == hint_key || !length || !reader.Skip(*length)) return data;
    if (*key < hint_key) at = kOwnTargetSize + reader.position();
  }
  Octets hint;
  PutBe16(hint, hint_key);
  PutBe16(hint, address.octets.size());
  hint.insert(hint.end(), address.octets.begin(), address.octets.end());
  data.insert(data.begin() + static_cast<std::ptrdiff_t>(at), hint.begin(), hint.end());
  return data;
}

Status ParseSvcParams(std::span<const Token> words, Octets& out, std::size_t& failed) {
  std::map<std::uint16_t, Octets> params;
  for (failed = 0; failed < words.size(); ++failed) {
    const std::string_view word = words[failed].text;
    const std::size_t equals = word.find('=');
    const std::string_view name = word.substr(0, equals);
    const auto key = words[failed].quoted ? std::nullopt : ParseKey(name);
    if (!key) return Wrong(name, "is not a service parameter; write a name, or a number: key667");
    Octets& value = params[*key];
    if (!value.empty()) return Wrong(name, "is there twice");
    const bool has_value = equals != std::string_view::npos;
    const std::string text = has_value ? SUMMON_TRY(ValueOf(word.substr(equals + 1))) : "";
    PutBe16(value, *key);
    Octets octets;
    SUMMON_TRY(ReadValue(*key, text, octets).Wrap(KeyText(*key)));
    if (octets.size() > kValueMax) return Wrong(name, "has more than 65535 octets");
    PutBe16(value, octets.size());
    value.insert(value.end(), octets.begin(), octets.end());
  }
  const std::size_t begin = out.size();
  for (const auto& [key, octets] : params) out.insert(out.end(), octets.begin(), octets.end());
  if (SvcParamsWellFormed(Bytes(out).subspan(begin))) return Ok();
  failed = 0;
  return Error(ErrorCode::kInvalid,
               "the service parameters do not go together: mandatory lists one that is not there, "
               "no-default-alpn stands without alpn, or a list is empty");
}

std::string SvcParamsText(Bytes params) {
  std::string out;
  ByteReader reader(params);
  while (const auto key = reader.Be16()) {
    const Bytes value = *reader.Take(*reader.Be16());
    out += StrCat(' ', KeyText(*key));
    if (!value.empty()) out += StrCat('=', ValueText(*key, value));
  }
  return out;
}

}  // namespace summon::dns
