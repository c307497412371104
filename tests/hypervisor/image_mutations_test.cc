// SPDX-License-Identifier: Apache-2.0
// A million images that somebody broke with care: each is refused with a reason or becomes a plan
// that holds, and none costs memory for what it only claims.
#include <elf.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "hypervisor/memory/guest_memory.h"
#include "tests/hypervisor/image_mutator.h"
#include "tests/hypervisor/image_trial.h"
#include "tests/hypervisor/tiny_image.h"

namespace summon::hypervisor {
namespace {

// Sanitizers make each trial several times dearer, and add what a plain run cannot see.
#if defined(SUMMON_SANITIZED)
constexpr std::uint64_t kMutations = 200'000;
#else
constexpr std::uint64_t kMutations = 1'000'000;
#endif
constexpr std::uint64_t kLargeMutations = 20'000;
constexpr std::uint64_t kResidentBytesMax = 64ull << 20;
constexpr std::uint64_t kSeed = 0x5eed;

struct Sample {
  std::string name;
  Target target = Target::kHvt;
  std::vector<std::uint8_t> bytes;
};

std::vector<std::uint8_t> FileBytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The project's own guests for both targets, and the smallest image with every device allowed.
std::vector<Sample> Samples() {
  std::vector<Sample> samples;
  for (const auto& entry : std::filesystem::directory_iterator(SUMMON_GUESTS_DIR)) {
    const std::string kind = entry.path().extension();
    if (kind != ".hvt" && kind != ".spt") continue;
    samples.push_back({entry.path().filename(), kind == ".hvt" ? Target::kHvt : Target::kSpt,
                       FileBytes(entry.path())});
  }
  TinyImage tiny;
  for (std::size_t i = 0; i < kDevicesMax; ++i) {
    tiny.devices.push_back({"device" + std::to_string(i),
                            i % 2 == 0 ? DeviceType::kNet : DeviceType::kBlock});
  }
  samples.push_back({"tiny", Target::kHvt, BuildTinyImage(tiny)});
  return samples;
}

std::uint64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

std::map<Verdict, std::uint64_t> MutateAndTry(std::uint64_t count, std::vector<Sample>& samples,
                                              std::span<std::uint8_t> memory,
                                              void (*after)(std::span<std::uint8_t>)) {
  std::map<Verdict, std::uint64_t> verdicts;
  Seeded random(kSeed);
  std::vector<std::vector<ImageField>> fields;
  for (const Sample& sample : samples) fields.push_back(FieldsOf(sample.bytes));
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::size_t which = random.Below(samples.size());
    Sample& sample = samples[which];
    const auto changes = Mutate(sample.bytes, fields[which], random);
    Bytes bytes(sample.bytes);
    if (random.OneIn(16)) bytes = bytes.first(random.Below(bytes.size()));  // cut off
    const Verdict verdict = TryImage(bytes, sample.target, memory);
    ++verdicts[verdict];
    if (verdict == Verdict::kLoaded) after(memory);
    Undo(sample.bytes, changes);
  }
  return verdicts;
}

TEST(ImageMutations, AMillionAreRefusedOrPlannedAndNoneHarms) {
  std::vector<Sample> samples = Samples();
  ASSERT_GT(samples.size(), 1u) << "no guests in " << SUMMON_GUESTS_DIR << ": run ninja guests";
  const auto before = samples.front().bytes;
  std::vector<std::uint8_t> memory(2u << 20);
  auto verdicts = MutateAndTry(kMutations, samples, memory, [](std::span<std::uint8_t>) {});
  std::printf("%lu refused, %lu too large, %lu loaded\n", verdicts[Verdict::kRefused],
              verdicts[Verdict::kTooLarge], verdicts[Verdict::kLoaded]);
  // Otherwise the mutations do not get past the first check, or change nothing.
  EXPECT_GT(verdicts[Verdict::kRefused], kMutations / 10);
  EXPECT_GT(verdicts[Verdict::kLoaded], kMutations / 100);
  EXPECT_EQ(samples.front().bytes, before);  // undone each time
}

// The most that is claimed here is all of 4 GiB; the most that is there is a few KiB.
TEST(ImageMutations, ClaimsOfFourGibibytesCostLittleMemory) {
  std::vector<Sample> samples = {{"tiny", Target::kHvt, BuildTinyImage({})}};
  auto mapping = GuestMapping::Create(kGuestMemoryMax);
  ASSERT_TRUE(mapping.ok()) << mapping.error().message();
  const std::uint64_t claim = kGuestMemoryMax - kTinyData - 2 * kPageSize;
  std::memcpy(samples[0].bytes.data() + kTinyDataHeader + offsetof(Elf64_Phdr, p_memsz), &claim,
              sizeof claim);
  ASSERT_EQ(TryImage(samples[0].bytes, Target::kHvt, mapping->bytes()), Verdict::kLoaded);
  static std::uint64_t resident_max;
  resident_max = ResidentBytes();
  auto verdicts = MutateAndTry(kLargeMutations, samples, mapping->bytes(), [](auto all) {
    resident_max = std::max(resident_max, ResidentBytes());
    ASSERT_EQ(madvise(all.data(), all.size(), MADV_DONTNEED), 0);  // as fresh
  });
  std::printf("%lu loaded, at most %lu KiB resident\n", verdicts[Verdict::kLoaded],
              resident_max >> 10);
  EXPECT_GT(verdicts[Verdict::kLoaded], 0u);
#if !defined(SUMMON_SANITIZED)  // shadow memory counts as resident
  EXPECT_LE(resident_max, kResidentBytesMax);
#endif
}

}  // namespace
}  // namespace summon::hypervisor
