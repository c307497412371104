// SPDX-License-Identifier: Apache-2.0
// Cookie secrets out of files, and what becomes of them when the configuration changes.
#include "summoner/daemon/manners.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/strings.h"
#include "base/unique_fd.h"

namespace summon::summoner {
namespace {

using testing::HasSubstr;

constexpr Duration kPatience = std::chrono::seconds(10);  // far above what any test here takes
constexpr std::string_view kOne = "e5e973e5a6b2a43f48e7dc849e37bfcf\n";
constexpr std::string_view kTwo = "445536bcd2513298075a5d379663c962\n";

class MannersTest : public testing::Test {
 protected:
  ~MannersTest() override { unlink(path_.c_str()); }

  void Write(std::string_view text, mode_t mode = 0600) {
    std::ofstream(path_) << text;
    ASSERT_EQ(chmod(path_.c_str(), mode), 0);
  }
  configs::Dns FromFile() const {
    configs::Dns config;
    config.cookie_secret_file = path_;
    return config;
  }
  void Start(const configs::Dns& config) {
    auto keeper = MannersKeeper::Create(*loop_, log_, config, [this](const dns::Manners& manners) {
      manners_ = manners;
      ++changes_;
    });
    ASSERT_TRUE(keeper.ok()) << keeper.error().message();
    keeper_ = std::move(keeper).value();
  }
  void Reload(const configs::Dns& config) {
    const int before = changes_;
    keeper_->Reload(config);
    EXPECT_TRUE(loop_->RunUntil([&] { return changes_ > before; }, kPatience));
  }
  std::uint64_t Front() const { return manners_.cookies.keys[0].k0; }

  std::string path_ = StrCat(testing::TempDir(), "/summon_manners_", getpid());
  std::unique_ptr<Loop> loop_ = Loop::Create().value();
  UniqueFd nowhere_{open("/dev/null", O_WRONLY | O_CLOEXEC)};
  Logger log_{nowhere_.get(), "manners_test", LogLevel::kError, Logger::Format::kPlain, *loop_};
  dns::Manners manners_;
  int changes_ = 0;
  std::unique_ptr<MannersKeeper> keeper_;
};

TEST_F(MannersTest, SecretsAreRandomByThemselves) {
  Start({});
  const std::uint64_t first = Front();
  EXPECT_EQ(manners_.cookies.count, 1u);
  Start({});
  EXPECT_NE(Front(), first);
}

TEST_F(MannersTest, AReloadKeepsRandomSecrets) {
  Start({});
  const std::uint64_t first = Front();
  Reload({.nsid = "ns1"});
  EXPECT_EQ(Front(), first);
  EXPECT_EQ(manners_.edns.nsid.size, 3);
}

TEST_F(MannersTest, TheFileIsReadAgain) {
  Write(kOne);
  Start(FromFile());
  const std::uint64_t first = Front();
  Write(StrCat(kTwo, kOne));
  Reload(FromFile());
  EXPECT_EQ(manners_.cookies.count, 2u);
  EXPECT_EQ(manners_.cookies.keys[1].k0, first);
}

TEST_F(MannersTest, AFileThatHasGoneBadChangesNoSecret) {
  Write(kOne);
  Start(FromFile());
  const std::uint64_t first = Front();
  Write("not a secret\n");
  Reload(FromFile());
  EXPECT_EQ(manners_.cookies.count, 1u);
  EXPECT_EQ(Front(), first);
}

TEST_F(MannersTest, WithoutTheFileSecretsBecomeRandomAndTheFormerIsTakenYet) {
  Write(kOne);
  Start(FromFile());
  const std::uint64_t first = Front();
  Reload({});
  EXPECT_EQ(manners_.cookies.count, 2u);
  EXPECT_NE(Front(), first);
  EXPECT_EQ(manners_.cookies.keys[1].k0, first);
}

TEST_F(MannersTest, CookiesCanBeTurnedOff) {
  Start({});
  Reload({.cookies = false});
  EXPECT_EQ(manners_.cookies.count, 0u);
}

TEST_F(MannersTest, AFileThatOthersMayReadIsRefused) {
  Write(kOne, 0644);
  const auto secrets = ReadCookieSecrets(path_);
  ASSERT_FALSE(secrets.ok());
  EXPECT_THAT(secrets.error().message(), HasSubstr("chmod o-rwx"));
}

TEST_F(MannersTest, AMissingFileIsNamed) {
  const auto secrets = ReadCookieSecrets(path_);
  ASSERT_FALSE(secrets.ok());
  EXPECT_EQ(secrets.error().code(), ErrorCode::kNotFound);
  EXPECT_THAT(secrets.error().message(), HasSubstr(path_));
}

}  // namespace
}  // namespace summon::summoner
