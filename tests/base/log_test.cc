// SPDX-License-Identifier: Apache-2.0
// Lines of the log: their form, quoting, levels and rate limit.
#include "base/log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "base/unique_fd.h"

namespace summon {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class SetClock final : public Clock {
 public:
  Instant Now() const override { return now_; }
  void Advance(Duration by) { now_ += by; }

 private:
  Instant now_ = InstantFromNanos(1);
};

class Log : public ::testing::Test {
 protected:
  void SetUp() override {
    int ends[2];
    ASSERT_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    reader_ = UniqueFd(ends[0]);
    writer_ = UniqueFd(ends[1]);
  }
  Logger Make(Logger::Format format) {
    return Logger(writer_.get(), "summond", LogLevel::kInfo, format, clock_);
  }
  // Everything that was written since the last call.
  std::string Written() {
    char buffer[65'536];
    const ssize_t got = read(reader_.get(), buffer, sizeof buffer);
    return got > 0 ? std::string(buffer, static_cast<std::size_t>(got)) : std::string();
  }

  SetClock clock_;
  UniqueFd reader_;
  UniqueFd writer_;
};

TEST_F(Log, JournalLinesBeginWithTheirPriority) {
  Logger log = Make(Logger::Format::kJournal);
  log.Warning("service failed", {{"service", "hello"}, {"status", 3}});
  EXPECT_EQ(Written(), "<4>service failed service=\"hello\" status=3\n");
}

TEST_F(Log, PlainLinesBeginWithTimeProgramAndLevel) {
  Logger log = Make(Logger::Format::kPlain);
  log.Info("ready");
  EXPECT_THAT(Written(), MatchesRegex("[-0-9]+T[:.0-9]+Z summond info ready\n"));
}

TEST_F(Log, AValueFromOutsideCannotForgeALine) {
  Logger log = Make(Logger::Format::kJournal);
  log.Info("query", {{"name", "a\n<3>forged"}});
  EXPECT_EQ(Written(), "<6>query name=\"a\\n<3>forged\"\n");
}

TEST_F(Log, LinesBelowTheLevelAreNotWritten) {
  Logger log = Make(Logger::Format::kJournal);
  log.Debug("detail");
  EXPECT_EQ(Written(), "");
  log.SetLevel(LogLevel::kDebug);
  log.Debug("detail");
  EXPECT_EQ(Written(), "<7>detail\n");
}

TEST_F(Log, AFloodOfOneMessageIsCutAndCounted) {
  Logger log = Make(Logger::Format::kJournal);
  for (int i = 0; i < Logger::kLinesPerWindow + 7; ++i) log.Info("flood");
  const std::string flood = Written();
  EXPECT_EQ(std::count(flood.begin(), flood.end(), '\n'), Logger::kLinesPerWindow);
  EXPECT_EQ(log.lines_suppressed(), 7u);
  log.Info("another message");
  EXPECT_THAT(Written(), HasSubstr("another message"));
  clock_.Advance(Logger::kRateWindow);
  log.Info("flood");
  EXPECT_EQ(Written(), "<6>flood suppressed_before=7\n");
}

TEST_F(Log, AWriterThatIsGoneIsSurvived) {
  Logger log(-1, "summond", LogLevel::kInfo, Logger::Format::kPlain, clock_);
  log.Error("nobody hears this");
}

}  // namespace
}  // namespace summon
