// SPDX-License-Identifier: Apache-2.0
// Datagrams by the batch, over real loopback sockets.
#include "dns/udp.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <set>
#include <vector>

#include "base/unique_fd.h"

namespace summon::dns {
namespace {

using Octets = std::vector<std::uint8_t>;

// Repeats each datagram, at once or, while `later`, never.
class UdpTest : public testing::Test {
 protected:
  void SetUp() override {
    auto listener = UdpListener::Create(
        {*loop_, batch_, counters_}, {Endpoint::Parse("127.0.0.1:0").value()},
        [this](Bytes packet, const ReplyTo& from, Instant) { Take(packet, from); });
    ASSERT_TRUE(listener.ok()) << listener.error().message();
    listener_ = std::move(listener).value();
    client_ = UniqueFd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const SocketAddress address(listener_->bound());
    ASSERT_EQ(connect(client_.get(), address.get(), address.size), 0);
  }
  void Take(Bytes packet, const ReplyTo& from) {
    ++taken_;
    longest_ = std::max(longest_, packet.size());
    for (std::size_t i = 0; i < repeats_; ++i) {
      const Octets answer = answer_.empty() ? Octets(packet.begin(), packet.end()) : answer_;
      outcomes_.insert(listener_->Send(from, answer));
    }
  }
  void Ask(const Octets& octets) {
    ASSERT_EQ(send(client_.get(), octets.data(), octets.size(), 0),
              static_cast<ssize_t>(octets.size()));
  }
  // The next answer; empty when there is none yet.
  Octets Next() {
    Octets space(65'535);
    const ssize_t count = recv(client_.get(), space.data(), space.size(), MSG_DONTWAIT);
    space.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return space;
  }

  std::unique_ptr<Loop> loop_ = Loop::Create().value();
  UdpBatch batch_;
  Counters counters_;
  std::unique_ptr<UdpListener> listener_;
  UniqueFd client_;
  std::size_t repeats_ = 1;
  Octets answer_;
  std::size_t taken_ = 0;
  std::size_t longest_ = 0;
  std::set<SendOutcome> outcomes_;
};

TEST_F(UdpTest, ATurnOfTheLoopAnswersABatchAndNoMore) {
  for (std::uint8_t i = 0; i < UdpBatch::kMax + 1; ++i) Ask({i});
  loop_->RunOnce();
  EXPECT_EQ(taken_, UdpBatch::kMax);
  for (std::uint8_t i = 0; i < UdpBatch::kMax; ++i) EXPECT_EQ(Next(), Octets{i});
  EXPECT_TRUE(Next().empty());
  loop_->RunOnce();
  EXPECT_EQ(Next(), Octets{UdpBatch::kMax});
}

TEST_F(UdpTest, MoreAnswersThanABatchHoldsAreSentAllTheSame) {
  repeats_ = UdpBatch::kMax + 3;
  Ask({7});
  loop_->RunOnce();
  for (std::size_t i = 0; i < repeats_; ++i) EXPECT_EQ(Next(), Octets{7});
  EXPECT_TRUE(Next().empty());
}

TEST_F(UdpTest, AnAnswerThatIsTooLongForABatchIsSentAllTheSame) {
  answer_ = Octets(UdpBatch::kSendMax + 1, 9);
  Ask({7});
  loop_->RunOnce();
  EXPECT_EQ(Next(), answer_);
}

TEST_F(UdpTest, OfALongDatagramTheRestIsLost) {
  Ask(Octets(UdpBatch::kReceiveMax + 1, 1));
  Ask(Octets(5, 1));
  loop_->RunOnce();
  EXPECT_EQ(taken_, 2u);
  EXPECT_EQ(longest_, UdpBatch::kReceiveMax);
}

TEST_F(UdpTest, WhatTheKernelWillNotTakeIsCounted) {
  answer_ = Octets(65'535, 1);  // more than a datagram can carry
  Ask({7});
  loop_->RunOnce();
  EXPECT_EQ(outcomes_, std::set<SendOutcome>{SendOutcome::kLost});
  EXPECT_EQ(counters_.send_failed, 1u);
}

TEST_F(UdpTest, WhatComesFasterThanItIsReadIsCounted) {
  // The kernel counts at least 512 octets of each datagram against at most 8 MiB of room.
  constexpr std::size_t kTooMany = 20'000;
  repeats_ = 0;
  for (std::size_t i = 0; i < kTooMany; ++i) Ask({1});
  const Duration enough = std::chrono::milliseconds(300);  // for what is kept; not all is
  EXPECT_FALSE(loop_->RunUntil([this] { return taken_ == kTooMany; }, enough));
  const std::size_t kept = taken_;
  EXPECT_EQ(counters_.receive_overflow, kTooMany - kept);
}

}  // namespace
}  // namespace summon::dns
