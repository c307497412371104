// SPDX-License-Identifier: Apache-2.0
// The same zone file and thousands of questions for us, NSD, Knot and BIND: where two of them
// agree, we agree with them.
#include <gtest/gtest.h>

#include <cstdio>
#include <map>

#include "base/strings.h"
#include "tests/differential/sample.h"
#include "tests/differential/servers.h"
#include "tests/end_to_end/fixture.h"
#include "tests/testbed/network.h"
#include "tests/testbed/peers.h"

namespace summon::differential {
namespace {

constexpr std::size_t kQuestions = 4000;
constexpr int kShownMax = 12;

// What the comparison rests on: replies that say different things have different essences.
class EssenceTest : public testing::Test {
 protected:
  // "a.example.test. 5 A 192.0.2.1", authoritative.
  std::vector<std::uint8_t> Reply() const {
    std::vector<std::uint8_t> reply = WriteQuery(question_, 7);
    reply[2] = 0x84;
    reply[7] = 1;
    reply.insert(reply.end(), {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 192, 0, 2, 1});
    return reply;
  }
  const Question question_{.name = "a.example.test", .edns = false};
};

TEST_F(EssenceTest, HasTheRecordsWithTheirTtls) {
  const auto essence = Essence(Reply(), question_, 7);
  ASSERT_TRUE(essence.ok()) << essence.error().message();
  EXPECT_EQ(*essence, "flags 0x8400\n  answer a.example.test. 5 TYPE1  c0000201");
}

TEST_F(EssenceTest, IsNothingForAReplyToAnotherQuestionOrWithATail) {
  EXPECT_FALSE(Essence(Reply(), question_, 8).ok());
  EXPECT_FALSE(Essence(Reply(), {.name = "A.example.test", .edns = false}, 7).ok());
  std::vector<std::uint8_t> longer = Reply();
  longer.push_back(0);
  EXPECT_FALSE(Essence(longer, question_, 7).ok());
}

class Differential : public testing::TestWithParam<std::uint64_t> {
 protected:
  void SetUp() override {
    if (const std::string why = end_to_end::WhyNot("PROCESS"); !why.empty()) GTEST_SKIP() << why;
    for (const char* peer : {"nsd", "knotd", "named"}) {
      if (const std::string why = testbed::WhyNoPeer(peer); !why.empty()) GTEST_SKIP() << why;
    }
    auto made = testbed::NewNamespace();
    ASSERT_TRUE(made.ok()) << made.error().message();
    namespace_ = std::move(made).value();
    sample_ = MakeSample(GetParam());
    for (const char* name : {kOurs, "nsd", "knotd", "named"}) {
      auto server = Server::Start(namespace_.get(), name, sample_.zone_file);
      ASSERT_TRUE(server.ok()) << server.error().message() << sample_.zone_file;
      servers_.push_back(std::move(server).value());
    }
  }

  // What at least two of the peers say; nothing when each has its own opinion.
  static std::optional<std::string> Majority(const std::map<std::string, std::string>& replies) {
    std::map<std::string, int> votes;
    for (const auto& [name, reply] : replies) {
      if (name != kOurs && ++votes[reply] == 2) return reply;
    }
    return std::nullopt;
  }

  // What sort of answer it is; a run must have met every sort.
  static std::string SortOf(const std::string& reply) {
    if (reply.starts_with("flags 0x8403")) return "NXDOMAIN";
    if (reply.starts_with("flags 0x86")) return "truncated";
    if (reply.starts_with("flags 0x8000")) return "referral";
    return reply.find("\n  answer") == std::string::npos ? "NODATA" : "answer";
  }

  UniqueFd namespace_;
  Sample sample_;
  std::vector<std::unique_ptr<Server>> servers_;
};

TEST_P(Differential, WhereTwoPeersAgreeWeAgreeWithThem) {
  int undecided = 0;
  int different = 0;
  std::map<std::string, int> sorts;
  for (const Question& question : MakeQuestions(sample_, GetParam(), kQuestions)) {
    std::map<std::string, std::string> replies;
    for (const auto& server : servers_) replies[server->name()] = server->Ask(question);
    const auto majority = Majority(replies);
    if (!majority) {
      ++undecided;
      continue;
    }
    ++sorts[SortOf(*majority)];
    if (replies[kOurs] == *majority || ++different > kShownMax) continue;
    std::string all;
    for (const auto& [name, reply] : replies) all += StrCat("\n", name, ": ", reply);
    ADD_FAILURE() << Describe(question) << all;
  }
  EXPECT_EQ(different, 0) << "of " << kQuestions << " questions";
  EXPECT_LT(undecided, static_cast<int>(kQuestions) / 100) << "the peers do not agree";
  for (const char* sort : {"answer", "NODATA", "NXDOMAIN", "referral", "truncated"}) {
    EXPECT_GT(sorts[sort], 10) << sort << ": the questions miss something";
    std::printf("%s: %d\n", sort, sorts[sort]);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, Differential, testing::Values(1, 2, 3),
                         [](const auto& tested) { return StrCat("Seed", tested.param); });

}  // namespace
}  // namespace summon::differential
