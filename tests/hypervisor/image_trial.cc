// SPDX-License-Identifier: Apache-2.0
// The promises of the loader, as checks.
#include "tests/hypervisor/image_trial.h"

#include "base/check.h"

namespace summon::hypervisor {
namespace {

void CheckPlan(const Image& image) {
  std::uint64_t floor = kImageFloor;
  for (const Segment& segment : image.segments) {
    SUMMON_CHECK(segment.page_begin() >= floor);
    SUMMON_CHECK(segment.file_size <= segment.memory_size);
    SUMMON_CHECK(segment.file_size <= kImageFileSizeMax);
    SUMMON_CHECK(!(segment.writable && segment.executable));
    floor = segment.page_end();
  }
  SUMMON_CHECK(image.end >= floor && image.end <= 2 * kGuestMemoryMax);
  SUMMON_CHECK(image.entry >= kImageFloor && image.entry < image.end);
  SUMMON_CHECK(image.manifest.count >= 1 && image.manifest.count <= kManifestEntriesMax);
}

}  // namespace

Verdict TryImage(Bytes bytes, Target target, std::span<std::uint8_t> memory) {
  MemoryImageSource source(bytes);
  const Result<Image> image = ParseImage(source, target);
  if (!image.ok()) {
    SUMMON_CHECK(!image.error().message().empty());
    return Verdict::kRefused;
  }
  CheckPlan(*image);
  (void)AttachDevices(image->manifest, {});  // refused or not: it must not crash
  if (!CheckFits(*image, memory.size()).ok()) return Verdict::kTooLarge;
  SUMMON_CHECK(LoadImage(*image, source, memory).ok());
  return Verdict::kLoaded;
}

}  // namespace summon::hypervisor
