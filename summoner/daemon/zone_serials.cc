// SPDX-License-Identifier: Apache-2.0
// Serial arithmetic; see the header.
#include "summoner/daemon/zone_serials.h"

#include "base/siphash.h"

namespace summon::summoner {

bool ZoneSerials::IsLater(std::uint32_t a, std::uint32_t b) {
  constexpr std::uint32_t kHalf = 0x8000'0000;
  return a != b && a - b < kHalf;
}

std::uint32_t ZoneSerials::Next(const std::string& apex, std::string_view content,
                                std::uint32_t now_s) {
  // Only ever compared with itself: the key need not be secret.
  // SAFETY: char and uint8_t have the same representation; the span does not outlive the call.
  const Bytes octets(reinterpret_cast<const std::uint8_t*>(content.data()), content.size());
  const std::uint64_t digest = SipHash24(SipKey{1, 2}, octets);
  const auto known = last_.find(apex);
  if (known != last_.end() && known->second.digest == digest) return known->second.serial;
  const std::uint32_t serial = Advance(apex, now_s);
  last_[apex].digest = digest;
  return serial;
}

std::uint32_t ZoneSerials::Advance(const std::string& apex, std::uint32_t now_s) {
  const auto [known, is_new] = last_.try_emplace(apex, Last{0, now_s});
  std::uint32_t& serial = known->second.serial;
  if (!is_new) serial = IsLater(now_s, serial) ? now_s : serial + 1;
  return serial;
}

}  // namespace summon::summoner
