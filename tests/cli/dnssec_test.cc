// SPDX-License-Identifier: Apache-2.0
// `summon dnssec`: keys are made once, and shown as records. Needs no daemon.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/testbed/process.h"

namespace summon::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

class DnssecCommand : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/summon-dnssec-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder_ = name;
    key_ = folder_ + "/key.pem";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  static testbed::Finished Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {testbed::ProgramPath("summon"), "dnssec"});
    auto finished = testbed::FinishIn(-1, arguments);
    EXPECT_TRUE(finished.ok());
    return std::move(finished).value();
  }
  std::string folder_;
  std::string key_;
};

TEST_F(DnssecCommand, MakesAKeyAndShowsItsRecords) {
  const auto made = Run({"keygen", "--zone", "Example.test", "--out", key_});
  EXPECT_EQ(made.exit_status, 0) << made.output;
  EXPECT_THAT(made.output, HasSubstr("Example.test. 3600 IN DS "));
  struct stat info {};
  ASSERT_EQ(stat(key_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777u, 0600u);
  const auto shown = Run({"ds", "--zone", "Example.test", "--key", key_});
  EXPECT_EQ(shown.exit_status, 0);
  EXPECT_THAT(made.output, HasSubstr(shown.output));
  EXPECT_THAT(shown.output, HasSubstr(" IN DNSKEY 257 3 13 "));
  EXPECT_THAT(shown.output, Not(HasSubstr("PRIVATE")));
}

TEST_F(DnssecCommand, NeverOverwritesAKey) {
  ASSERT_EQ(Run({"keygen", "--zone", "a.test", "--out", key_}).exit_status, 0);
  const auto before = Run({"ds", "--zone", "a.test", "--key", key_});
  const auto again = Run({"keygen", "--zone", "a.test", "--out", key_});
  EXPECT_EQ(again.exit_status, 1);
  EXPECT_THAT(again.output, HasSubstr("never overwritten"));
  EXPECT_EQ(Run({"ds", "--zone", "a.test", "--key", key_}).output, before.output);
}

TEST_F(DnssecCommand, SaysWhatIsWrong) {
  EXPECT_EQ(Run({"keygen", "--zone", "a..test", "--out", key_}).exit_status, 1);
  const auto missing = Run({"ds", "--zone", "a.test", "--key", key_});
  EXPECT_EQ(missing.exit_status, 1);
  EXPECT_THAT(missing.output, HasSubstr(key_));
  EXPECT_EQ(Run({}).exit_status, 2);
  EXPECT_EQ(Run({"keygen", "--zone", "a.test"}).exit_status, 2);
}

TEST_F(DnssecCommand, ShowsAnObjectToPrograms) {
  ASSERT_EQ(Run({"keygen", "--zone", "a.test", "--out", key_}).exit_status, 0);
  const auto shown = Run({"ds", "--zone", "a.test", "--key", key_, "--json"});
  EXPECT_EQ(shown.exit_status, 0) << shown.output;
  EXPECT_THAT(shown.output, HasSubstr("\"ds\": \"a.test. 3600 IN DS "));
  EXPECT_THAT(shown.output, HasSubstr("\"key_tag\": "));
}

}  // namespace
}  // namespace summon::cli
