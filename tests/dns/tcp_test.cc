// SPDX-License-Identifier: Apache-2.0
// What clients of DNS over TCP may do, and what they may not hold (RFC 7766, RFC 9210).
#include <malloc.h>
#include <sys/resource.h>

#include "base/descriptor_limit.h"
#include "dns/handshake_budget.h"
#include "dns/tcp_shared.h"
#include "tests/dns/stream_fixture.h"

namespace summon::dns {
namespace {

using std::chrono::milliseconds;
using test::Packet;

class TcpTest : public test::StreamTest {
 protected:
  // The beginning of a message that says it is longer.
  Packet Half() const {
    Packet half = Framed(hello_);
    half.resize(half.size() / 2);
    return half;
  }
  Packet OtherHalf() const {
    const Packet whole = Framed(hello_);
    return Packet(whole.begin() + static_cast<long>(Half().size()), whole.end());
  }
  bool Answers(const UniqueFd& client) {
    Write(client, Framed(hello_));
    return !ReadFramed(client).empty();
  }
};

// Knot's only TCP worker waits for the rest of a message; 21 such connections stop it.
TEST_F(TcpTest, StalledConnectionsDoNotBlockOthers) {
  Start();
  std::vector<UniqueFd> stalled(21);
  for (UniqueFd& client : stalled) {
    client = Connect();
    Write(client, Half());
  }
  RunUntil([&] { return server_->counters().tcp_open == 21; });
  const UniqueFd client = Connect();
  const Instant asked = loop_->Now();
  EXPECT_TRUE(Answers(client));
  EXPECT_LT(loop_->Now() - asked, std::chrono::seconds(1));  // a message may take five
}

// NSD and PowerDNS give each octet its own time: such a client stays for minutes.
TEST_F(TcpTest, AnOctetNowAndThenDoesNotKeepAConnection) {
  TcpLimits limits;
  limits.message = milliseconds(100);
  Start(limits);
  const UniqueFd client = Connect();
  const Packet query = Framed(hello_);
  std::size_t sent = 0;
  Instant next = loop_->Now();
  RunUntil([&] {
    if (loop_->Now() >= next) {
      (void)send(client.get(), &query[sent++ % query.size()], 1, MSG_NOSIGNAL);  // until closed
      next += milliseconds(20);
    }
    return Closed(CloseReason::kMessageDeadline) == 1;
  });
  EXPECT_LT(sent, query.size());
}

// Other queries of the same connection may be answered meanwhile: that is not its progress.
TEST_F(TcpTest, AnswersDoNotGiveAnUnfinishedMessageMoreTime) {
  TcpLimits limits;
  limits.message = milliseconds(150);
  Start(limits);
  handler_.parking = true;
  const UniqueFd client = Connect();
  for (std::uint8_t id = 0; id < 40; ++id) Write(client, Framed(WithId(hello_, id)));
  Write(client, Half());
  RunUntil([&] { return handler_.parked.size() == 40; });
  Instant next = loop_->Now();
  RunUntil([&] {
    if (loop_->Now() >= next && !handler_.parked.empty()) {
      handler_.AnswerParked();
      next += milliseconds(10);
    }
    return Closed(CloseReason::kMessageDeadline) == 1;
  });
  EXPECT_FALSE(handler_.parked.empty());
}

TEST_F(TcpTest, ManyMessagesInOneSegmentAreAnsweredInOne) {
  Start();
  const UniqueFd client = Connect();
  Packet all;
  for (std::uint8_t id = 0; id < 50; ++id) {
    const Packet one = Framed(WithId(hello_, id));
    all.insert(all.end(), one.begin(), one.end());
  }
  Write(client, all);
  stream_ = Read(client);
  for (std::uint8_t id = 0; id < 50; ++id) {
    ASSERT_GT(stream_.size(), 2u) << "answer " << int{id} << " came on its own";
    EXPECT_EQ(test::ReadAnswer(ReadFramed(client))->id, id);
  }
}

// Forty clients that always have something to say, and a datagram that comes meanwhile.
TEST_F(TcpTest, BusyConnectionsLeaveTurnsToOthers) {
  Start();
  std::vector<UniqueFd> clients(40);
  const Packet one = Framed(hello_);
  Packet many;
  while (many.size() < TcpShared::kReadMax) many.insert(many.end(), one.begin(), one.end());
  for (UniqueFd& client : clients) client = Connect();
  RunUntil([&] { return server_->counters().tcp_open == clients.size(); });
  for (const UniqueFd& client : clients) Write(client, many);
  const std::size_t before = handler_.handled;
  loop_->RunOnce();
  EXPECT_GT(handler_.handled, before);
  EXPECT_LE((handler_.handled - before) * one.size(), TcpTurn::kOctetsMax + TcpShared::kReadMax);
  RunUntil([&] { return handler_.handled - before >= clients.size() * many.size() / one.size(); });
}

TEST_F(TcpTest, EveryQueryBeforeTheEndOfTheClientsSideIsAnswered) {
  Start();
  const UniqueFd client = Connect();
  for (std::uint8_t id = 0; id < 200; ++id) Write(client, Framed(WithId(hello_, id)));
  ASSERT_EQ(shutdown(client.get(), SHUT_WR), 0);
  for (int i = 0; i < 200; ++i) ASSERT_FALSE(ReadFramed(client).empty()) << "answer " << i;
  EXPECT_TRUE(ReadFramed(client).empty());
}

// More than may be unanswered, then the end: what was left unread is taken up as answers leave.
TEST_F(TcpTest, HeldAnswersOfAClientThatEndedItsSideAllArrive) {
  Start();
  handler_.parking = true;
  const UniqueFd client = Connect();
  for (std::uint8_t id = 0; id < 150; ++id) Write(client, Framed(WithId(hello_, id)));
  ASSERT_EQ(shutdown(client.get(), SHUT_WR), 0);
  RunUntil([&] { return handler_.parked.size() == TcpLimits{}.unanswered_max; });
  int answered = 0;
  RunUntil([&] {
    for (; !handler_.parked.empty(); ++answered) handler_.AnswerParked();
    return answered == 150;
  });
  for (int i = 0; i < 150; ++i) ASSERT_FALSE(ReadFramed(client).empty()) << "answer " << i;
  EXPECT_TRUE(ReadFramed(client).empty());
  EXPECT_GE(server_->counters().tcp_paused, 2u);
}

TEST_F(TcpTest, IdleConnectionsEndSoonerWhenThereAreMany) {
  TcpLimits limits;
  limits.connections_max = 4;
  limits.idle = std::chrono::minutes(5);
  limits.idle_crowded = milliseconds(30);
  Start(limits);
  std::vector<UniqueFd> clients(3);
  for (UniqueFd& client : clients) {
    client = Connect();
    EXPECT_TRUE(Answers(client));
  }
  RunFor(milliseconds(60));
  EXPECT_EQ(server_->counters().tcp_open, 3u);  // three of four: not yet crowded
  const UniqueFd fourth = Connect();
  EXPECT_TRUE(Answers(fourth));
  RunUntil([&] { return Closed(CloseReason::kIdle) >= 1; });
}

TEST_F(TcpTest, RefusesANewConnectionWhenNoneIsIdle) {
  TcpLimits limits;
  limits.connections_max = 2;
  Start(limits);
  handler_.parking = true;
  const UniqueFd first = Connect();
  Write(first, Framed(hello_));
  const UniqueFd second = Connect();
  Write(second, Half());
  RunUntil([&] { return handler_.parked.size() == 1 && server_->counters().tcp_open == 2; });
  const UniqueFd third = Connect();
  EXPECT_TRUE(Read(third).empty());
  EXPECT_EQ(Refused(TcpRefusal::kFull), 1u);
  handler_.AnswerParked();
  EXPECT_FALSE(ReadFramed(first).empty());  // whoever works goes on
}

// It asks and asks, and reads nothing: what waits for it is bounded, and so is its time.
TEST_F(TcpTest, AClientThatDoesNotReadHoldsNoMoreThanTheBound) {
  TcpLimits limits;
  limits.write_stall = milliseconds(300);
  Start(limits);
  const UniqueFd client = Connect();
  const Packet query = Framed(test::PlainQuery("big.summon.test", RrType::kTxt));
  const std::size_t before = mallinfo2().uordblks;
  std::size_t most = 0;
  RunUntil([&] {
    for (int i = 0; i < 10; ++i) {
      (void)send(client.get(), query.data(), query.size(), MSG_NOSIGNAL | MSG_DONTWAIT);  // enough
    }
    most = std::max(most, mallinfo2().uordblks);
    return Closed(CloseReason::kWriteStalled) == 1;
  });
  EXPECT_LT(most - before, 2 * limits.unsent_max + TcpShared::kReadMax + 128 * 1024);
}

// An answer that is ready when the peer has stopped reading ends the connection, not the memory.
TEST_F(TcpTest, MoreUnreadAnswersThanKeptEndTheConnection) {
  TcpLimits limits;
  limits.unsent_max = 4'000;  // less than one answer
  Start(limits);
  const UniqueFd client = Connect();
  Write(client, Framed(test::PlainQuery("big.summon.test", RrType::kTxt)));
  RunUntil([&] { return Closed(CloseReason::kWriteOverflow) == 1; });
}

TEST_F(TcpTest, ThousandsOfIdleConnectionsHoldAboutAKibibyteEach) {
  constexpr std::size_t kMany = 4'000;
  RaiseDescriptorLimit();
  rlimit descriptors{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &descriptors), 0);
  if (descriptors.rlim_cur < 2 * kMany + 100) {
    GTEST_SKIP() << "only " << descriptors.rlim_cur << " descriptors; this test needs 8,100";
  }
  TcpLimits limits;
  limits.connections_max = limits.per_local_prefix_max = 2 * kMany;
  limits.idle = limits.first_octet = std::chrono::minutes(5);
  Start(limits);
  std::vector<UniqueFd> clients(kMany);
  EXPECT_TRUE(Answers(clients[0] = Connect()));  // what is made once is there
  const std::size_t before = mallinfo2().uordblks;
  for (std::size_t i = 1; i < kMany; ++i) {
    clients[i] = Connect();
    Write(clients[i], Half());  // what is kept of it must be given back
    Nudge();
    loop_->RunOnce();
    Write(clients[i], OtherHalf());
    EXPECT_FALSE(ReadFramed(clients[i]).empty());
  }
  const std::size_t each = (mallinfo2().uordblks - before) / (kMany - 1);
  RecordProperty("bytes_per_idle_connection", static_cast<int>(each));
  EXPECT_EQ(server_->counters().tcp_open, kMany);
  EXPECT_LE(each, 1'024u);
  EXPECT_TRUE(Answers(clients[0]));  // the first is still served
}

TEST(HandshakeBudget, ANetworkHasItsBurstThenItsRate) {
  HandshakeBudget budget(10, SipKey{1, 2});
  const Endpoint client = Endpoint::Ipv4(Ipv4Address{{192, 0, 2, 1}}, 1);
  const Instant start{std::chrono::hours(1)};
  int taken = 0;
  while (budget.Take(client, start)) ++taken;
  EXPECT_EQ(taken, 40);  // four seconds' worth
  EXPECT_FALSE(budget.Take(Endpoint::Ipv4(Ipv4Address{{192, 0, 2, 200}}, 9), start));
  EXPECT_TRUE(budget.Take(Endpoint::Ipv4(Ipv4Address{{198, 51, 100, 1}}, 1), start));
  EXPECT_TRUE(budget.Take(client, start + milliseconds(100)));
  EXPECT_FALSE(budget.Take(client, start + milliseconds(100)));
}

}  // namespace
}  // namespace summon::dns
