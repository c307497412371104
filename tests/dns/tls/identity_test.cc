// SPDX-License-Identifier: Apache-2.0
// Certificates that can be used, and what is said about those that cannot.
#include "dns/tls/identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/clock.h"
#include "tests/dns/tls/certificate.h"

namespace summon::dns::tls {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string ErrorOf(const Files& files) {
  const auto identity = Identity::Load(files);
  return identity.ok() ? "no error" : identity.error().message();
}

TEST(Identity, TellsWhoItIsAndUntilWhen) {
  const test::Folder folder;
  const auto identity = Identity::Load(test::MakeCertificate(folder, "good"));
  ASSERT_TRUE(identity.ok()) << identity.error().message();
  EXPECT_THAT(identity.value().subject(), HasSubstr("CN=dns.summon.test"));
  EXPECT_GT(identity.value().expires_s(), WallNanos() / 1'000'000'000 + 80L * 24 * 3'600);
  EXPECT_THAT(identity.value().warnings(), IsEmpty());
}

TEST(Identity, AMissingFileIsNamed) {
  const test::Folder folder;
  Files files = test::MakeCertificate(folder, "good");
  files.certificate = folder / "nowhere.crt";
  EXPECT_THAT(ErrorOf(files), testing::AllOf(HasSubstr("read certificate"),
                                             HasSubstr("nowhere.crt"), HasSubstr("No such file")));
}

TEST(Identity, AKeyOfAnotherCertificateIsFound) {
  const test::Folder folder;
  const Files one = test::MakeCertificate(folder, "one");
  const Files two = test::MakeCertificate(folder, "two");
  EXPECT_THAT(ErrorOf({one.certificate, two.key}),
              testing::AllOf(HasSubstr("two.key"), HasSubstr("one.crt"), HasSubstr("mismatch")));
}

TEST(Identity, FilesThatWereExchangedAreFound) {
  const test::Folder folder;
  const Files files = test::MakeCertificate(folder, "good");
  EXPECT_THAT(ErrorOf({files.key, files.certificate}), HasSubstr("BEGIN CERTIFICATE"));
  EXPECT_THAT(ErrorOf({files.certificate, files.certificate}), HasSubstr("BEGIN PRIVATE KEY"));
}

TEST(Identity, ADamagedCertificateIsNotTaken) {
  const test::Folder folder;
  const Files files = test::MakeCertificate(folder, "good");
  test::WriteText(files.certificate,
                  "-----BEGIN CERTIFICATE-----\nnot base 64!\n-----END CERTIFICATE-----\n");
  EXPECT_THAT(ErrorOf(files), testing::AllOf(HasSubstr("good.crt"), HasSubstr("damaged")));
}

TEST(Identity, ALockedKeySaysHowToUnlockIt) {
  const test::Folder folder;
  const Files files = test::MakeCertificate(folder, "good");
  const std::string command =
      "openssl pkey -in " + files.key + " -aes256 -passout pass:secret -out " + files.key + ".2";
  ASSERT_EQ(std::system(command.c_str()), 0);
  EXPECT_THAT(ErrorOf({files.certificate, files.key + ".2"}), HasSubstr("openssl pkey -in"));
}

TEST(Identity, AFolderOrAnEndlessFileIsNotRead) {
  const test::Folder folder;
  Files files = test::MakeCertificate(folder, "good");
  files.certificate = folder / "";
  EXPECT_THAT(ErrorOf(files), HasSubstr("not a regular file"));
  files.certificate = folder / "large";
  test::WriteText(files.certificate, std::string(Identity::kFileBytesMax + 1, 'x'));
  EXPECT_THAT(ErrorOf(files), HasSubstr("more than 1048576 bytes"));
}

TEST(Identity, WarnsOfAKeyThatOthersCanRead) {
  const test::Folder folder;
  const Files files = test::MakeCertificate(folder, "good");
  ASSERT_EQ(chmod(files.key.c_str(), 0644), 0);
  EXPECT_THAT(Identity::Load(files).value().warnings(), ElementsAre(HasSubstr("chmod o=")));
}

TEST(Identity, WarnsOfACertificateOfAnotherTime) {
  const test::Folder folder;
  const auto warnings = [&](const test::CertificateOptions& options) {
    return Identity::Load(test::MakeCertificate(folder, "c", options)).value().warnings();
  };
  EXPECT_THAT(warnings({.valid_to_s = -60}), ElementsAre(HasSubstr("has expired")));
  EXPECT_THAT(warnings({.valid_from_s = 600}), ElementsAre(HasSubstr("not valid yet")));
  EXPECT_THAT(warnings({.valid_to_s = 7'300}), ElementsAre(HasSubstr("expires in 2 hours")));
}

}  // namespace
}  // namespace summon::dns::tls
