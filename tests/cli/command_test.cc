// SPDX-License-Identifier: Apache-2.0
// The commands of `summon` against a real summond: output, JSON, exit statuses.
#include <gmock/gmock.h>

#include <filesystem>

#include "tests/end_to_end/fixture.h"

namespace summon::cli {
namespace {

using end_to_end::kPatience;
using testing::HasSubstr;

class Command : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!end_to_end::WhyNot("PROCESS").empty()) return;
    auto started = testbed::House::Start(
        {.services = testbed::Text({.name = "web",
                           .address = "10.77.0.10",
                           .launcher = "PROCESS",
                           .policy = "idle_timeout_s: 60"}) +
                     testbed::Text({.name = "talker",
                                    .address = "10.77.0.11",
                                    .guest = "hostile",
                                    .launcher = "PROCESS",
                                    .extra = "net { none: true }",
                                    .command_line = "never_ready"})});
    ASSERT_TRUE(started.ok()) << started.error().message();
    house_ = std::move(started).value();
    ASSERT_TRUE(house_->AwaitState("web", "asleep", kPatience).ok());
  }
  static void TearDownTestSuite() { house_.reset(); }
  void SetUp() override {
    if (const auto why = end_to_end::WhyNot("PROCESS"); !why.empty()) GTEST_SKIP() << why;
  }
  static testbed::Finished Summon(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {testbed::ProgramPath("summon"), "--socket",
                                         house_->folder() + "/summond.sock"});
    auto finished = testbed::FinishIn(-1, arguments);
    EXPECT_TRUE(finished.ok());
    return std::move(finished).value();
  }

 private:
  static std::unique_ptr<testbed::House> house_;
};
std::unique_ptr<testbed::House> Command::house_;

// Typos need no daemon.
std::string SaidOf(const std::string& word) {
  const auto finished = testbed::FinishIn(-1, {testbed::ProgramPath("summon"), word});
  EXPECT_TRUE(finished.ok());
  EXPECT_EQ(finished->exit_status, 2);
  return finished->output;
}

TEST(Typo, CommandThatIsNearIsOffered) {
  EXPECT_THAT(SaidOf("docter"), HasSubstr("`summon doctor`"));
  EXPECT_THAT(SaidOf("List"), HasSubstr("`summon list`"));
}

TEST(Typo, ImageInPlaceOfACommandIsToBeRun) {
  EXPECT_THAT(SaidOf("hello.hvt"), HasSubstr("`summon run hello.hvt`"));
}

TEST(Typo, WhatIsLikeNothingGetsNoOffer) {
  EXPECT_THAT(SaidOf("xyzzy"), testing::Not(HasSubstr("mean")));
}

// One command for those who use it, whatever programs it is made of.
TEST(Help, NamesEveryCommandAndNoOtherProgram) {
  const auto help = testbed::FinishIn(-1, {testbed::ProgramPath("summon"), "--help"});
  ASSERT_TRUE(help.ok()) << help.error().message();
  EXPECT_EQ(help->exit_status, 0);
  for (const char* command : {"list", "status", "summon", "reclaim", "logs", "doctor", "run"}) {
    EXPECT_THAT(help->output, HasSubstr(std::string("\n  ") + command + " ")) << command;
  }
  EXPECT_THAT(help->output, testing::Not(HasSubstr("summon-ctl")));
}

TEST(Help, RunTellsItsOwnOptions) {
  const auto help = testbed::FinishIn(-1, {testbed::ProgramPath("summon"), "run", "--help"});
  ASSERT_TRUE(help.ok()) << help.error().message();
  EXPECT_EQ(help->exit_status, 0);
  EXPECT_THAT(help->output, HasSubstr("Usage: summon run"));
  EXPECT_THAT(help->output, HasSubstr("--dumpcore"));
}

TEST(Ctl, OptionBeforeRunIsWrongUsage) {
  const auto finished = testbed::FinishIn(-1, {testbed::ProgramPath("summon"), "--json", "run"});
  ASSERT_TRUE(finished.ok()) << finished.error().message();
  EXPECT_EQ(finished->exit_status, 2);
  EXPECT_THAT(finished->output, HasSubstr("`run` comes first"));
}

TEST(Ctl, ProgramThatIsMissingIsNamed) {
  const testbed::ScratchFolder folder;
  const std::string alone = folder.path() + "/summon";
  std::filesystem::copy_file(testbed::ProgramPath("summon"), alone);
  const auto finished = testbed::FinishIn(-1, {alone, "list"});
  ASSERT_TRUE(finished.ok()) << finished.error().message();
  EXPECT_EQ(finished->exit_status, 1);
  EXPECT_THAT(finished->output, HasSubstr("start " + folder.path() + "/summon-ctl"));
}

TEST_F(Command, ListShowsEveryService) {
  const auto finished = Summon({"list"});
  EXPECT_EQ(finished.exit_status, 0);
  EXPECT_THAT(finished.output, HasSubstr("web"));
  EXPECT_THAT(finished.output, HasSubstr("10.77.0.10"));
}

TEST_F(Command, ListAsJsonSaysWhichLaunchersAreUsable) {
  const auto finished = Summon({"list", "--json"});
  EXPECT_EQ(finished.exit_status, 0);
  EXPECT_THAT(finished.output, HasSubstr("\"launchers\""));
}

TEST_F(Command, SummonWaitsUntilReadyAndReclaimUntilAsleep) {
  const auto summoned = Summon({"summon", "web"});
  EXPECT_EQ(summoned.exit_status, 0) << summoned.output;
  EXPECT_THAT(summoned.output, HasSubstr("ready"));
  EXPECT_THAT(summoned.output, HasSubstr("guest_running"));
  const auto reclaimed = Summon({"reclaim", "web"});
  EXPECT_EQ(reclaimed.exit_status, 0) << reclaimed.output;
  EXPECT_THAT(reclaimed.output, HasSubstr("web: asleep"));
}

TEST_F(Command, LogsShowWhatTheGuestPrinted) {
  ASSERT_EQ(Summon({"summon", "talker", "--timeout-ms", "500"}).exit_status, 6);
  const auto logs = Summon({"logs", "talker"});
  EXPECT_EQ(logs.exit_status, 0);
  EXPECT_THAT(logs.output, HasSubstr("never_ready"));
}

TEST_F(Command, UnknownServiceIsStatus3WithASuggestion) {
  const auto finished = Summon({"status", "wbe"});
  EXPECT_EQ(finished.exit_status, 3);
  EXPECT_THAT(finished.output, HasSubstr("no service is named"));
}

TEST_F(Command, WrongUsageIsStatus2) {
  EXPECT_EQ(Summon({"sttaus", "web"}).exit_status, 2);
  EXPECT_EQ(Summon({}).exit_status, 2);
  EXPECT_EQ(Summon({"summon", "web", "--timeout-ms", "0"}).exit_status, 2);
}

TEST_F(Command, DaemonThatIsNotThereIsStatus4WithAHint) {
  const auto finished = testbed::FinishIn(
      -1, {testbed::ProgramPath("summon"), "--socket", "/nonexistent/summond.sock", "list"});
  ASSERT_TRUE(finished.ok());
  EXPECT_EQ(finished->exit_status, 4);
  EXPECT_THAT(finished->output, HasSubstr("is summond running?"));
}

TEST_F(Command, ErrorsAreJsonWhenAskedFor) {
  const auto finished = Summon({"--json", "status", "nobody"});
  EXPECT_EQ(finished.exit_status, 3);
  EXPECT_THAT(finished.output, HasSubstr("\"code\": \"not_found\""));
}

}  // namespace
}  // namespace summon::cli
