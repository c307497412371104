// SPDX-License-Identifier: Apache-2.0
// The hypercalls on plain memory: answers, refusals, and what a guest must not get away with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hypervisor/devices/frame.h"
#include "tests/hypervisor/fake_world.h"
#include "tests/hypervisor/frames.h"

namespace summon::hypervisor {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::uint64_t kArgument = kFakeWritable;
constexpr std::uint64_t kData = kFakeWritable + 0x1000;
constexpr std::uint64_t kHuge = ~std::uint64_t{0};

std::int32_t AnswerOf(GuestResult result) { return static_cast<std::int32_t>(result); }

// An IPv4 frame of `protocol` whose payload begins with `payload`.
std::vector<std::uint8_t> Frame(std::uint8_t protocol, std::vector<std::uint8_t> payload) {
  std::vector<std::uint8_t> frame(34);
  frame[12] = 0x08;
  frame[14] = 0x45;
  frame[17] = static_cast<std::uint8_t>(20 + payload.size());
  frame[23] = protocol;
  for (const std::uint8_t byte : payload) frame.push_back(byte);
  return frame;
}

TEST(Hypercall, WallTimeIsStored) {
  FakeWorld world;
  EXPECT_FALSE(world.Call(Hypercall::kWallTime, kArgument).has_value());
  EXPECT_EQ(world.Get<std::uint64_t>(kArgument), world.wall_clock.nanos);
}

TEST(Hypercall, StructureInReadOnlyMemoryEndsTheGuest) {
  FakeWorld world;
  const auto end = world.Call(Hypercall::kWallTime, kFakeReadOnly.end - 4);
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->reason, EndReason::kGuestFault);
  EXPECT_THAT(std::string(end->detail.view()), HasSubstr("WALLTIME"));
}

TEST(Hypercall, StructureInTheMonitorsTablesEndsTheGuest) {
  FakeWorld world;
  EXPECT_TRUE(world.Call(Hypercall::kWallTime, 0x8000).has_value());
}

TEST(Hypercall, StructureMayEndAtTheEndOfMemory) {
  FakeWorld world;
  EXPECT_FALSE(world.Call(Hypercall::kWallTime, kFakeMemorySize - 8).has_value());
  EXPECT_TRUE(world.Call(Hypercall::kWallTime, kFakeMemorySize - 7).has_value());
}

TEST(Hypercall, UnknownNumberEndsTheGuest) {
  FakeWorld world;
  EXPECT_TRUE(world.Call(Hypercall{0}, kArgument).has_value());
  EXPECT_TRUE(world.Call(Hypercall{9}, kArgument).has_value());
}

TEST(Hypercall, PutsWritesAndCountsWhatWasLost) {
  FakeWorld world;
  world.console.room = 3;
  world.Put(kData, std::array{'h', 'e', 'l', 'l', 'o'});
  world.Put(kArgument, PutsCall{kData, 5});
  EXPECT_FALSE(world.Call(Hypercall::kPuts, kArgument).has_value());
  EXPECT_EQ(world.console.written, "hel");
  EXPECT_EQ(world.dispatcher.counters().console_bytes_lost, 2u);
}

TEST(Hypercall, TextThatWrapsEndsTheGuest) {
  FakeWorld world;
  world.Put(kArgument, PutsCall{kHuge - 15, 32});
  EXPECT_TRUE(world.Call(Hypercall::kPuts, kArgument).has_value());
  world.Put(kArgument, PutsCall{kData, kHuge});
  EXPECT_TRUE(world.Call(Hypercall::kPuts, kArgument).has_value());
}

TEST(Hypercall, TextMayLieInReadOnlyMemory) {
  FakeWorld world;
  world.Put(kArgument, PutsCall{kFakeReadOnly.begin, 5});
  EXPECT_FALSE(world.Call(Hypercall::kPuts, kArgument).has_value());
}

TEST(Hypercall, PollAnswersTheReadySetAndIsReadyOnce) {
  FakeWorld world;
  world.waiter.ready = 1u << 1 | 1u << 5;
  world.Put(kArgument, PollCall{1'500, 0, 0, 0});
  EXPECT_FALSE(world.Call(Hypercall::kPoll, kArgument).has_value());
  EXPECT_FALSE(world.Call(Hypercall::kPoll, kArgument).has_value());
  EXPECT_EQ(world.waiter.asked, std::chrono::nanoseconds(1'500));
  EXPECT_EQ(world.Get<PollCall>(kArgument).ready_set, 1u << 1 | 1u << 5);
  EXPECT_EQ(world.Get<PollCall>(kArgument).ready_count, 2);
  EXPECT_THAT(world.stages.reached, ElementsAre(Stage::kReady));
}

TEST(Hypercall, PollOfAGuestThatIsPutAwayIsRememberedAndGoesOn) {
  FakeWorld world;
  world.waiter.leave = true;
  world.Put(kArgument, PollCall{1'500, 0, 0, 0});
  const auto end = world.Call(Hypercall::kPoll, kArgument);
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->reason, EndReason::kSnapshotTaken);
  const HypercallDispatcher::PendingPoll poll = world.dispatcher.pending_poll();
  EXPECT_EQ(poll.argument, kArgument);
  EXPECT_EQ(poll.deadline, world.waiter.Now() + std::chrono::nanoseconds(1'500));

  FakeWorld next;
  next.waiter.ready = 1u << 1;
  next.Put(kArgument, PollCall{1'500, 0, 0, 0});
  EXPECT_FALSE(next.dispatcher.ResumePoll(poll).has_value());
  EXPECT_EQ(next.Get<PollCall>(kArgument).ready_set, 1u << 1);
  EXPECT_THAT(next.stages.reached, ElementsAre(Stage::kReady));
}

TEST(Hypercall, PollThatPointsNowhereIsNotGoneOnWith) {
  FakeWorld world;
  const auto end = world.dispatcher.ResumePoll({kHuge - 15, Instant{}});
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->reason, EndReason::kGuestFault);
}

TEST(Hypercall, PollForEverIsClamped) {
  FakeWorld world;
  world.Put(kArgument, PollCall{kHuge, 0, 0, 0});
  EXPECT_FALSE(world.Call(Hypercall::kPoll, kArgument).has_value());
  EXPECT_EQ(world.waiter.asked, Duration(HypercallDispatcher::kPollNanosMax));
}

TEST(Hypercall, BlockWriteThenReadGivesTheSame) {
  FakeWorld world;
  world.Put(kData, std::uint64_t{42});
  world.Put(kArgument, BlockCall{2, 512, kData, 512, 9, 0});
  EXPECT_FALSE(world.Call(Hypercall::kBlockWrite, kArgument).has_value());
  EXPECT_EQ(world.Get<BlockCall>(kArgument).result, AnswerOf(GuestResult::kOk));
  world.Put(kArgument, BlockCall{2, 512, kData + 512, 512, 9, 0});
  EXPECT_FALSE(world.Call(Hypercall::kBlockRead, kArgument).has_value());
  EXPECT_EQ(world.Get<std::uint64_t>(kData + 512), 42u);
}

TEST(Hypercall, BlockOutOfRangeIsInvalid) {
  FakeWorld world;
  for (const BlockCall& call : {BlockCall{2, kFakeCapacity, kData, 0, 9, 0},
                                BlockCall{2, kFakeCapacity - 512, kData, 513, 9, 0},
                                BlockCall{2, kHuge - 100, kData, 512, 9, 0}}) {
    world.Put(kArgument, call);
    EXPECT_FALSE(world.Call(Hypercall::kBlockWrite, kArgument).has_value());
    EXPECT_EQ(world.Get<BlockCall>(kArgument).result, AnswerOf(GuestResult::kInvalid));
  }
}

TEST(Hypercall, WriteToReadOnlyDeviceIsInvalid) {
  FakeWorld world;
  world.Put(kArgument, BlockCall{3, 0, kData, 512, 9, 0});
  EXPECT_FALSE(world.Call(Hypercall::kBlockWrite, kArgument).has_value());
  EXPECT_EQ(world.Get<BlockCall>(kArgument).result, AnswerOf(GuestResult::kInvalid));
}

TEST(Hypercall, HostErrorOnBlockIsUnspecified) {
  FakeWorld world;
  world.block.fails = true;
  world.Put(kArgument, BlockCall{2, 0, kData, 512, 9, 0});
  EXPECT_FALSE(world.Call(Hypercall::kBlockRead, kArgument).has_value());
  EXPECT_EQ(world.Get<BlockCall>(kArgument).result, AnswerOf(GuestResult::kUnspecified));
}

TEST(Hypercall, BlockReadIntoReadOnlyMemoryEndsTheGuest) {
  FakeWorld world;
  world.Put(kArgument, BlockCall{2, 0, kFakeReadOnly.begin, 512, 9, 0});
  EXPECT_TRUE(world.Call(Hypercall::kBlockRead, kArgument).has_value());
}

TEST(Hypercall, WrongHandleIsInvalidAndTheGuestGoesOn) {
  FakeWorld world;
  for (const std::uint64_t handle : {std::uint64_t{0}, std::uint64_t{2}, std::uint64_t{63},
                                     std::uint64_t{64}, kHuge}) {
    world.Put(kArgument, NetCall{handle, kData, 60, 9, 0});
    EXPECT_FALSE(world.Call(Hypercall::kNetWrite, kArgument).has_value());
    EXPECT_EQ(world.Get<NetCall>(kArgument).result, AnswerOf(GuestResult::kInvalid));
  }
}

TEST(Hypercall, FramesOfWrongSizeAreDroppedAndCounted) {
  FakeWorld world;
  for (const std::uint64_t size : {0, 13, kFakeMtu + 15}) {
    world.Put(kArgument, NetCall{1, kData, size, 9, 0});
    EXPECT_FALSE(world.Call(Hypercall::kNetWrite, kArgument).has_value());
    EXPECT_EQ(world.Get<NetCall>(kArgument).result, AnswerOf(GuestResult::kOk));
  }
  EXPECT_EQ(world.dispatcher.counters().frames_dropped, 3u);
  EXPECT_TRUE(world.net.sent.empty());
}

TEST(Hypercall, FrameThatTheTapRefusesIsDroppedAndCounted) {
  FakeWorld world;
  world.net.refuses = true;
  world.Put(kArgument, NetCall{1, kData, 60, 9, 0});
  EXPECT_FALSE(world.Call(Hypercall::kNetWrite, kArgument).has_value());
  EXPECT_EQ(world.Get<NetCall>(kArgument).result, AnswerOf(GuestResult::kOk));
  EXPECT_EQ(world.dispatcher.counters().frames_dropped, 1u);
}

TEST(Hypercall, NetReadGivesTheFrameAndItsSize) {
  FakeWorld world;
  world.net.pending = {1, 2, 3};
  world.Put(kArgument, NetCall{1, kData, 1514, 9, 0});
  EXPECT_FALSE(world.Call(Hypercall::kNetRead, kArgument).has_value());
  EXPECT_EQ(world.Get<NetCall>(kArgument).result, AnswerOf(GuestResult::kOk));
  EXPECT_EQ(world.Get<NetCall>(kArgument).length, 3u);
  EXPECT_THAT(world.stages.reached, ElementsAre(Stage::kFirstPacketIn));
}

TEST(Hypercall, NetReadWithoutFrameIsAgain) {
  FakeWorld world;
  world.Put(kArgument, NetCall{1, kData, 1514, 9, 0});
  EXPECT_FALSE(world.Call(Hypercall::kNetRead, kArgument).has_value());
  EXPECT_EQ(world.Get<NetCall>(kArgument).result, AnswerOf(GuestResult::kAgain));
  EXPECT_TRUE(world.stages.reached.empty());
}

TEST(Hypercall, HaltGivesTheStatus) {
  FakeWorld world;
  world.Put(kArgument, HaltCall{0, 42, 0});
  const auto end = world.Call(Hypercall::kHalt, kArgument);
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->reason, EndReason::kHalted);
  EXPECT_EQ(end->exit_status, 42);
}

TEST(Hypercall, HaltAfterATrapDescribesIt) {
  FakeWorld world;
  world.Put(kArgument, HaltCall{kData, 255, 0});
  world.Put(kData, TrapCookieX86{0x8, 2, 0x100abc, 8, 2, 0x1ff00, 16});
  const auto end = world.Call(Hypercall::kHalt, kArgument);
  ASSERT_TRUE(end.has_value());
  EXPECT_THAT(std::string(end->detail.view()), HasSubstr("rip=0x100abc"));
}

TEST(Hypercall, HaltWithAWildCookieIsStillAHalt) {
  FakeWorld world;
  world.Put(kArgument, HaltCall{kHuge - 3, 255, 0});
  const auto end = world.Call(Hypercall::kHalt, kArgument);
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->reason, EndReason::kHalted);
}

TEST(AnswerFrame, UdpEchoReplyAndTcpPayloadCount) {
  EXPECT_TRUE(CarriesAnswer(Frame(17, std::vector<std::uint8_t>(9))));
  EXPECT_TRUE(CarriesAnswer(Frame(1, {0, 0, 0, 0})));
  std::vector<std::uint8_t> tcp(21);
  tcp[12] = 0x50;  // a header of 20 bytes
  EXPECT_TRUE(CarriesAnswer(Frame(6, tcp)));
}

TEST(AnswerFrame, HandshakesRequestsAndRubbishDoNot) {
  std::vector<std::uint8_t> syn_ack(24);
  syn_ack[12] = 0x60;  // a header of 24 bytes, nothing behind it
  EXPECT_FALSE(CarriesAnswer(Frame(6, syn_ack)));
  EXPECT_FALSE(CarriesAnswer(Frame(1, {8, 0, 0, 0})));
  EXPECT_FALSE(CarriesAnswer(std::vector<std::uint8_t>(60)));
  EXPECT_FALSE(CarriesAnswer({}));
}

// A guest's NET_WRITE of `frame`.
std::optional<End> SendFrame(FakeWorld& world, const std::vector<std::uint8_t>& frame) {
  std::copy(frame.begin(), frame.end(), world.bytes.begin() + kData);
  world.Put(kArgument, NetCall{1, kData, frame.size(), -1, 0});
  return world.Call(Hypercall::kNetWrite, kArgument);
}

TEST(Hypercall, ForgedFrameIsDroppedCountedAndNotTheGuestsEnd) {
  FakeWorld world;
  world.devices[1].rules = {FrameCheck::kAddress, kFrameMac, kFrameIpv4};
  EXPECT_FALSE(SendFrame(world, UdpFrame({.source = {10, 77, 0, 99}})).has_value());
  EXPECT_EQ(world.Get<NetCall>(kArgument).result, AnswerOf(GuestResult::kOk));
  EXPECT_TRUE(world.net.sent.empty());
  EXPECT_EQ(world.dispatcher.counters().frames_forged, 1u);
  EXPECT_EQ(world.dispatcher.counters().frames_dropped, 0u);
  EXPECT_TRUE(world.stages.reached.empty());  // it was no answer
}

TEST(Hypercall, FrameInItsOwnNameIsSentAsItIs) {
  FakeWorld world;
  world.devices[1].rules = {FrameCheck::kAddress, kFrameMac, kFrameIpv4};
  EXPECT_FALSE(SendFrame(world, UdpFrame({})).has_value());
  EXPECT_EQ(world.net.sent, UdpFrame({}));
  EXPECT_EQ(world.dispatcher.counters().frames_forged, 0u);
}

}  // namespace
}  // namespace summon::hypervisor
