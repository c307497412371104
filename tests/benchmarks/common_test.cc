// SPDX-License-Identifier: Apache-2.0
// Turns, statistics and reports of the benchmarks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "benchmarks/common/program.h"
#include "benchmarks/common/report.h"

namespace summon::benchmarks {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Way Counting(const std::string& label, std::vector<std::string>& calls) {
  return {label, [label, &calls]() -> Result<Sample> {
            calls.push_back(label);
            return Sample{static_cast<double>(calls.size())};
          }};
}

TEST(MeasureInTurn, EachRoundBeginsWithAnotherWay) {
  std::vector<std::string> calls;
  const auto series =
      MeasureInTurn({Counting("a", calls), Counting("b", calls)}, {.warm_up = 0, .count = 2});
  EXPECT_THAT(calls, ElementsAre("a", "b", "b", "a"));
  ASSERT_EQ(series.size(), 2u);
  EXPECT_THAT(series[0].samples, ElementsAre(Sample{1}, Sample{4}));
  EXPECT_THAT(series[1].samples, ElementsAre(Sample{2}, Sample{3}));
}

TEST(MeasureInTurn, WarmUpIsNotCounted) {
  std::vector<std::string> calls;
  const auto series = MeasureInTurn({Counting("a", calls)}, {.warm_up = 3, .count = 1});
  EXPECT_THAT(series[0].samples, ElementsAre(Sample{4}));
}

TEST(MeasureInTurn, WayThatAlwaysFailsIsGivenUp) {
  std::vector<std::string> calls;
  const Way broken{"broken", [] { return Result<Sample>(Error(ErrorCode::kIo, "no")); }};
  const auto series = MeasureInTurn({broken, Counting("a", calls)}, {.warm_up = 0, .count = 100});
  EXPECT_EQ(series[0].failures.size(), kFailuresInARowMax);
  EXPECT_EQ(series[1].samples.size(), 100u);
}

TEST(MeasureInTurn, NoRoundBeginsAfterTheLimit) {
  std::vector<std::string> calls;
  const auto series = MeasureInTurn({Counting("a", calls)},
                                    {.warm_up = 0, .count = 100, .limit = Duration::zero()});
  EXPECT_EQ(series[0].samples.size(), 1u);
}

TEST(Percentile, IsTheNearestRank) {
  EXPECT_EQ(Percentile({4, 1, 3, 2}, 0.5), 2);
  EXPECT_EQ(Percentile({4, 1, 3, 2}, 0.99), 4);
  EXPECT_EQ(Percentile({4, 1, 3, 2}, 0), 1);
}

Measurement TwoWays() {
  return {.name = "test",
          .columns = {{"begun", "us", "begun"}, {"done", "us", "from here to there"}},
          .peer = "peer",
          .ways = {{.label = "peer", .samples = {{kNothing, 100}}, .failures = {}},
                   {.label = "ours", .samples = {{20, 50}}, .failures = {"once"}}}};
}

TEST(Table, HasRatiosToThePeer) {
  const std::string table = Table(TwoWays(), 1);
  EXPECT_THAT(table, HasSubstr("from here to there, us"));
  EXPECT_THAT(table, HasSubstr("0.50x"));
}

TEST(Table, SaysThatAWayHasNoneOfAColumn) { EXPECT_THAT(Table(TwoWays(), 0), HasSubstr("  none")); }

TEST(StageTable, CountsWhatIsMissingToTheNextStage) {
  const std::string table = StageTable(TwoWays(), {0, 1});
  EXPECT_THAT(table, HasSubstr("100"));    // peer: all of it in the last step
  EXPECT_THAT(table, HasSubstr("30.00"));  // ours: 50 - 20
}

TEST(SamplesJson, HasNullWhereThereIsNothing) {
  const std::string json = SamplesJson(TwoWays());
  EXPECT_THAT(json, HasSubstr("[null, 100]"));
  EXPECT_THAT(json, Not(HasSubstr("nan")));
}

TEST(PlotSvg, DrawsALineForEachWay) {
  const std::string svg = PlotSvg(TwoWays(), 1);
  EXPECT_THAT(svg, HasSubstr(">peer</text>"));
  EXPECT_THAT(svg, HasSubstr(">ours</text>"));
  EXPECT_THAT(svg, HasSubstr("<polyline"));
}

TEST(TimeProgram, SeesFirstByteAndEnd) {
  const auto times = TimeProgram({"/bin/sh", "-c", "echo hello; exit 3"});
  ASSERT_TRUE(times.ok()) << times.error().message();
  EXPECT_EQ(times->exit_status, 3);
  EXPECT_GT(times->first_byte, Duration::zero());
  EXPECT_GE(times->exit, times->first_byte);
}

TEST(TimeProgram, SilentProgramIsAnError) {
  const auto times = TimeProgram({"/bin/sh", "-c", "exit 4"});
  ASSERT_FALSE(times.ok());
  EXPECT_THAT(times.error().message(), HasSubstr("printed nothing and ended with 4"));
}

TEST(TimeProgram, MissingProgramIsAnError) {
  EXPECT_FALSE(TimeProgram({"/nonexistent/program"}).ok());
}

}  // namespace
}  // namespace summon::benchmarks
