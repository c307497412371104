// SPDX-License-Identifier: Apache-2.0
// NOTIFY by RFC 1996, against sockets of our own.
#include "dns/notify.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "dns/socket.h"
#include "tests/dns/wire.h"

namespace summon::dns {
namespace {

using test::N;
using test::Packet;

constexpr Duration kPatience = std::chrono::seconds(10);

TEST(NotifyMessage, IsAQuestionForTheSoaWithAa) {
  std::array<std::uint8_t, kUdpSizeMin> space;
  const std::size_t size = WriteNotify(N("a.test"), 0x1234, space);
  EXPECT_EQ(test::ToHex(Bytes(space.data(), size)),
            test::ToHex(test::FromHex("1234 2400 0001 0000 0000 0000 01 61 04 74657374 00 "
                                      "0006 0001")));
}

TEST(NotifyMessage, AnswersAreMatchedByEverythingThatTheySay) {
  const Name apex = N("a.test");
  const auto read = [&](const char* hex) {
    return ReadNotifyAnswer(test::FromHex(hex), apex, 0x1234);
  };
  EXPECT_EQ(read("1234 a400 0001 0000 0000 0000 01 41 04 74657374 00 0006 0001"), Rcode::kNoError);
  EXPECT_EQ(read("1234 a405 0000 0000 0000 0000"), Rcode::kRefused);
  EXPECT_EQ(read("1234 a400 0000 0000 0000 0000"), std::nullopt);  // says nothing
  EXPECT_EQ(read("1235 a400 0001 0000 0000 0000 01 61 04 74657374 00 0006 0001"), std::nullopt);
  EXPECT_EQ(read("1234 2400 0001 0000 0000 0000 01 61 04 74657374 00 0006 0001"), std::nullopt);
  EXPECT_EQ(read("1234 8400 0001 0000 0000 0000 01 61 04 74657374 00 0006 0001"), std::nullopt);
  EXPECT_EQ(read("1234 a400 0001 0000 0000 0000 01 62 04 74657374 00 0006 0001"), std::nullopt);
  EXPECT_EQ(read("1234"), std::nullopt);
}

class NotifierTest : public testing::Test {
 protected:
  void SetUp() override {
    fd_ = ListenSocket(Endpoint::Parse("127.0.0.1:0").value(), Transport::kUdp).value();
    secondary_ = BoundEndpoint(fd_.get()).value();
  }
  // The next message, and where it came from.
  struct Got {
    Packet packet;
    SocketAddress from;
  };
  std::optional<Got> Receive() {
    Got got;
    std::optional<Got> out;
    got.packet.resize(kUdpSizeMin);
    (void)loop_->RunUntil(
        [&] {
          const ssize_t count = recvfrom(fd_.get(), got.packet.data(), got.packet.size(),
                                         MSG_DONTWAIT, got.from.get(), &got.from.size);
          if (count < 0) return false;
          got.packet.resize(static_cast<std::size_t>(count));
          out = got;
          return true;
        },
        kPatience);
    return out;
  }
  void Reply(const Got& got, std::uint16_t flags) {
    Packet answer = got.packet;
    answer[2] = static_cast<std::uint8_t>(flags >> 8);
    answer[3] = static_cast<std::uint8_t>(flags);
    ASSERT_GT(sendto(fd_.get(), answer.data(), answer.size(), 0, got.from.get(), got.from.size), 0);
  }
  void AwaitResult() {
    EXPECT_TRUE(loop_->RunUntil([&] { return results_ > 0; }, kPatience));
  }

  std::unique_ptr<Loop> loop_ = Loop::Create().value();
  UniqueFd fd_;
  Endpoint secondary_;
  int results_ = 0;
  std::string result_;
  Notifier notifier_{*loop_, [this](const Notifier::Notice&, const std::string& what) {
                       ++results_;
                       result_ = what;
                     }};
};

TEST_F(NotifierTest, EndsWithTheAnswer) {
  notifier_.Notify({N("a.test"), 1, secondary_});
  const auto got = Receive();
  ASSERT_TRUE(got.has_value());
  Reply(*got, 0xa400);
  AwaitResult();
  EXPECT_EQ(result_, "");
  EXPECT_EQ(notifier_.counters().answered, 1u);
}

TEST_F(NotifierTest, TellsOfARefusal) {
  notifier_.Notify({N("a.test"), 1, secondary_});
  const auto got = Receive();
  ASSERT_TRUE(got.has_value());
  Reply(*got, 0xa405);
  AwaitResult();
  EXPECT_EQ(result_, "it answered REFUSED");
}

TEST_F(NotifierTest, RepeatsWhatIsNotAnswered) {
  notifier_.Notify({N("a.test"), 1, secondary_});
  const auto first = Receive();
  const auto second = Receive();
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->packet, second->packet);
  EXPECT_EQ(notifier_.counters().sent, 2u);
}

TEST_F(NotifierTest, TakesNoOtherAnswer) {
  notifier_.Notify({N("a.test"), 1, secondary_});
  auto got = Receive();
  ASSERT_TRUE(got.has_value());
  got->packet[0] ^= 1;  // another id
  Reply(*got, 0xa400);
  EXPECT_TRUE(loop_->RunUntil([&] { return notifier_.counters().unmatched == 1; }, kPatience));
  EXPECT_EQ(results_, 0);
}

TEST_F(NotifierTest, OneAtATimeForAZoneAndSecondary) {
  notifier_.Notify({N("a.test"), 1, secondary_});
  notifier_.Notify({N("a.test"), 2, secondary_});
  ASSERT_TRUE(Receive().has_value());
  EXPECT_EQ(notifier_.counters().sent, 1u);
}

TEST_F(NotifierTest, QueuesWithinABound) {
  for (std::size_t i = 0; i <= Notifier::kQueuedMax; ++i) {
    notifier_.Notify({N(std::to_string(i) + ".test"), 1, secondary_});
  }
  EXPECT_EQ(notifier_.counters().dropped, 1u);
}

}  // namespace
}  // namespace summon::dns
