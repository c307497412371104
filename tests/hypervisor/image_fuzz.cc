// SPDX-License-Identifier: Apache-2.0
// Any bytes at all as an image: parsed for both targets, and laid out in memory when they pass.
#include <cstdint>
#include <vector>

#include "base/check.h"
#include "hypervisor/loader/image.h"

namespace summon::hypervisor {
namespace {

constexpr std::uint64_t kMemoryBytes = 2u << 20;

void CheckPlan(const Image& image) {
  std::uint64_t floor = kImageFloor;
  for (const Segment& segment : image.segments) {
    SUMMON_CHECK(segment.page_begin() >= floor);
    SUMMON_CHECK(segment.file_size <= segment.memory_size);
    SUMMON_CHECK(!(segment.writable && segment.executable));
    floor = segment.page_end();
  }
  SUMMON_CHECK(image.end >= floor && image.end <= 2 * kGuestMemoryMax);
  SUMMON_CHECK(image.entry >= kImageFloor && image.entry < image.end);
  SUMMON_CHECK(image.manifest.count >= 1 && image.manifest.count <= kManifestEntriesMax);
}

void Try(Bytes bytes, Target target) {
  MemoryImageSource source(bytes);
  const Result<Image> image = ParseImage(source, target);
  if (!image.ok()) {
    SUMMON_CHECK(!image.error().message().empty());
    return;
  }
  CheckPlan(*image);
  if (!CheckFits(*image, kMemoryBytes).ok()) return;
  std::vector<std::uint8_t> memory(kMemoryBytes);
  SUMMON_CHECK(LoadImage(*image, source, memory).ok());
  (void)AttachDevices(image->manifest, {});
}

}  // namespace
}  // namespace summon::hypervisor

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  summon::hypervisor::Try({data, size}, summon::hypervisor::Target::kHvt);
  summon::hypervisor::Try({data, size}, summon::hypervisor::Target::kSpt);
  return 0;
}
