// SPDX-License-Identifier: Apache-2.0
// Packed job frames from the input: a byte for the number of descriptors, then the frame.
#include <cstdlib>
#include <vector>

#include "hypervisor/control/job.h"
#include "hypervisor/control/packed_job.h"

namespace h = summon::hypervisor;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const summon::Bytes packed(data + 1, size - 1);
  const auto job = h::CheckJob(packed, data[0]);
  if (!job.ok()) return 0;
  if ((*job)->devices().size() > h::kDevicesMax) std::abort();
  if ((*job)->first_device() + (*job)->devices().size() != data[0]) std::abort();
  if ((*job)->command_line().size() >= h::kCommandLineSize) std::abort();
  if ((*job)->frame.memory_bytes == 0 || (*job)->frame.memory_bytes % (2u << 20) != 0) std::abort();
  // Nothing is lost on the way: what was taken can be sent again (but memory is rounded down).
  const std::vector<std::uint8_t> again = h::PackJob((*job)->frame);
  if (again.size() > packed.size() || !h::CheckJob(again, data[0]).ok()) std::abort();
  return 0;
}
