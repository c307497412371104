// SPDX-License-Identifier: Apache-2.0
// A million hypercalls of a seeded guest, while a second thread changes the guest's memory under
// the dispatcher's hands. Whatever happens, nothing outside of what the guest may write changes,
// no device is asked for what it does not have, and no forged frame is sent.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <vector>

#include "tests/hypervisor/fake_world.h"
#include "tests/hypervisor/frames.h"
#include "tests/hypervisor/scribbler.h"

namespace summon::hypervisor {
namespace {

#if defined(SUMMON_SANITIZED)
constexpr std::uint64_t kCalls = 300'000;
#else
constexpr std::uint64_t kCalls = 2'000'000;
#endif
constexpr std::uint64_t kCallsBetweenChecks = 4096;
constexpr std::uint64_t kSeed = 0x5eed;

// The guest's own side: structures and addresses as a fuzzer would choose them.
class RandomGuest final {
 public:
  RandomGuest(FakeWorld& world, std::uint64_t seed) : world_(world), random_(seed) {}

  std::span<std::uint64_t> Words() {
    // SAFETY: the vector's storage is aligned for any type, and kFakeWritable is a multiple of 8.
    auto* first = reinterpret_cast<std::uint64_t*>(world_.bytes.data() + kFakeWritable);
    return {first, (kFakeMemorySize - kFakeWritable) / sizeof(std::uint64_t)};
  }

  std::optional<End> Call() {
    const auto call = Hypercall{static_cast<std::uint32_t>(random_.Below(8))};
    const bool block = call == Hypercall::kBlockRead || call == Hypercall::kBlockWrite;
    const bool puts = call == Hypercall::kPuts;
    std::size_t next = 0;
    if (!puts) Store(next++, random_.OneIn(8) ? Wild() : random_.Below(5));  // a handle, or a time
    if (block) Store(next++, random_.OneIn(4) ? Wild() : random_.Below(8) * 512);  // an offset
    Store(next++, random_.OneIn(16) ? Wild() : kFakeWritable + 0x1000);
    Store(next++, random_.OneIn(16) ? Wild() : random_.OneIn(2) ? 46 : random_.Below(1600));
    StoreFrame();
    return world_.Call(random_.OneIn(64) ? Hypercall::kHalt : call, Argument());
  }

 private:
  void Store(std::size_t index, std::uint64_t value) {
    std::atomic_ref(Words()[index]).store(value, std::memory_order_relaxed);
  }
  void StoreFrame() {
    const std::vector<std::uint8_t> frame = UdpFrame({});
    CopyToGuest(frame, world_.bytes.data() + kFakeWritable + 0x1000);
  }
  std::uint64_t Argument() {
    switch (random_.Below(64)) {
      case 0: return random_.Next();
      case 1: return random_.Below(kFakeMemorySize + 64);
      case 2: return kFakeMemorySize - random_.Below(64);
      case 3: return kFakeReadOnly.end - random_.Below(48);
      case 4: return kFakeWritable + random_.Below(64);  // unaligned too
      default: return kFakeWritable;
    }
  }
  std::uint64_t Wild() {
    switch (random_.Below(6)) {
      case 0: return random_.Next();
      case 1: return kFakeMemorySize - random_.Below(32);
      case 2: return random_.Below(kFakeMemorySize);
      case 3: return random_.Below(kFakeCapacity + 2);
      case 4: return ~std::uint64_t{0} - random_.Below(64);
      default: return kFakeReadOnly.begin + random_.Below(64);
    }
  }

  FakeWorld& world_;
  Seeded random_;
};

// What the guest may not write: the monitor's tables, the boot area, its own text.
std::vector<std::uint8_t> Untouchable(const FakeWorld& world) {
  return {world.bytes.begin(), world.bytes.begin() + kFakeReadOnly.end};
}

bool OwnFrame(const std::vector<std::uint8_t>& frame, const FrameRules& rules) {
  return frame.empty() || CheckFrame(frame, rules) == FrameVerdict::kPass;
}

TEST(HypercallRace, MillionsOfCallsBesideAWriterHarmNothing) {
  FakeWorld world;
  world.devices[1].rules = {FrameCheck::kAddress, kFrameMac, kFrameIpv4};
  const auto before = Untouchable(world);
  RandomGuest guest(world, kSeed);
  std::uint64_t ends = 0;
  std::uint64_t sent = 0;
  Scribbler scribbler(kSeed + 1);
  scribbler.Start(guest.Words());
  for (std::uint64_t i = 0; i < kCalls; ++i) {
    world.net.pending.assign(60, 7);
    world.net.sent.clear();
    if (const auto end = guest.Call()) {
      ++ends;
      ASSERT_TRUE(end->reason == EndReason::kHalted || !end->detail.empty()) << i;
    }
    sent += world.net.sent.empty() ? 0 : 1;
    ASSERT_TRUE(OwnFrame(world.net.sent, world.devices[1].rules)) << i;
    if (i % kCallsBetweenChecks == 0) {
      ASSERT_EQ(Untouchable(world), before) << i;
      world.console.written.clear();
    }
  }
  scribbler.Stop();
  EXPECT_EQ(Untouchable(world), before);
  std::printf("%lu calls, %lu ends, %lu frames sent, %lu forged, %lu words changed meanwhile\n",
              kCalls, ends, sent, world.dispatcher.counters().frames_forged, scribbler.written());
  // Otherwise the calls do not get anywhere, or nobody raced with them.
  EXPECT_GT(ends, kCalls / 100);
  EXPECT_LT(ends, kCalls / 2);
  EXPECT_GT(sent, kCalls / 1000);
  EXPECT_GT(world.dispatcher.counters().frames_forged, 0u);
  EXPECT_GT(scribbler.written(), kCalls / 100);
}

// That the race above can find what it looks for: the frame is changed between check and sending,
// by the very device that is given it, and what was checked is what is sent.
TEST(HypercallRace, FrameThatChangesAfterItsCheckIsSentAsChecked) {
  FakeWorld world;
  world.devices[1].rules = {FrameCheck::kAddress, kFrameMac, kFrameIpv4};
  class ChangingNet final : public NetDevice {
   public:
    explicit ChangingNet(std::span<std::uint8_t> memory) : memory_(memory) {}
    std::size_t Read(std::span<std::uint8_t>) override { return 0; }
    bool Write(Bytes frame) override {
      std::fill(memory_.begin() + kFakeWritable + 0x1000, memory_.end(), 0xee);
      sent.assign(frame.begin(), frame.end());
      return true;
    }
    std::vector<std::uint8_t> sent;

   private:
    const std::span<std::uint8_t> memory_;
  };
  ChangingNet net(world.bytes);
  world.devices[1].net = &net;
  const auto frame = UdpFrame({});
  std::copy(frame.begin(), frame.end(), world.bytes.begin() + kFakeWritable + 0x1000);
  world.Put(kFakeWritable, NetCall{1, kFakeWritable + 0x1000, frame.size(), -1, 0});
  EXPECT_FALSE(world.Call(Hypercall::kNetWrite, kFakeWritable).has_value());
  EXPECT_EQ(net.sent, frame);
}

}  // namespace
}  // namespace summon::hypervisor
