// SPDX-License-Identifier: Apache-2.0
// The forwarder over real loopback sockets, with upstream servers that the tests play.
#include "dns/forward/forwarder.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <set>

#include "dns/socket.h"
#include "tests/dns/forward/fake_upstream.h"

namespace summon::dns::forward {
namespace {

using dns::test::Answer;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::Content;
using test::FakeUpstream;
using test::Heard;
using test::N;
using test::Packet;
using test::Reply4;

using Replies = std::vector<Packet>;
constexpr Duration kPatience = seconds(20);  // far above what any test here takes

Packet WithId(Packet packet, std::uint16_t id) {
  packet[0] = static_cast<std::uint8_t>(id >> 8);
  packet[1] = static_cast<std::uint8_t>(id);
  return packet;
}
Packet FlipCase(Packet packet) {
  for (std::size_t i = kHeaderSize; packet[i] != 0; i += 1 + std::size_t{packet[i]}) {
    for (std::size_t j = i + 1; j <= i + packet[i]; ++j) {
      if ((packet[j] | 0x20) >= 'a' && (packet[j] | 0x20) <= 'z') packet[j] ^= 0x20;
    }
  }
  return packet;
}

class ForwarderTest : public testing::Test, public ReplyPath {
 protected:
  ForwarderTest() : loop_(Loop::Create().value()), link_(*this), upstream_(*loop_) {
    Rule rule;
    rule.upstreams = {upstream_.endpoint()};
    settings_.rules = {rule};
    settings_.allow_recursion = ParsePrefixes("loopback").value();
  }

  SendOutcome SendReply(const dns::ReplyTo&, const Response& response) override {
    answers_.push_back(*dns::test::ReadAnswer(response.bytes));
    return SendOutcome::kSent;
  }
  void AbandonReply(const dns::ReplyTo&) override { ++abandoned_; }

  void Start() {
    forwarder_ = Forwarder::Create(*loop_, log_, settings_, counters_,
                                   [](const Query&, Responder& responder, const Response& answer) {
                                     (void)responder.Send(answer);
                                   })
                     .value();
  }
  Query QueryFor(std::string_view name) {
    Query query;
    query.id = ++last_id_;
    query.recursion_desired = true;
    query.name = N(name);
    query.type = RrType::kA;
    query.rr_class = RrClass::kIn;
    query.client = Endpoint::Parse("127.0.0.1:40000").value();
    query.edns = Edns{};
    return query;
  }
  void Ask(const Query& query) {
    if (!forwarder_) Start();
    Responder responder(link_, dns::ReplyTo{});
    ASSERT_TRUE(forwarder_->Take(query, responder));
  }
  void Ask(std::string_view name) { Ask(QueryFor(name)); }
  bool Wait(std::size_t answers) {
    return loop_->RunUntil([&] { return answers_.size() >= answers; }, kPatience);
  }
  std::uint64_t Forged(Forgery why) const {
    return counters_.forged[static_cast<std::size_t>(why)];
  }

  std::unique_ptr<Loop> loop_;
  Logger log_{STDERR_FILENO, "test", LogLevel::kError, Logger::Format::kPlain, *loop_};
  ReplyLink link_;
  FakeUpstream upstream_;
  Settings settings_;
  Counters counters_;
  std::vector<Answer> answers_;
  int abandoned_ = 0;
  std::uint16_t last_id_ = 100;
  std::unique_ptr<Forwarder> forwarder_;
};

TEST_F(ForwarderTest, PassesAQuestionOnAndItsAnswerBack) {
  Ask("WWW.example.com");
  ASSERT_TRUE(Wait(1));
  EXPECT_EQ(answers_[0].id, last_id_);
  EXPECT_TRUE(SameOctets(*answers_[0].question, N("WWW.example.com")));
  EXPECT_EQ(answers_[0].answers.at(0).rdata, (Packet{192, 0, 2, 1}));
  EXPECT_TRUE(SameOctets(answers_[0].answers[0].owner, N("WWW.example.com")));
  ASSERT_EQ(upstream_.udp_queries.size(), 1u);
  EXPECT_TRUE(upstream_.udp_queries[0].has_edns);
  EXPECT_FALSE(upstream_.udp_queries[0].dnssec_ok);
  EXPECT_EQ(counters_.replies, 1u);
}

TEST_F(ForwarderTest, DnssecFlagsReachTheServer) {
  Query query = QueryFor("www.example.com");
  query.edns->dnssec_ok = true;
  query.checking_disabled = true;
  Ask(query);
  ASSERT_TRUE(Wait(1));
  EXPECT_TRUE(upstream_.udp_queries.at(0).dnssec_ok);
  EXPECT_TRUE(upstream_.udp_queries.at(0).checking_disabled);
  EXPECT_TRUE(answers_[0].flags & 0x0010);
}

TEST_F(ForwarderTest, EachQuestionHasItsOwnPortIdAndLetters) {
  constexpr std::size_t kCount = 200;
  std::set<std::string> letters;
  std::set<std::uint16_t> ports, ids;
  for (std::size_t i = 0; i < kCount; ++i) {
    Ask("a" + std::to_string(i) + ".example.com");
    ASSERT_TRUE(Wait(i + 1));
    letters.insert(upstream_.udp_queries.back().name.Parent().ToText());
    ports.insert(upstream_.asker().port);
    ids.insert(upstream_.udp_queries.back().id());
  }
  // Of 200 out of 28,000 ports and 65,536 ids hardly any are alike; out of 1,024 cases of ten
  // letters 182 different ones are expected, and fewer than 140 have a chance below 10^-9.
  EXPECT_GT(ports.size(), 180u);
  EXPECT_GT(ids.size(), 180u);
  EXPECT_GT(letters.size(), 140u);
}

// What a forger off the path has to guess. Each is tried thousands of times, most by a forger who
// sees the port, which is more than one has; then the right reply comes and is the one that counts.
TEST_F(ForwarderTest, AHundredThousandForgedRepliesAreRejectedAndTheRightOneWins) {
  constexpr std::size_t kQuestions = 2'000;
  constexpr std::size_t kOfEach = 12;  // below what makes us go to TCP
  const Content evil{.address = {203, 0, 113, 66}};
  upstream_.on_udp = [&](const Heard& query) {
    const Packet forged = Reply4(query, evil);
    Replies replies;
    for (std::size_t i = 0; i < kOfEach; ++i) {
      const auto off = static_cast<std::uint16_t>(query.id() + 1 + 311 * i);
      replies.push_back(WithId(forged, off));
      Heard other = query;
      other.question[1] = static_cast<std::uint8_t>(query.question[1] == 'z' ? 'y' : 'z');
      replies.push_back(Reply4(other, evil));
      replies.push_back(Packet(forged.begin(), forged.end() - 1 - static_cast<long>(i)));
      Packet not_reply = forged;
      not_reply[2] &= 0x7f;
      replies.push_back(not_reply);
      upstream_.SendUdpFromElsewhere(forged);  // all right but for the port it comes from
    }
    replies.push_back(Reply4(query));
    return replies;
  };
  for (std::size_t i = 0; i < kQuestions; ++i) {
    Ask("q" + std::to_string(i) + ".example.com");
    ASSERT_TRUE(Wait(i + 1));
    ASSERT_EQ(answers_.back().rcode, 0);
    ASSERT_EQ(answers_.back().answers.at(0).rdata, (Packet{192, 0, 2, 1})) << i;
  }
  constexpr std::uint64_t kExpected = kQuestions * kOfEach;
  EXPECT_EQ(Forged(Forgery::kWrongId), kExpected);
  EXPECT_EQ(Forged(Forgery::kWrongQuestion), kExpected);
  EXPECT_EQ(Forged(Forgery::kMalformed), kExpected);
  EXPECT_EQ(Forged(Forgery::kNotResponse), kExpected);
  EXPECT_EQ(counters_.tcp, 0u);
  EXPECT_EQ(counters_.failed, 0u);
}

TEST_F(ForwarderTest, RepliesInOtherLettersAreNotBelievedAndTcpIsAsked) {
  constexpr std::size_t kQuestions = 300;
  upstream_.on_udp = [](const Heard& query) {
    return Replies{FlipCase(Reply4(query, {.address = {203, 0, 113, 66}}))};
  };
  for (std::size_t i = 0; i < kQuestions; ++i) {
    Ask("q" + std::to_string(i) + ".example.com");
    ASSERT_TRUE(Wait(i + 1));
    ASSERT_EQ(answers_.back().answers.at(0).rdata, (Packet{192, 0, 2, 1}));
  }
  EXPECT_EQ(Forged(Forgery::kWrongCase), kQuestions);
  EXPECT_EQ(upstream_.tcp_queries.size(), kQuestions);
  EXPECT_EQ(counters_.distrusted, kQuestions);
}

TEST_F(ForwarderTest, ManyForgedRepliesToOneQuestionMakeItGoToTcp) {
  upstream_.on_udp = [](const Heard& query) {
    Replies replies;
    for (std::uint16_t i = 1; i <= 200; ++i) {
      replies.push_back(WithId(Reply4(query, {.address = {203, 0, 113, 66}}),
                               static_cast<std::uint16_t>(query.id() + i)));
    }
    return replies;
  };
  Ask("www.example.com");
  ASSERT_TRUE(Wait(1));
  EXPECT_EQ(answers_[0].answers.at(0).rdata, (Packet{192, 0, 2, 1}));
  EXPECT_EQ(counters_.distrusted, 1u);
  EXPECT_EQ(Forged(Forgery::kWrongId), FlightSocket::kForgedMax);
}

TEST_F(ForwarderTest, ALateReplyReachesNobody) {
  Ask("www.example.com");
  ASSERT_TRUE(Wait(1));
  upstream_.SendUdp(Reply4(upstream_.udp_queries.at(0), {.address = {203, 0, 113, 66}}));
  Ask("www2.example.com");
  ASSERT_TRUE(Wait(2));
  Ask("www.example.com");
  ASSERT_TRUE(Wait(3));
  EXPECT_EQ(answers_[2].answers.at(0).rdata, (Packet{192, 0, 2, 1}));
}

TEST_F(ForwarderTest, ATruncatedReplyIsFetchedOverTcp) {
  upstream_.on_udp = [](const Heard& query) {
    return Replies{Reply4(query, {.flags = 0x8380, .count = 0})};
  };
  upstream_.on_tcp = [](const Heard& query) { return Replies{Reply4(query, {.count = 300})}; };
  Query query = QueryFor("www.example.com");
  query.transport = Transport::kTcp;
  Ask(query);
  ASSERT_TRUE(Wait(1));
  EXPECT_EQ(answers_[0].answers.size(), 300u);
  EXPECT_EQ(counters_.tcp, 1u);
}

TEST_F(ForwarderTest, ATruncatedReplyWithoutTcpFailsAndHarmsNothingElse) {
  upstream_.RefuseTcp();
  upstream_.on_udp = [](const Heard& query) {
    const bool large = query.name.first_label().size() == 5;
    return Replies{large ? Reply4(query, {.flags = 0x8380, .count = 0}) : Reply4(query)};
  };
  for (const char* name : {"small1.example.com", "large.example.com", "small2.example.com"}) {
    Ask(name);
  }
  ASSERT_TRUE(Wait(3));
  Ask("small3.example.com");
  ASSERT_TRUE(Wait(4));
  int failed = 0;
  for (const Answer& answer : answers_) failed += answer.rcode == 2 ? 1 : 0;
  EXPECT_EQ(failed, 1);
  EXPECT_EQ(counters_.in_flight, 0u);
}

TEST_F(ForwarderTest, TcpConnectionsThatEndInTheMiddleLoseNoQuestionForEver) {
  constexpr std::size_t kCount = 300;
  upstream_.tcp_queries_max = 3;
  upstream_.on_udp = [](const Heard& query) {
    return Replies{Reply4(query, {.flags = 0x8380, .count = 0})};
  };
  for (std::size_t i = 0; i < kCount; ++i) Ask("q" + std::to_string(i) + ".example.com");
  ASSERT_TRUE(Wait(kCount));
  EXPECT_EQ(counters_.in_flight, 0u);
  upstream_.tcp_queries_max = 1'000'000;
  Ask("after.example.com");
  ASSERT_TRUE(Wait(kCount + 1));
  EXPECT_EQ(answers_.back().rcode, 0);
}

TEST_F(ForwarderTest, RepliesOverTcpAreParsedToo) {
  upstream_.on_udp = [](const Heard& query) {
    return Replies{Reply4(query, {.flags = 0x8380, .count = 0})};
  };
  upstream_.on_tcp = [](const Heard& query) {
    return Replies{Reply4(query, {.address = {192, 0, 2}})};  // no IPv4 address
  };
  Ask("www.example.com");
  ASSERT_TRUE(Wait(1));
  EXPECT_EQ(answers_[0].rcode, 2);
  EXPECT_EQ(Forged(Forgery::kMalformed), 1u);
}

TEST_F(ForwarderTest, Ipv6ServersAreAskedOverUdpAndTcp) {
  if (!ListenSocket(Endpoint::Parse("[::1]:0").value(), Transport::kTcp).ok()) {
    GTEST_SKIP() << "no IPv6 on the loopback interface";
  }
  FakeUpstream server(*loop_, "[::1]:0");
  server.on_udp = [](const Heard& query) {
    return Replies{Reply4(query, {.flags = 0x8380, .count = 0})};
  };
  settings_.rules[0].upstreams = {server.endpoint()};
  Ask("www.example.com");
  ASSERT_TRUE(Wait(1));
  EXPECT_EQ(answers_[0].rcode, 0);
  EXPECT_EQ(server.tcp_queries.size(), 1u);
}

TEST_F(ForwarderTest, ALostQuestionIsAskedAgain) {
  int heard = 0;
  upstream_.on_udp = [&heard](const Heard& query) {
    return ++heard == 1 ? Replies{} : Replies{Reply4(query)};
  };
  Ask("www.example.com");
  ASSERT_TRUE(Wait(1));
  EXPECT_EQ(answers_[0].rcode, 0);
  ASSERT_EQ(upstream_.udp_queries.size(), 2u);
  // The same socket, id and letters: fresh ones would give a forger two targets.
  EXPECT_EQ(upstream_.udp_queries[0].packet, upstream_.udp_queries[1].packet);
  EXPECT_EQ(upstream_.askers[0], upstream_.askers[1]);
}

TEST_F(ForwarderTest, ASilentServerCostsTheWholePatienceAndNoMore) {
  upstream_.on_udp = [](const Heard&) { return Replies{}; };
  const Instant began = loop_->Now();
  Ask("www.example.com");
  ASSERT_TRUE(Wait(1));
  EXPECT_EQ(answers_[0].rcode, 2);
  EXPECT_GE(loop_->Now() - began, kTotalMax);
  EXPECT_LT(loop_->Now() - began, kTotalMax + seconds(1));
  // At 0, 0.8 and 1.6 s; on a busy machine the third may come too late.
  EXPECT_GE(upstream_.udp_queries.size(), 2u);
  EXPECT_LE(upstream_.udp_queries.size(), 3u);
  EXPECT_EQ(counters_.timeouts, 1u);
}

TEST_F(ForwarderTest, TheNextServerIsAskedWhenOneFailsOrIsNotThere) {
  FakeUpstream second(*loop_, "127.0.0.2:0");
  upstream_.on_udp = [](const Heard& query) {
    return Replies{Reply4(query, {.flags = 0x8182, .count = 0})};  // SERVFAIL
  };
  const Endpoint nobody = Endpoint::Parse("127.0.0.3:1").value();
  settings_.rules[0].upstreams = {nobody, upstream_.endpoint(), second.endpoint()};
  Ask("www.example.com");
  ASSERT_TRUE(Wait(1));
  EXPECT_EQ(answers_[0].rcode, 0);
  EXPECT_EQ(upstream_.udp_queries.size(), 1u);
  EXPECT_EQ(second.udp_queries.size(), 1u);
  EXPECT_EQ(counters_.upstream_failures, 1u);
}

TEST_F(ForwarderTest, AServerThatFailsIsNotAskedAgainForTheSame) {
  upstream_.on_udp = [](const Heard& query) {
    return Replies{Reply4(query, {.flags = 0x8185, .count = 0})};  // REFUSED
  };
  Ask("www.example.com");
  ASSERT_TRUE(Wait(1));
  EXPECT_EQ(answers_[0].rcode, 2);
  EXPECT_EQ(upstream_.udp_queries.size(), 1u);
}

TEST_F(ForwarderTest, AServerThatIsNotThereFailsAtOnce) {
  settings_.rules[0].upstreams = {Endpoint::Parse("127.0.0.3:1").value()};
  const Instant began = loop_->Now();
  Ask("www.example.com");
  ASSERT_TRUE(Wait(1));
  EXPECT_EQ(answers_[0].rcode, 2);
  EXPECT_LT(loop_->Now() - began, milliseconds(700));
}

TEST_F(ForwarderTest, AServerThatKnowsNoEdnsIsAskedWithout) {
  upstream_.on_udp = [](const Heard& query) {
    if (query.has_edns) return Replies{Reply4(query, {.flags = 0x8181, .count = 0})};
    return Replies{Reply4(query)};
  };
  Ask("www.example.com");
  ASSERT_TRUE(Wait(1));
  EXPECT_EQ(answers_[0].answers.size(), 1u);
}

TEST_F(ForwarderTest, ASilentServerRestsWhileAnotherAnswers) {
  FakeUpstream second(*loop_, "127.0.0.2:0");
  upstream_.on_udp = [](const Heard&) { return Replies{}; };
  settings_.rules[0].upstreams = {upstream_.endpoint(), second.endpoint()};
  for (int i = 0; i < 4; ++i) Ask("a" + std::to_string(i) + ".example.com");
  ASSERT_TRUE(Wait(4));
  (void)loop_->RunUntil([] { return false; }, milliseconds(1'600));
  Ask("b.example.com");  // the probe, which waits
  ASSERT_TRUE(Wait(5));
  const Instant began = loop_->Now();
  Ask("c.example.com");
  ASSERT_TRUE(Wait(6));
  EXPECT_LT(loop_->Now() - began, AresChannel::kPatience);
  EXPECT_EQ(answers_.back().rcode, 0);
}

TEST_F(ForwarderTest, ManyQuestionsAtOnceAreAllAnswered) {
  constexpr std::size_t kCount = 600;  // sockets, of the 1,024 descriptors that are usual
  settings_.in_flight_max = 2'000;
  for (std::size_t i = 0; i < kCount; ++i) Ask("q" + std::to_string(i) + ".example.com");
  EXPECT_EQ(counters_.in_flight, kCount);
  ASSERT_TRUE(Wait(kCount));
  EXPECT_EQ(counters_.in_flight, 0u);
  EXPECT_EQ(counters_.failed, 0u);
}

TEST_F(ForwarderTest, ServersOfResolvConfAreUsedAndReadAgain) {
  char path[] = "/tmp/summon_resolv_XXXXXX";
  const UniqueFd file(mkstemp(path));
  ASSERT_TRUE(file.valid());
  const auto write = [&path](std::string_view text) { std::ofstream(path) << text; };
  write("nameserver 127.0.0.4\n");
  settings_.rules[0].upstreams.clear();
  settings_.rules[0].resolv_conf = path;
  settings_.own_endpoints = {Endpoint::Parse("127.0.0.4:53").value()};
  Start();
  ASSERT_TRUE(loop_->RunUntil([&] { return counters_.own_upstreams == 1; }, kPatience));
  Ask("www.example.com");  // the only server is ourselves
  ASSERT_TRUE(Wait(1));
  EXPECT_EQ(answers_[0].rcode, 2);
  if (!ListenSocket(Endpoint::Parse("127.0.0.5:53").value(), Transport::kTcp).ok()) {
    (void)unlink(path);  // in /tmp; nothing depends on it
    GTEST_SKIP() << "port 53 of 127.0.0.5 cannot be bound (root has the right to)";
  }
  FakeUpstream server(*loop_, "127.0.0.5:53");
  write("nameserver 127.0.0.4\nnameserver 127.0.0.5\n");
  ASSERT_TRUE(loop_->RunUntil([&] { return counters_.own_upstreams == 2; }, kPatience));
  (void)unlink(path);
  Ask("www2.example.com");
  ASSERT_TRUE(Wait(2));
  EXPECT_EQ(answers_[1].rcode, 0);
}

TEST_F(ForwarderTest, ForgettingItWhileQuestionsAreInFlightIsSafe) {
  upstream_.on_udp = [](const Heard& query) {
    return Replies{Reply4(query, {.flags = 0x8380, .count = 0})};
  };
  upstream_.on_tcp = [](const Heard&) { return Replies{}; };
  for (int i = 0; i < 20; ++i) Ask("q" + std::to_string(i) + ".example.com");
  (void)loop_->RunUntil([&] { return upstream_.tcp_queries.size() == 20; }, kPatience);
  forwarder_.reset();
  EXPECT_EQ(abandoned_, 20);
}

TEST(IsOwnEndpoint, AnUnspecifiedAddressStandsForAllOfThisMachine) {
  const auto at = [](std::string_view text) { return Endpoint::Parse(text).value(); };
  EXPECT_TRUE(IsOwnEndpoint(at("127.0.0.1:53"), {at("0.0.0.0:53")}));
  EXPECT_TRUE(IsOwnEndpoint(at("127.0.0.1:53"), {at("127.0.0.1:53")}));
  EXPECT_TRUE(IsOwnEndpoint(at("0.0.0.0:53"), {at("127.0.0.1:53")}));
  EXPECT_FALSE(IsOwnEndpoint(at("127.0.0.1:54"), {at("0.0.0.0:53")}));
  EXPECT_FALSE(IsOwnEndpoint(at("127.0.0.2:53"), {at("127.0.0.1:53")}));
  EXPECT_FALSE(IsOwnEndpoint(at("192.0.2.77:53"), {at("0.0.0.0:53")}));
}

}  // namespace
}  // namespace summon::dns::forward
