// SPDX-License-Identifier: Apache-2.0
// Questions as octets.
#include "dns/forward/question.h"

#include <algorithm>

#include "base/check.h"

namespace summon::dns::forward {

namespace {

constexpr std::uint16_t kFlagRecursionDesired = 0x0100;
constexpr std::uint16_t kFlagAuthenticData = 0x0020;  // "tell me": RFC 6840 section 5.7
constexpr std::uint16_t kFlagCheckingDisabled = 0x0010;
constexpr std::uint32_t kEdnsDnssecOk = 0x8000;

bool IsLetter(std::uint8_t octet) {
  const std::uint8_t folded = FoldCase(octet);
  return folded >= 'a' && folded <= 'z';
}

}  // namespace

std::string Question::Key() const {
  const Name lowered = name.Lowered();
  const Bytes wire = lowered.wire();
  std::string key;
  key.reserve(wire.size() + 3);
  for (const std::uint8_t octet : wire) key += static_cast<char>(octet);
  key += static_cast<char>(static_cast<std::uint16_t>(type) >> 8);
  key += static_cast<char>(static_cast<std::uint16_t>(type) & 0xff);
  key += static_cast<char>((dnssec_ok ? 1 : 0) | (checking_disabled ? 2 : 0));
  return key;
}

std::size_t WriteQuestion(const Question& question, std::uint16_t id,
                          std::span<std::uint8_t, kQuestionSizeMax> space) {
  ByteWriter writer(space);
  const auto flags = static_cast<std::uint16_t>(
      kFlagRecursionDesired | kFlagAuthenticData |
      (question.checking_disabled ? kFlagCheckingDisabled : 0));
  const bool fits = writer.Be16(id) && writer.Be16(flags) && writer.Be16(1) && writer.Be16(0) &&
                    writer.Be16(0) && writer.Be16(1) && writer.Put(question.name.wire()) &&
                    writer.Be16(static_cast<std::uint16_t>(question.type)) &&
                    writer.Be16(static_cast<std::uint16_t>(RrClass::kIn)) && writer.U8(0) &&
                    writer.Be16(static_cast<std::uint16_t>(RrType::kOpt)) &&
                    writer.Be16(kUpstreamUdpSize) &&
                    writer.Be32(question.dnssec_ok ? kEdnsDnssecOk : 0) && writer.Be16(0);
  SUMMON_CHECK(fits);  // the space is for the longest
  return writer.position();
}

void MixCase(std::span<std::uint8_t> wire, const CaseBits& random) {
  constexpr std::uint8_t kCaseBit = 0x20;
  // Lengths of labels are below every letter, so that the whole form may be walked octet by octet.
  for (std::size_t i = 0; i < wire.size(); ++i) {
    if (!IsLetter(wire[i])) continue;
    const bool upper = (random[i / 8 % random.size()] >> (i % 8) & 1) != 0;
    wire[i] = upper ? static_cast<std::uint8_t>(wire[i] & ~kCaseBit)
                    : static_cast<std::uint8_t>(wire[i] | kCaseBit);
  }
}

std::size_t LetterCount(const Name& name) {
  const Bytes wire = name.wire();
  return static_cast<std::size_t>(std::count_if(wire.begin(), wire.end(), IsLetter));
}

bool SameOctets(const Name& a, const Name& b) {
  return std::equal(a.wire().begin(), a.wire().end(), b.wire().begin(), b.wire().end());
}

}  // namespace summon::dns::forward
