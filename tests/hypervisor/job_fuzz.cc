// SPDX-License-Identifier: Apache-2.0
// Job frames from the input. Input: a byte for the number of descriptors, then bytes laid over an
// empty frame (a frame is 14 KiB, of which few bytes matter).
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "hypervisor/control/job.h"

namespace h = summon::hypervisor;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::vector<std::uint8_t> bytes(sizeof(h::JobFrame));
  const std::size_t count = std::min(size - 1, bytes.size());
  std::copy_n(data + 1, count, bytes.begin());
  const auto job = h::CheckJob(bytes, data[0]);
  (void)h::CheckJob({data, size}, data[0]);  // of a wrong size, nearly always
  if (!job.ok()) return 0;
  if ((*job)->devices().size() > h::kDevicesMax) std::abort();
  if ((*job)->first_device() + (*job)->devices().size() != data[0]) std::abort();
  if ((*job)->command_line().size() >= h::kCommandLineSize) std::abort();
  if ((*job)->frame.memory_bytes == 0 || (*job)->frame.memory_bytes % (2u << 20) != 0) std::abort();
  return 0;
}
