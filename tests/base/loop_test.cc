// SPDX-License-Identifier: Apache-2.0
// The event loop: order, deadlines, and watchers that end inside their own callbacks.
#include "base/loop/loop.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <optional>
#include <thread>

#include "base/seqpacket.h"

namespace summon {
namespace {

using std::chrono::milliseconds;

constexpr Duration kPatience = std::chrono::seconds(10);  // far more than any of these takes

class LoopTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = Loop::Create();
    ASSERT_TRUE(made.ok()) << made.error().message();
    loop_ = std::move(made).value();
  }
  std::unique_ptr<Loop> loop_;
};

TEST_F(LoopTest, ATimerNeverFiresEarly) {
  int early = 0;
  for (int i = 0; i < 50; ++i) {
    bool fired = false;
    // Odd parts of a millisecond, where rounding could go wrong.
    const Instant due = loop_->Now() + std::chrono::microseconds(1000 + 137 * i % 1000);
    Timer timer(*loop_, [&] {
      fired = true;
      if (loop_->Now() < due) ++early;
    });
    timer.Set(due);
    ASSERT_TRUE(loop_->RunUntil([&] { return fired; }, kPatience));
  }
  EXPECT_EQ(early, 0);
}

TEST_F(LoopTest, ATimerDoesNotFireInsideTheCallThatSetsIt) {
  bool fired = false;
  Timer timer(*loop_, [&] { fired = true; });
  timer.Set(loop_->Now() - milliseconds(5));
  EXPECT_FALSE(fired);
  EXPECT_TRUE(loop_->RunUntil([&] { return fired; }, kPatience));
}

TEST_F(LoopTest, AClearedTimerStaysSilent) {
  bool fired = false;
  bool later = false;
  Timer cleared(*loop_, [&] { fired = true; });
  Timer after(*loop_, [&] { later = true; });
  cleared.Set(loop_->Now());
  after.Set(loop_->Now() + milliseconds(3));
  cleared.Clear();
  ASSERT_TRUE(loop_->RunUntil([&] { return later; }, kPatience));
  EXPECT_FALSE(fired);
}

TEST_F(LoopTest, ATimerMayBeDestroyedInItsOwnCallback) {
  std::optional<Timer> timer;
  bool fired = false;
  timer.emplace(*loop_, [&] {
    timer.reset();
    fired = true;
  });
  timer->Set(loop_->Now());
  EXPECT_TRUE(loop_->RunUntil([&] { return fired; }, kPatience));
}

TEST_F(LoopTest, ATimerThatSetsItselfAgainStarvesNobody) {
  bool posted = false;
  int turns = 0;
  std::optional<Timer> timer;
  timer.emplace(*loop_, [&] {
    // Without an end, a failure of this test would never return.
    if (++turns < 1000) timer->Set(loop_->Now());
  });
  timer->Set(loop_->Now());
  loop_->Post([&] { posted = true; });
  ASSERT_TRUE(loop_->RunUntil([&] { return posted; }, kPatience));
  EXPECT_LT(turns, 1000);
}

TEST_F(LoopTest, NeverIsLaterThanAnyOther) {
  bool fired = false;
  bool later = false;
  Timer never(*loop_, [&] { fired = true; });
  never.Set(kNever);
  loop_->Post([&] { later = true; });
  ASSERT_TRUE(loop_->RunUntil([&] { return later; }, kPatience));
  EXPECT_FALSE(fired);
}

TEST_F(LoopTest, RunUntilGivesUpAtItsDeadline) {
  EXPECT_FALSE(loop_->RunUntil([] { return false; }, milliseconds(2)));
}

TEST_F(LoopTest, PostedTasksRunInOrderAndNotInsidePost) {
  std::string order;
  loop_->Post([&] { order += 'a'; });
  loop_->Post([&] { order += 'b'; });
  EXPECT_EQ(order, "");
  ASSERT_TRUE(loop_->RunUntil([&] { return order.size() == 2; }, kPatience));
  EXPECT_EQ(order, "ab");
}

TEST_F(LoopTest, AnotherThreadMayPost) {
  std::thread::id ran_on;
  bool done = false;
  std::thread other([&] {
    loop_->Post([&] {
      ran_on = std::this_thread::get_id();
      done = true;
    });
  });
  EXPECT_TRUE(loop_->RunUntil([&] { return done; }, kPatience));
  other.join();
  EXPECT_EQ(ran_on, std::this_thread::get_id());
}

TEST_F(LoopTest, OffloadedWorkRunsElsewhereAndIsDoneHere) {
  std::thread::id worked_on;
  std::thread::id done_on;
  bool done = false;
  loop_->Offload([&] { worked_on = std::this_thread::get_id(); },
                 [&] {
                   done_on = std::this_thread::get_id();
                   done = true;
                 });
  ASSERT_TRUE(loop_->RunUntil([&] { return done; }, kPatience));
  EXPECT_NE(worked_on, std::this_thread::get_id());
  EXPECT_EQ(done_on, std::this_thread::get_id());
}

TEST_F(LoopTest, StopEndsRun) {
  bool ran = false;
  loop_->Post([&] {
    ran = true;
    loop_->Stop();
  });
  loop_->Run();
  EXPECT_TRUE(ran);
}

TEST_F(LoopTest, ADescriptorIsReportedReadableAndThenDisconnected) {
  auto pair = SeqpacketPair(Blocking::kNo).value();
  FdWatcher::Ready seen;
  auto watcher = FdWatcher::Create(*loop_, pair.first.get(), [&](FdWatcher::Ready now) {
                   seen = now;
                 }).value();
  watcher->Watch(FdWatcher::Interest::kRead);
  const std::uint8_t byte = 1;
  ASSERT_TRUE(SendPacket(pair.second.get(), {&byte, 1}).ok());
  ASSERT_TRUE(loop_->RunUntil([&] { return seen.readable; }, kPatience));
  EXPECT_FALSE(seen.disconnected);
  pair.second.Reset();
  EXPECT_TRUE(loop_->RunUntil([&] { return seen.disconnected; }, kPatience));
}

TEST_F(LoopTest, AWatcherMayBeDestroyedInItsOwnCallback) {
  auto pair = SeqpacketPair(Blocking::kNo).value();
  std::unique_ptr<FdWatcher> watcher;
  int calls = 0;
  watcher = FdWatcher::Create(*loop_, pair.first.get(), [&](FdWatcher::Ready) {
              ++calls;
              watcher.reset();
            }).value();
  watcher->Watch(FdWatcher::Interest::kWrite);
  ASSERT_TRUE(loop_->RunUntil([&] { return calls > 0; }, kPatience));
  loop_->RunUntil([] { return false; }, milliseconds(2));
  EXPECT_EQ(calls, 1);
}

TEST_F(LoopTest, ADescriptorThatIsNotOpenCannotBeWatched) {
  EXPECT_FALSE(FdWatcher::Create(*loop_, -1, [](FdWatcher::Ready) {}).ok());
}

TEST_F(LoopTest, ASignalIsDeliveredOnTheLoop) {
  int delivered = 0;
  {
    const SignalWatcher watcher(*loop_, SIGHUP, [&] { ++delivered; });
    ASSERT_EQ(kill(getpid(), SIGHUP), 0);
    EXPECT_TRUE(loop_->RunUntil([&] { return delivered == 1; }, kPatience));
  }
}

}  // namespace
}  // namespace summon
