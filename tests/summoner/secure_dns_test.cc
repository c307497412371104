// SPDX-License-Identifier: Apache-2.0
// Certificates that are renewed while summond runs.
#include "summoner/daemon/secure_dns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>

#include "base/strings.h"
#include "base/unique_fd.h"
#include "tests/dns/tls/certificate.h"

namespace summon::summoner {
namespace {

using testing::HasSubstr;
namespace tls = dns::tls::test;

class SecureDnsTest : public testing::Test {
 protected:
  static constexpr Duration kPatience = std::chrono::seconds(10);  // far above what a test takes
  static constexpr long kDay = 24 * 3'600;

  // Replaces the files that are configured.
  void Renew(long days) {
    const auto made = tls::MakeCertificate(folder_, "made", {.valid_to_s = days * kDay});
    std::filesystem::rename(made.certificate, config_.certificate);
    std::filesystem::rename(made.key, config_.key);
  }
  void Start() {
    auto secure = SecureDns::Create(*loop_, log_, config_, [this](std::int64_t expires_s) {
      days_ = (expires_s - WallNanos() / 1'000'000'000 + 60) / kDay;
      ++changes_;
    });
    ASSERT_TRUE(secure.ok()) << secure.error().message();
    secure_ = std::move(secure).value();
  }
  void Reload() {
    const int changes = changes_;
    const std::string before = Log();
    secure_->Reload(config_);
    EXPECT_TRUE(loop_->RunUntil([&] { return changes_ > changes || Log() != before; }, kPatience));
  }
  std::string Log() const {
    std::string text(65'536, '\0');
    const ssize_t count = pread(log_file_.get(), text.data(), text.size(), 0);
    text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return text;
  }

  const tls::Folder folder_;
  configs::Tls config_{.certificate = folder_ / "dns.crt", .key = folder_ / "dns.key"};
  std::unique_ptr<Loop> loop_ = Loop::Create().value();
  UniqueFd log_file_{memfd_create("log", MFD_CLOEXEC)};
  Logger log_{log_file_.get(), "test", LogLevel::kInfo, Logger::Format::kPlain, *loop_};
  std::int64_t days_ = 0;
  int changes_ = 0;
  std::unique_ptr<SecureDns> secure_;
};

TEST_F(SecureDnsTest, ARenewedCertificateIsTaken) {
  Renew(30);
  Start();
  EXPECT_EQ(days_, 30);
  Renew(90);
  Reload();
  EXPECT_EQ(days_, 90);
}

TEST_F(SecureDnsTest, ABadFileLeavesTheFormerCertificateAndSaysWhy) {
  Renew(30);
  Start();
  tls::WriteText(config_.certificate, "half a cert");
  Reload();
  EXPECT_EQ(changes_, 1);
  EXPECT_THAT(Log(), testing::AllOf(HasSubstr("the former certificate stays"),
                                    HasSubstr(config_.certificate), HasSubstr("BEGIN CERT")));
  Renew(60);
  Reload();
  EXPECT_EQ(days_, 60);
}

// An ACME client replaces two files; a reload may come between.
TEST_F(SecureDnsTest, AKeyThatDoesNotBelongToTheCertificateLeavesTheFormerOne) {
  Renew(30);
  Start();
  const auto made = tls::MakeCertificate(folder_, "made");
  std::filesystem::rename(made.certificate, config_.certificate);
  Reload();
  EXPECT_EQ(changes_, 1);
  EXPECT_THAT(Log(), HasSubstr("mismatch"));
}

TEST_F(SecureDnsTest, OnlyTheLatestOfSeveralReloadsCounts) {
  Renew(30);
  Start();
  secure_->Reload(config_);
  Renew(90);
  secure_->Reload(config_);
  EXPECT_TRUE(loop_->RunUntil([&] { return changes_ == 2; }, kPatience));
  EXPECT_EQ(days_, 90);
}

TEST_F(SecureDnsTest, SummondDoesNotStartWithAFileThatIsNotThere) {
  const auto secure = SecureDns::Create(*loop_, log_, config_, [](std::int64_t) {});
  ASSERT_FALSE(secure.ok());
  EXPECT_THAT(secure.error().message(), HasSubstr(config_.certificate));
}

TEST_F(SecureDnsTest, WarnsWhenOthersCanReadTheKey) {
  Renew(30);
  ASSERT_EQ(chmod(config_.key.c_str(), 0644), 0);
  Start();
  EXPECT_THAT(Log(), HasSubstr("chmod o="));
}

TEST_F(SecureDnsTest, TooFewDescriptorsAreToldAtTheStart) {
  WarnOfDescriptors(log_, {.connections_max = 1'000}, 1'256);
  EXPECT_EQ(Log(), "");
  WarnOfDescriptors(log_, {.connections_max = 1'000}, 1'024);
  EXPECT_THAT(Log(), testing::AllOf(HasSubstr("connections_max is 1000"), HasSubstr("only 1024"),
                                    HasSubstr("allow 1256")));
}

TEST(TcpLimitsOf, DefaultsAreThoseOfTheServer) {
  const dns::TcpLimits from_config = TcpLimitsOf(configs::Config{});
  const dns::TcpLimits built_in;
  EXPECT_EQ(from_config.connections_max, built_in.connections_max);
  EXPECT_EQ(from_config.per_prefix_max, built_in.per_prefix_max);
  EXPECT_EQ(from_config.per_local_prefix_max, built_in.per_local_prefix_max);
  EXPECT_EQ(from_config.first_octet, built_in.first_octet);
  EXPECT_EQ(from_config.idle, built_in.idle);
  EXPECT_EQ(from_config.idle_crowded, built_in.idle_crowded);
  EXPECT_EQ(from_config.message, built_in.message);
  EXPECT_EQ(from_config.write_stall, built_in.write_stall);
  EXPECT_EQ(from_config.unanswered_max, built_in.unanswered_max);
  EXPECT_EQ(from_config.unsent_max, built_in.unsent_max);
}

}  // namespace
}  // namespace summon::summoner
