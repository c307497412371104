// SPDX-License-Identifier: Apache-2.0
// The server over real loopback sockets, on ports that the system chooses.
#include "dns/server.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <thread>

#include "base/strings.h"
#include "base/unique_fd.h"
#include "dns/authority.h"
#include "tests/dns/sample_zones.h"
#include "tests/dns/wire.h"

namespace summon::dns {
namespace {

using test::Packet;
using test::PlainQuery;

constexpr Duration kPatience = std::chrono::seconds(10);  // far above what any test here takes

// Answers from the sample zones at once; while `parking`, keeps queries for later.
class ZoneHandler final : public Handler {
 public:
  struct Parked {
    Query query;
    Responder responder;
  };

  void Handle(const Query& query, Responder responder) override {
    if (parking) {
      parked.push_back({query, std::move(responder)});
    } else {
      last_outcome = Answer(query, responder);
    }
  }
  SendOutcome Answer(const Query& query, Responder& responder) {
    return responder.Send(WriteAnswer(zones_.table(), query, {}, space_));
  }

  bool parking = false;
  std::vector<Parked> parked;
  SendOutcome last_outcome = SendOutcome::kLost;

 private:
  test::SampleZones zones_;
  std::array<std::uint8_t, kTcpSpace> space_{};
};

class ServerTest : public testing::Test {
 protected:
  void Start(const TcpLimits& limits = {}, std::string_view listen = "127.0.0.1:0") {
    ServerOptions options;
    options.listen = {Endpoint::Parse(listen).value()};
    options.tcp = limits;
    options.rate_limit = rate_limit_;
    auto server = Server::Create(*loop_, options, handler_);
    ASSERT_TRUE(server.ok()) << server.error().message();
    server_ = std::move(server).value();
  }

  UniqueFd Connect(int type) {
    Endpoint to = server_->addresses().at(0);
    if (to.octets[0] == 0) to.octets = {127, 0, 0, 1};
    UniqueFd fd(socket(AF_INET, type | SOCK_CLOEXEC, 0));
    const SocketAddress address(to);
    EXPECT_EQ(connect(fd.get(), address.get(), address.size), 0);
    return fd;
  }
  void Write(const UniqueFd& fd, Bytes bytes) {
    EXPECT_EQ(send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  // What one read gives; runs the loop until there is something. Empty at end of file.
  Packet Read(const UniqueFd& fd) {
    Packet space(65'535);
    ssize_t count = -1;
    EXPECT_TRUE(loop_->RunUntil(
        [&] {
          Nudge();
          count = recv(fd.get(), space.data(), space.size(), MSG_DONTWAIT);
          return count >= 0 || errno != EAGAIN;
        },
        kPatience));
    space.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return space;
  }
  // One message of a TCP stream.
  Packet ReadFramed(const UniqueFd& fd) {
    while (stream_.size() < 2 || stream_.size() < 2u + (stream_[0] << 8 | stream_[1])) {
      const Packet more = Read(fd);
      if (more.empty()) return {};
      stream_.insert(stream_.end(), more.begin(), more.end());
    }
    const long end = 2 + (stream_[0] << 8 | stream_[1]);
    Packet message(stream_.begin() + 2, stream_.begin() + end);
    stream_.erase(stream_.begin(), stream_.begin() + end);
    return message;
  }
  void RunUntil(const std::function<bool()>& done) {
    EXPECT_TRUE(loop_->RunUntil([&] { Nudge(); return done(); }, kPatience));
  }
  // RunUntil sleeps until an event; the client's side makes none, so have one each millisecond.
  void Nudge() { tick_->Set(loop_->Now() + std::chrono::milliseconds(1)); }

  static Packet Framed(const Packet& message) {
    test::Message framed;
    return framed.Be16(static_cast<std::uint16_t>(message.size())).Raw(message).bytes();
  }
  static Packet WithId(Packet message, std::uint8_t id) {
    message[0] = 0;
    message[1] = id;
    return message;
  }
  std::uint64_t Closed(CloseReason reason) const {
    return server_->counters().tcp_closed[static_cast<std::size_t>(reason)];
  }

  std::unique_ptr<Loop> loop_ = Loop::Create().value();
  std::unique_ptr<Timer> tick_ = std::make_unique<Timer>(*loop_, [] {});
  ZoneHandler handler_;
  std::optional<RateLimitOptions> rate_limit_;  // for Start
  std::unique_ptr<Server> server_;
  Packet stream_;
  const Packet hello_ = PlainQuery("hello.summon.test", RrType::kA);
};

TEST_F(ServerTest, AnswersOverUdp) {
  Start();
  const UniqueFd client = Connect(SOCK_DGRAM);
  Write(client, hello_);
  EXPECT_EQ(test::ReadAnswer(Read(client))->answers.size(), 1u);
  EXPECT_EQ(server_->counters().queries[0][0], 1u);
  EXPECT_EQ(server_->counters().responses[0], 1u);
}

// The client's socket is connected: it takes answers only from the address it asked.
TEST_F(ServerTest, AnswersFromTheAddressThatWasAsked) {
  Start({}, "0.0.0.0:0");
  UniqueFd client(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const SocketAddress second(
      Endpoint::Ipv4(Ipv4Address{{127, 0, 0, 2}}, server_->addresses()[0].port));
  ASSERT_EQ(connect(client.get(), second.get(), second.size), 0);
  Write(client, hello_);
  EXPECT_TRUE(test::ReadAnswer(Read(client)).has_value());
}

TEST_F(ServerTest, AnswersOverIpv6) {
  ServerOptions options;
  options.listen = {Endpoint::Parse("[::1]:0").value()};
  auto server = Server::Create(*loop_, options, handler_);
  if (!server.ok()) GTEST_SKIP() << "no IPv6 loopback: " << server.error().message();
  server_ = std::move(server).value();
  UniqueFd client(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const SocketAddress address(server_->addresses()[0]);
  ASSERT_EQ(connect(client.get(), address.get(), address.size), 0);
  Write(client, hello_);
  EXPECT_TRUE(test::ReadAnswer(Read(client)).has_value());
}

TEST_F(ServerTest, AnswersMalformedMessagesItselfAndNeverResponses) {
  Start();
  const UniqueFd client = Connect(SOCK_DGRAM);
  Packet response = hello_;
  response[2] |= 0x80;
  Write(client, response);
  Packet trailing = hello_;
  trailing.push_back(0);
  Write(client, trailing);
  EXPECT_EQ(test::ReadAnswer(Read(client))->rcode, 1);  // the first answer is to the second
  EXPECT_EQ(server_->counters().drops[static_cast<std::size_t>(DropReason::kResponse)], 1u);
  EXPECT_EQ(server_->counters().self_answered[0].formerr, 1u);
}

TEST_F(ServerTest, APortInUseSaysWhoseAndHowToMend) {
  Start();
  ServerOptions options;
  options.listen = server_->addresses();
  const auto second = Server::Create(*loop_, options, handler_);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code(), ErrorCode::kBusy);
  EXPECT_NE(second.error().message().find(options.listen[0].ToString()), std::string::npos);
  EXPECT_NE(second.error().message().find("ss -lunp"), std::string::npos);
}

TEST_F(ServerTest, ParkedAnswersAreSentLater) {
  Start();
  handler_.parking = true;
  const UniqueFd client = Connect(SOCK_DGRAM);
  Write(client, hello_);
  RunUntil([&] { return handler_.parked.size() == 1; });
  auto parked = std::move(handler_.parked[0]);
  EXPECT_EQ(handler_.Answer(parked.query, parked.responder), SendOutcome::kSent);
  EXPECT_EQ(test::ReadAnswer(Read(client))->answers.size(), 1u);
}

TEST_F(ServerTest, RespondersOutliveConnectionAndServer) {
  Start();
  handler_.parking = true;
  UniqueFd client = Connect(SOCK_STREAM);
  Write(client, Framed(hello_));
  Write(client, Framed(hello_));
  RunUntil([&] { return handler_.parked.size() == 2; });
  const linger reset{1, 0};
  ASSERT_EQ(setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
  client.Reset();
  RunUntil([&] { return server_->counters().tcp_open == 0; });
  auto first = std::move(handler_.parked[0]);
  EXPECT_EQ(handler_.Answer(first.query, first.responder), SendOutcome::kLost);
  EXPECT_EQ(server_->counters().late, 1u);
  server_.reset();
  auto second = std::move(handler_.parked[1]);
  EXPECT_EQ(handler_.Answer(second.query, second.responder), SendOutcome::kLost);
}

TEST_F(ServerTest, CountsQueriesThatNobodyAnswers) {
  Start();
  handler_.parking = true;
  const UniqueFd client = Connect(SOCK_DGRAM);
  Write(client, hello_);
  RunUntil([&] { return handler_.parked.size() == 1; });
  handler_.parked.clear();
  EXPECT_EQ(server_->counters().unanswered, 1u);
}

TEST_F(ServerTest, TcpTakesAMessageOctetByOctet) {
  Start();
  const UniqueFd client = Connect(SOCK_STREAM);
  for (const std::uint8_t octet : Framed(hello_)) {
    Write(client, Bytes(&octet, 1));
    Nudge();
    loop_->RunOnce();
  }
  EXPECT_EQ(test::ReadAnswer(ReadFramed(client))->answers.size(), 1u);
}

// RFC 7766 section 7.
TEST_F(ServerTest, TcpAnswersInTheOrderThatTheyAreReady) {
  Start();
  handler_.parking = true;
  const UniqueFd client = Connect(SOCK_STREAM);
  Packet both = Framed(WithId(hello_, 1));
  const Packet second = Framed(WithId(hello_, 2));
  both.insert(both.end(), second.begin(), second.end());
  Write(client, both);
  RunUntil([&] { return handler_.parked.size() == 2; });
  (void)handler_.Answer(handler_.parked[1].query, handler_.parked[1].responder);
  (void)handler_.Answer(handler_.parked[0].query, handler_.parked[0].responder);
  EXPECT_EQ(test::ReadAnswer(ReadFramed(client))->id, 2);
  EXPECT_EQ(test::ReadAnswer(ReadFramed(client))->id, 1);
}

TEST_F(ServerTest, TcpAnswersAfterTheClientHasEndedItsSide) {
  Start();
  handler_.parking = true;
  const UniqueFd client = Connect(SOCK_STREAM);
  Write(client, Framed(hello_));
  ASSERT_EQ(shutdown(client.get(), SHUT_WR), 0);
  RunUntil([&] { return handler_.parked.size() == 1; });
  (void)handler_.Answer(handler_.parked[0].query, handler_.parked[0].responder);
  EXPECT_EQ(test::ReadAnswer(ReadFramed(client))->answers.size(), 1u);
  EXPECT_TRUE(ReadFramed(client).empty());  // then the server closes
  EXPECT_EQ(Closed(CloseReason::kPeer), 1u);
}

TEST_F(ServerTest, TcpSendsWhatUdpTruncates) {
  Start();
  const UniqueFd client = Connect(SOCK_STREAM);
  Write(client, Framed(PlainQuery("big.summon.test", RrType::kTxt)));
  EXPECT_EQ(test::ReadAnswer(ReadFramed(client))->answers.size(), 40u);
}

TEST_F(ServerTest, TcpStopsReadingAtTheBoundOfUnansweredQueries) {
  TcpLimits limits;
  limits.unanswered_max = 3;
  Start(limits);
  handler_.parking = true;
  const UniqueFd client = Connect(SOCK_STREAM);
  for (std::uint8_t id = 0; id < 5; ++id) Write(client, Framed(WithId(hello_, id)));
  RunUntil([&] { return handler_.parked.size() == 3; });
  Nudge();
  loop_->RunOnce();
  EXPECT_EQ(handler_.parked.size(), 3u);
  (void)handler_.Answer(handler_.parked[0].query, handler_.parked[0].responder);
  EXPECT_EQ(handler_.parked.size(), 3u);  // never from inside Send
  RunUntil([&] { return handler_.parked.size() == 4; });
}

TEST_F(ServerTest, TcpManyPipelinedQueriesAreAllAnswered) {
  Start();
  const UniqueFd client = Connect(SOCK_STREAM);
  constexpr int kMany = 2'000;  // several reads, and more than unanswered_max
  Packet all;
  for (int i = 0; i < kMany; ++i) {
    const Packet one = Framed(hello_);
    all.insert(all.end(), one.begin(), one.end());
  }
  std::thread writer([&] { Write(client, all); });
  int answers = 0;
  while (answers < kMany && !ReadFramed(client).empty()) ++answers;
  writer.join();
  EXPECT_EQ(answers, kMany);
}

TEST_F(ServerTest, TcpClosesForALengthThatNoMessageHas) {
  Start();
  const UniqueFd client = Connect(SOCK_STREAM);
  Write(client, Packet{0, 5, 1, 2, 3, 4, 5});
  RunUntil([&] { return Closed(CloseReason::kFraming) == 1; });
}

TEST_F(ServerTest, TcpEndsSilentAndIdleConnections) {
  TcpLimits limits;
  limits.first_octet = limits.idle = std::chrono::milliseconds(30);
  Start(limits);
  const UniqueFd silent = Connect(SOCK_STREAM);
  const UniqueFd idle = Connect(SOCK_STREAM);
  Write(idle, Framed(hello_));
  EXPECT_FALSE(ReadFramed(idle).empty());
  RunUntil([&] {
    return Closed(CloseReason::kFirstOctet) == 1 && Closed(CloseReason::kIdle) == 1;
  });
}

// The deadline runs from the first octet: octets in between do not renew it.
TEST_F(ServerTest, TcpEndsAMessageThatTrickles) {
  TcpLimits limits;
  limits.message = std::chrono::milliseconds(50);
  Start(limits);
  const UniqueFd client = Connect(SOCK_STREAM);
  RunUntil([&] {
    const std::uint8_t octet = 0xff;  // claims 65,535 octets: not whole before the deadline
    (void)send(client.get(), &octet, 1, MSG_NOSIGNAL);  // until it has been closed
    return Closed(CloseReason::kMessageDeadline) == 1;
  });
}

TEST_F(ServerTest, TcpEvictsTheOldestIdleConnectionForANewOne) {
  TcpLimits limits;
  limits.connections_max = 2;
  Start(limits);
  const UniqueFd first = Connect(SOCK_STREAM);
  RunUntil([&] { return server_->counters().tcp_open == 1; });
  const UniqueFd second = Connect(SOCK_STREAM);
  RunUntil([&] { return server_->counters().tcp_open == 2; });
  const UniqueFd third = Connect(SOCK_STREAM);
  EXPECT_TRUE(Read(first).empty());
  EXPECT_EQ(Closed(CloseReason::kEvicted), 1u);
  Write(third, Framed(hello_));
  EXPECT_FALSE(ReadFramed(third).empty());
}

TEST_F(ServerTest, TcpBoundsTheConnectionsOfOneNetwork) {
  TcpLimits limits;
  limits.per_local_prefix_max = 1;
  Start(limits);
  const UniqueFd first = Connect(SOCK_STREAM);
  const UniqueFd second = Connect(SOCK_STREAM);
  EXPECT_TRUE(Read(second).empty());
  EXPECT_EQ(server_->counters().tcp_refused[static_cast<std::size_t>(TcpRefusal::kPrefix)], 1u);
}

// Half-closed, and not reading: the server must neither spin nor keep the connection for ever.
TEST_F(ServerTest, TcpEndsAClientThatDoesNotReadItsAnswers) {
  TcpLimits limits;
  limits.write_stall = std::chrono::milliseconds(50);
  Start(limits);
  const UniqueFd client = Connect(SOCK_STREAM);
  const Packet query = Framed(PlainQuery("big.summon.test", RrType::kTxt));
  RunUntil([&] {
    (void)send(client.get(), query.data(), query.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return Closed(CloseReason::kWriteStalled) == 1;
  });
}

// Rates of one a second, so that no time that a test takes adds to the burst of one.
TEST_F(ServerTest, OverItsShareANetworkGetsEverySecondAnswerTruncated) {
  rate_limit_ = RateLimitOptions{.per_second = {1, 1, 1, 1}, .burst_factor = 1};
  Start();
  const UniqueFd client = Connect(SOCK_DGRAM);
  Write(client, hello_);
  EXPECT_EQ(test::ReadAnswer(Read(client))->answers.size(), 1u);
  Write(client, WithId(hello_, 1));
  Write(client, WithId(hello_, 2));
  const auto slip = test::ReadAnswer(Read(client));
  EXPECT_EQ(slip->id, 2);
  EXPECT_TRUE(slip->flags & 0x0200);  // TC
  EXPECT_TRUE(slip->answers.empty());
  const auto positive = static_cast<std::size_t>(AnswerClass::kPositive);
  EXPECT_EQ(server_->counters().limited_dropped[positive], 1u);
  EXPECT_EQ(server_->counters().limited_slipped[positive], 1u);
  EXPECT_EQ(handler_.last_outcome, SendOutcome::kLost);
}

TEST_F(ServerTest, OverTcpThereIsNoShare) {
  rate_limit_ = RateLimitOptions{.per_second = {1, 1, 1, 1}, .burst_factor = 1};
  Start();
  const UniqueFd client = Connect(SOCK_STREAM);
  Write(client, Framed(hello_));
  Write(client, Framed(hello_));
  EXPECT_EQ(test::ReadAnswer(ReadFramed(client))->answers.size(), 1u);
  EXPECT_EQ(test::ReadAnswer(ReadFramed(client))->answers.size(), 1u);
}

TEST_F(ServerTest, AnswersThatItGivesItselfAreLimitedToo) {
  rate_limit_ = RateLimitOptions{.per_second = {1, 1, 1, 1}, .burst_factor = 1};
  Start();
  const UniqueFd client = Connect(SOCK_DGRAM);
  Packet trailing = hello_;
  trailing.push_back(0);
  Write(client, trailing);
  Write(client, trailing);
  RunUntil([&] {
    return server_->counters().limited_dropped[static_cast<std::size_t>(AnswerClass::kError)] == 1;
  });
  EXPECT_EQ(server_->counters().self_answered[0].formerr, 2u);
}

TEST_F(ServerTest, ExemptNetworksHaveNoShare) {
  rate_limit_ = RateLimitOptions{.per_second = {1, 1, 1, 1},
                                 .burst_factor = 1,
                                 .exempt = PrefixList(ParsePrefixes("loopback").value())};
  Start();
  const UniqueFd client = Connect(SOCK_DGRAM);
  Write(client, hello_);
  EXPECT_FALSE(Read(client).empty());
  Write(client, hello_);
  EXPECT_FALSE(Read(client).empty());
}

}  // namespace
}  // namespace summon::dns
