// SPDX-License-Identifier: Apache-2.0
// Any bytes as a frame. What passes says of itself what the rules say: told by a second reading
// that knows nothing of the first.
#include <cstdlib>

#include "hypervisor/devices/frame_check.h"
#include "tests/hypervisor/frames.h"

namespace h = summon::hypervisor;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const summon::Bytes frame(data, size);
  const auto verdict = h::CheckFrame(frame, {h::FrameCheck::kAddress, h::kFrameMac,
                                             h::kFrameIpv4});
  const auto by_mac = h::CheckFrame(frame, {h::FrameCheck::kMac, h::kFrameMac, {}});
  if (verdict != h::FrameVerdict::kPass) return 0;
  if (by_mac != h::FrameVerdict::kPass) std::abort();  // the stricter check passes no more
  for (std::size_t i = 0; i < h::kFrameMac.size(); ++i) {
    if (frame[6 + i] != h::kFrameMac[i]) std::abort();
  }
  if (frame[12] != 8 || (frame[13] != 0 && frame[13] != 6)) std::abort();
  const std::size_t source = frame[13] == 0 ? 26 : 28;
  bool own = true;
  bool none = true;
  for (std::size_t i = 0; i < h::kFrameIpv4.size(); ++i) {
    own = own && frame[source + i] == h::kFrameIpv4[i];
    none = none && frame[source + i] == 0;
  }
  if (!own && !(none && frame[13] == 6)) std::abort();
  return 0;
}
