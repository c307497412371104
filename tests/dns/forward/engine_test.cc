// SPDX-License-Identifier: Apache-2.0
// What the forwarder decides, with servers that a test plays and a clock that it moves.
#include "dns/forward/engine.h"

#include <gtest/gtest.h>

#include "dns/forward/local_names.h"
#include "tests/dns/forward/replies.h"
#include "tests/fakes/fake_clock.h"

namespace summon::dns::forward {
namespace {

using dns::test::Answer;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::A;
using test::Answered;
using test::N;
using test::Packet;

constexpr RrType kA = RrType::kA;

// Keeps what it was asked.
class FakeAsker final : public Asker {
 public:
  struct Asked {
    Ticket ticket{};
    std::size_t rule = 0;
    Question question;
  };
  bool Ask(Ticket ticket, std::size_t rule, const Question& question) override {
    if (refuses) return false;
    asked.push_back({ticket, rule, question});
    return true;
  }
  void GiveUp(Ticket ticket) override { given_up.push_back(ticket); }
  bool IsUpstream(std::size_t, const Endpoint& address) const override {
    return address.octets == upstream.octets;
  }
  bool IsOurs(Ticket, const Name& name) const override { return SameOctets(name, letters); }

  bool refuses = false;
  std::vector<Asked> asked;
  std::vector<Ticket> given_up;
  Endpoint upstream = Endpoint::Parse("198.51.100.1:53").value();
  Name letters;
};

class EngineTest : public testing::Test, public ReplyPath {
 protected:
  EngineTest() : link_(*this) {
    Rule everything;
    settings_.rules.push_back(everything);
    settings_.allow_recursion = ParsePrefixes("loopback").value();
  }

  SendOutcome SendReply(const dns::ReplyTo&, const Response& response) override {
    answers_.push_back(*dns::test::ReadAnswer(response.bytes));
    return SendOutcome::kSent;
  }
  void AbandonReply(const dns::ReplyTo&) override { ++abandoned_; }

  Engine& engine() {
    if (!engine_) {
      engine_ = std::make_unique<Engine>(
          settings_, Engine::Parts{clock_, asker_, counters_, SipKey{1, 2},
                                   [](const Query&, Responder& responder, const Response& answer) {
                                     (void)responder.Send(answer);
                                   }});
    }
    return *engine_;
  }

  Query QueryFor(std::string_view name, RrType type = kA) {
    Query query;
    query.id = ++last_id_;
    query.recursion_desired = true;
    query.name = N(name);
    query.type = type;
    query.rr_class = RrClass::kIn;
    query.client = Endpoint::Parse("127.0.0.1:40000").value();
    query.edns = Edns{};
    return query;
  }
  bool Take(const Query& query) {
    Responder responder(link_, dns::ReplyTo{});
    return engine().Take(query, responder);
  }
  bool Take(std::string_view name, RrType type = kA) { return Take(QueryFor(name, type)); }
  // The newest question's outcome.
  void Conclude(Outcome outcome) {
    engine().OnOutcome(asker_.asked.back().ticket, std::move(outcome));
  }
  void ConcludeWithAddress(std::string_view name, std::uint32_t ttl = 300) {
    Conclude(Answered(name, kA, {.answers = {A(name, {192, 0, 2, 1}, ttl)}}));
  }
  static std::optional<int> ErrorOf(const Answer& answer) {
    if (!answer.opt || answer.opt->rdata.size() < 6) return std::nullopt;
    return answer.opt->rdata[4] << 8 | answer.opt->rdata[5];
  }

  Settings settings_;
  fakes::FakeClock clock_;
  FakeAsker asker_;
  Counters counters_;
  ReplyLink link_;
  std::vector<Answer> answers_;
  int abandoned_ = 0;
  std::uint16_t last_id_ = 100;
  std::unique_ptr<Engine> engine_;
};

TEST_F(EngineTest, AnswersWithTheClientsIdAndLettersAndWithoutAuthority) {
  ASSERT_TRUE(Take("WWW.Example"));
  EXPECT_TRUE(SameOctets(asker_.asked.at(0).question.name, N("www.example")));
  ConcludeWithAddress("www.example");
  ASSERT_EQ(answers_.size(), 1u);
  EXPECT_EQ(answers_[0].id, last_id_);
  EXPECT_TRUE(SameOctets(*answers_[0].question, N("WWW.Example")));
  EXPECT_TRUE(answers_[0].ra());
  EXPECT_TRUE(answers_[0].rd());
  EXPECT_FALSE(answers_[0].aa());
  EXPECT_EQ(answers_[0].answers.at(0).rdata, (Packet{192, 0, 2, 1}));
}

TEST_F(EngineTest, ASecondQuestionIsAnsweredFromTheCacheWithLessTtl) {
  ASSERT_TRUE(Take("www.example"));
  ConcludeWithAddress("www.example", 300);
  clock_.Advance(seconds(100));
  ASSERT_TRUE(Take("www.example"));
  EXPECT_EQ(asker_.asked.size(), 1u);
  EXPECT_EQ(answers_.at(1).answers.at(0).ttl, 200u);
  EXPECT_EQ(counters_.hits, 1u);
}

TEST_F(EngineTest, EqualQuestionsInFlightAreAskedOnce) {
  ASSERT_TRUE(Take("www.example"));
  ASSERT_TRUE(Take("wWw.example"));
  EXPECT_EQ(asker_.asked.size(), 1u);
  ConcludeWithAddress("www.example");
  EXPECT_EQ(answers_.size(), 2u);
  EXPECT_EQ(counters_.coalesced, 1u);
}

TEST_F(EngineTest, WhoWantsSignaturesIsAskedForApart) {
  Query query = QueryFor("www.example");
  ASSERT_TRUE(Take(query));
  query.edns->dnssec_ok = true;
  ASSERT_TRUE(Take(query));
  query.checking_disabled = true;
  ASSERT_TRUE(Take(query));
  ASSERT_EQ(asker_.asked.size(), 3u);
  EXPECT_TRUE(asker_.asked[1].question.dnssec_ok);
  EXPECT_TRUE(asker_.asked[2].question.checking_disabled);
}

TEST_F(EngineTest, ARepeatedQueryReplacesItsFirstAndIsAnsweredOnce) {
  const Query query = QueryFor("www.example");
  ASSERT_TRUE(Take(query));
  ASSERT_TRUE(Take(query));
  ConcludeWithAddress("www.example");
  EXPECT_EQ(answers_.size(), 1u);
  EXPECT_EQ(abandoned_, 1);
}

TEST_F(EngineTest, TheLongestRuleWins) {
  Rule corp;
  corp.zone = N("corp.example");
  settings_.rules.push_back(corp);
  ASSERT_TRUE(Take("a.corp.example"));
  ASSERT_TRUE(Take("a.example"));
  EXPECT_EQ(asker_.asked.at(0).rule, 1u);
  EXPECT_EQ(asker_.asked.at(1).rule, 0u);
}

TEST_F(EngineTest, NamesWithoutARuleAreNotTaken) {
  settings_.rules[0].zone = N("example");
  EXPECT_FALSE(Take("www.other"));
}

TEST_F(EngineTest, StrangersAndThoseWhoWantNoRecursionAreNotTaken) {
  Query stranger = QueryFor("www.example");
  stranger.client = Endpoint::Parse("203.0.113.9:999").value();
  EXPECT_FALSE(Take(stranger));
  Query snooper = QueryFor("www.example");
  snooper.recursion_desired = false;
  EXPECT_FALSE(Take(snooper));
  EXPECT_EQ(counters_.refused[static_cast<int>(Refusal::kNotAllowed)], 1u);
  EXPECT_EQ(counters_.refused[static_cast<int>(Refusal::kNoRecursion)], 1u);
}

TEST_F(EngineTest, TransfersAndOtherClassesAreNotTaken) {
  EXPECT_FALSE(Take("example", RrType::kAxfr));
  Query chaos = QueryFor("version.bind", RrType::kTxt);
  chaos.rr_class = RrClass::kChaos;
  EXPECT_FALSE(Take(chaos));
}

TEST_F(EngineTest, NobodyAnsweringIsServfailAfterTheWholePatience) {
  ASSERT_TRUE(Take("www.example"));
  clock_.Advance(milliseconds(1'899));
  engine().OnTime();
  EXPECT_TRUE(answers_.empty());
  clock_.Advance(milliseconds(1));
  engine().OnTime();
  ASSERT_EQ(answers_.size(), 1u);
  EXPECT_EQ(answers_[0].rcode, 2);
  EXPECT_EQ(ErrorOf(answers_[0]), 22);
  EXPECT_EQ(asker_.given_up.size(), 1u);
}

TEST_F(EngineTest, AFailureIsRememberedForAMoment) {
  ASSERT_TRUE(Take("www.example"));
  Conclude({.failure = EdeCode::kNetworkError});
  ASSERT_TRUE(Take("www.example"));
  EXPECT_EQ(asker_.asked.size(), 1u);
  EXPECT_EQ(ErrorOf(answers_.at(1)), 23);
  EXPECT_EQ(counters_.failure_hits, 1u);
  clock_.Advance(seconds(1));
  ASSERT_TRUE(Take("www.example"));
  EXPECT_EQ(asker_.asked.size(), 2u);
}

TEST_F(EngineTest, AServersOwnReasonForFailingIsPassedOn) {
  ASSERT_TRUE(Take("bogus.example"));
  Conclude({.upstream_error = 6});  // DNSSEC bogus
  EXPECT_EQ(answers_.at(0).rcode, 2);
  EXPECT_EQ(ErrorOf(answers_.at(0)), 6);
}

// RFC 8767 section 5.
TEST_F(EngineTest, WhatIsStaleIsServedWhenNobodyAnswersInTime) {
  ASSERT_TRUE(Take("www.example"));
  ConcludeWithAddress("www.example", 10);
  clock_.Advance(seconds(60));
  ASSERT_TRUE(Take("www.example"));
  EXPECT_EQ(answers_.size(), 1u);
  clock_.Advance(milliseconds(1'800));
  engine().OnTime();
  ASSERT_EQ(answers_.size(), 2u);
  EXPECT_EQ(answers_[1].answers.at(0).ttl, 30u);
  EXPECT_EQ(ErrorOf(answers_[1]), 3);
  EXPECT_EQ(counters_.stale, 1u);
}

TEST_F(EngineTest, WhatIsStaleIsServedAtOnceWhileAFailureIsRemembered) {
  ASSERT_TRUE(Take("www.example"));
  ConcludeWithAddress("www.example", 10);
  clock_.Advance(seconds(60));
  ASSERT_TRUE(Take("www.example"));
  Conclude({});
  ASSERT_TRUE(Take("www.example"));
  EXPECT_EQ(asker_.asked.size(), 2u);
  EXPECT_EQ(ErrorOf(answers_.at(2)), 3);
}

TEST_F(EngineTest, WhatIsTooStaleIsNotServed) {
  settings_.cache.stale_max_s = 30;
  ASSERT_TRUE(Take("www.example"));
  ConcludeWithAddress("www.example", 10);
  clock_.Advance(seconds(41));
  ASSERT_TRUE(Take("www.example"));
  Conclude({});
  EXPECT_EQ(answers_.at(1).rcode, 2);
}

TEST_F(EngineTest, ANameAskedForNearItsEndIsAskedForAhead) {
  ASSERT_TRUE(Take("www.example"));
  ConcludeWithAddress("www.example", 100);
  clock_.Advance(seconds(95));
  ASSERT_TRUE(Take("www.example"));
  ASSERT_TRUE(Take("www.example"));
  EXPECT_EQ(asker_.asked.size(), 2u);  // once
  EXPECT_EQ(answers_.size(), 3u);
  ConcludeWithAddress("www.example", 100);
  clock_.Advance(seconds(50));
  ASSERT_TRUE(Take("www.example"));
  EXPECT_EQ(asker_.asked.size(), 2u);
  EXPECT_EQ(counters_.prefetches, 1u);
}

TEST_F(EngineTest, AskingAheadThatFailsIsNotRepeatedAtOnce) {
  ASSERT_TRUE(Take("www.example"));
  ConcludeWithAddress("www.example", 100);
  clock_.Advance(seconds(95));
  ASSERT_TRUE(Take("www.example"));
  Conclude({});
  ASSERT_TRUE(Take("www.example"));
  EXPECT_EQ(asker_.asked.size(), 2u);
  clock_.Advance(seconds(1));
  ASSERT_TRUE(Take("www.example"));
  EXPECT_EQ(asker_.asked.size(), 3u);
  EXPECT_EQ(answers_.back().rcode, 0);  // it is still fresh
}

TEST_F(EngineTest, NegativeAnswersAreCached) {
  ASSERT_TRUE(Take("no.example"));
  Conclude(Answered("no.example", kA, {.authorities = {test::SoaOf("example", 900, 60)}},
                    test::kNxDomainFlags));
  clock_.Advance(seconds(20));
  ASSERT_TRUE(Take("no.example"));
  EXPECT_EQ(asker_.asked.size(), 1u);
  EXPECT_EQ(answers_.at(1).rcode, 3);
  EXPECT_EQ(answers_.at(1).authorities.at(0).ttl, 40u);
}

TEST_F(EngineTest, AnswersThatLeadIntoPrivateNetworksAreRefused) {
  ASSERT_TRUE(Take("evil.example"));
  Conclude(Answered("evil.example", kA, {.answers = {A("evil.example", {192, 168, 0, 1})}}));
  EXPECT_EQ(answers_.at(0).rcode, 5);
  EXPECT_EQ(ErrorOf(answers_.at(0)), 15);
  EXPECT_TRUE(answers_.at(0).answers.empty());
  ASSERT_TRUE(Take("evil.example"));  // from the cache, too
  EXPECT_EQ(answers_.at(1).rcode, 5);
}

TEST_F(EngineTest, PrivateAddressesPassForListedZonesAndWithoutProtection) {
  settings_.private_zones = {N("home.example")};
  Rule corp;
  corp.zone = N("corp");
  corp.rebind_protection = false;
  settings_.rules.push_back(corp);
  for (const std::string_view name : {"nas.home.example", "a.corp"}) {
    ASSERT_TRUE(Take(name));
    Conclude(Answered(name, kA, {.answers = {A(name, {192, 168, 0, 1})}}));
    EXPECT_EQ(answers_.back().rcode, 0);
  }
}

TEST_F(EngineTest, AnUpstreamThatAsksUsWhatWeAskItIsACircle) {
  ASSERT_TRUE(Take("www.example"));
  Query back = QueryFor("www.example");
  settings_.allow_recursion = ParsePrefixes("any").value();
  engine_.reset();
  ASSERT_TRUE(Take("www.example"));
  back.client = asker_.upstream;
  ASSERT_TRUE(Take(back));
  EXPECT_EQ(answers_.back().rcode, 2);
  EXPECT_EQ(counters_.refused[static_cast<int>(Refusal::kLoop)], 1u);
}

TEST_F(EngineTest, OurOwnLettersComingBackAreACircle) {
  asker_.letters = N("wWw.ExaMPle.tEst");
  settings_.rules[0].zone = N("test");
  ASSERT_TRUE(Take("www.example.test"));
  ASSERT_TRUE(Take("wWw.ExaMPle.tEst"));
  EXPECT_EQ(answers_.at(0).rcode, 2);
  ASSERT_TRUE(Take("www.exAmple.test"));
  EXPECT_EQ(answers_.size(), 1u);  // somebody else's: waits
}

TEST_F(EngineTest, NoMoreIsInFlightThanMayBe) {
  settings_.in_flight_max = 4;
  for (const std::string_view name : {"a.x", "b.x"}) ASSERT_TRUE(Take(name));
  ASSERT_TRUE(Take("c.x"));  // one network has half of it
  EXPECT_EQ(answers_.at(0).rcode, 2);
  EXPECT_EQ(counters_.refused[static_cast<int>(Refusal::kOverload)], 1u);
  EXPECT_EQ(asker_.asked.size(), 2u);
}

TEST_F(EngineTest, NoMoreWaitForOneNameThanMay) {
  for (std::size_t i = 0; i < kWaitersPerFlightMax + 1; ++i) ASSERT_TRUE(Take("www.example"));
  EXPECT_EQ(answers_.size(), 1u);
  EXPECT_EQ(answers_.at(0).rcode, 2);
}

TEST_F(EngineTest, WithoutAServerItFailsAtOnce) {
  asker_.refuses = true;
  ASSERT_TRUE(Take("www.example"));
  EXPECT_EQ(answers_.at(0).rcode, 2);
  EXPECT_EQ(ErrorOf(answers_.at(0)), 22);
}

TEST_F(EngineTest, ALateOutcomeIsNobodys) {
  ASSERT_TRUE(Take("www.example"));
  clock_.Advance(seconds(2));
  engine().OnTime();
  ConcludeWithAddress("www.example");
  EXPECT_EQ(answers_.size(), 1u);
}

TEST_F(EngineTest, AnAnswerThatIsTooLargeForTheClientIsTruncated) {
  Query query = QueryFor("www.example");
  query.edns.reset();
  ASSERT_TRUE(Take(query));
  test::Sections sections;
  for (std::uint8_t i = 0; i < 40; ++i) {
    sections.answers.push_back(A("www.example", {192, 0, 2, i}));
  }
  Conclude(Answered("www.example", kA, sections));
  EXPECT_TRUE(answers_.at(0).tc());
  EXPECT_FALSE(answers_.at(0).opt);
  EXPECT_TRUE(answers_.at(0).answers.empty());
}

TEST_F(EngineTest, AuthenticDataIsPassedOnOnlyFromTrustedServers) {
  settings_.rules[0].trust_ad = true;
  Rule other;
  other.zone = N("other");
  settings_.rules.push_back(other);
  for (const std::string_view name : {"a.example", "a.other"}) {
    Query query = QueryFor(name);
    query.authentic_data = true;
    ASSERT_TRUE(Take(query));
    Conclude(Answered(name, kA, {.answers = {A(name, {192, 0, 2, 1})}}, 0x81a0));
  }
  EXPECT_TRUE(answers_.at(0).flags & 0x0020);
  EXPECT_FALSE(answers_.at(1).flags & 0x0020);
}

// RFC 6761 sections 6.2 to 6.4, RFC 6762 section 22, RFC 7686, RFC 8375.
TEST_F(EngineTest, NamesThatMustStayAtHomeAreNotAskedFor) {
  ASSERT_TRUE(Take("a.localhost"));
  EXPECT_EQ(answers_.back().answers.at(0).rdata, (Packet{127, 0, 0, 1}));
  for (const std::string_view name : {"printer.local", "x.onion", "a.test", "nas.home.arpa"}) {
    ASSERT_TRUE(Take(name));
    EXPECT_EQ(answers_.back().rcode, 3);
  }
  EXPECT_TRUE(asker_.asked.empty());
}

TEST_F(EngineTest, ARuleForALocalZoneIsMeant) {
  Rule home;
  home.zone = N("home.arpa");
  settings_.rules.push_back(home);
  ASSERT_TRUE(Take("nas.home.arpa"));
  EXPECT_EQ(asker_.asked.size(), 1u);
}

}  // namespace
}  // namespace summon::dns::forward
