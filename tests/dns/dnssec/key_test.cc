// SPDX-License-Identifier: Apache-2.0
// Keys, their files, and the octets that are signed, against what RFC 6605 section 6.1 prints.
#include "dns/dnssec/key.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "dns/dnssec/canonical.h"
#include "dns/dnssec/key_file.h"
#include "tests/dns/dnssec/signed_zones.h"

namespace summon::dns::dnssec {
namespace {

using test::kRfcKey;
using test::N;

constexpr std::string_view kP384Key = R"(-----BEGIN PRIVATE KEY-----
MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDAZoTgBDZPPZUgl4bMB
wHOAKgR/k5Gri1Hu3/9Mep4u9ANSvAPzzg1/v/jJxvOa+lihZANiAAT+ckUQN0eT
B5YB+DwwPC561NuNDaANrI2MMkTpIw2fShd8c7H1+uuuP4weA6Rj9clEe4Yx89HD
5/6qXbqjrbURpQD7FnipkUCAXOeMUDK5W6FMZqVjA5hSs7x1iPLSLhQ=
-----END PRIVATE KEY-----
)";

// qx6wLYqmh+l9oCKTN6qIc+bw6ya+KJ8oMz0YP107epXAyGmt+3SNruPFKG7tZoLBLlUzGGus7ZwmwWep666VCw==
constexpr Signature kPrintedSignature = {
    0xab, 0x1e, 0xb0, 0x2d, 0x8a, 0xa6, 0x87, 0xe9, 0x7d, 0xa0, 0x22, 0x93,
    0x37, 0xaa, 0x88, 0x73, 0xe6, 0xf0, 0xeb, 0x26, 0xbe, 0x28, 0x9f, 0x28,
    0x33, 0x3d, 0x18, 0x3f, 0x5d, 0x3b, 0x7a, 0x95, 0xc0, 0xc8, 0x69, 0xad,
    0xfb, 0x74, 0x8d, 0xae, 0xe3, 0xc5, 0x28, 0x6e, 0xed, 0x66, 0x82, 0xc1,
    0x2e, 0x55, 0x33, 0x18, 0x6b, 0xac, 0xed, 0x9c, 0x26, 0xc1, 0x67, 0xa9,
    0xeb, 0xae, 0x95, 0x0b};

TEST(SigningKey, IsTheOneThatRfc6605Prints) {
  const auto key = SigningKey::FromPem(kRfcKey);
  ASSERT_TRUE(key.ok()) << key.error().message();
  EXPECT_EQ(DnskeyText(N("example.net"), *key),
            "example.net. 3600 IN DNSKEY 257 3 13 GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edb"
            "krSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA==");
  EXPECT_EQ(DsText(N("example.net"), *key),
            "example.net. 3600 IN DS 55648 13 2 "
            "B4C8C1FE2E7477127B27115656AD6256F424625BF5C1E2770CE6D6E37DF61D17");
}

TEST(SigningKey, DsDoesNotDependOnTheCaseOfTheZone) {
  const auto key = SigningKey::FromPem(kRfcKey);
  EXPECT_EQ(key->Ds(N("eXaMpLe.NeT")), key->Ds(N("example.net")));
}

// The RRSIG of the same section: every octet of what is signed must be right for it to fit.
TEST(SignedOctets, AreTheOnesThatRfc6605Signed) {
  const auto key = SigningKey::FromPem(kRfcKey);
  const Name apex = N("example.net"), owner = N("www.example.net");
  const Rdata address = {192, 0, 2, 1};
  const Bytes rdata(address);
  const ZoneKeys no_keys{};
  const SetToSign set{.keys = no_keys, .apex = apex, .owner = owner, .type = RrType::kA,
                      .original_ttl = 3600, .rdatas = std::span(&rdata, 1)};
  // 20100812100439 to 20100909100439.
  const RrsigRdata head = RrsigHead(
      set, {.inception = 1'281'607'479, .expiration = 1'284'026'679, .key_tag = 55'648});
  Signature signature = kPrintedSignature;
  EXPECT_TRUE(Verify(key->dnskey(), SignedOctets(set, head), signature));
  signature[0] ^= 1;
  EXPECT_FALSE(Verify(key->dnskey(), SignedOctets(set, head), signature));
}

TEST(SignedOctets, HaveTheRecordsInOrderOnceAndInLowerCase) {
  const Name apex = N("example.net"), owner = N("Mail.Example.NET");
  const Rdata second = MxRdata({20, N("A.Example.net")});
  const Rdata first = MxRdata({10, N("B.Example.net")});
  const std::array<Bytes, 3> rdatas = {second, first, second};
  const ZoneKeys no_keys{};
  const SetToSign set{.keys = no_keys, .apex = apex, .owner = owner, .type = RrType::kMx,
                      .original_ttl = 60, .rdatas = rdatas};
  const RrsigRdata head = RrsigHead(set, {});
  std::vector<std::uint8_t> expected(head.bytes().begin(), head.bytes().end());
  const Name lowered = N("mail.example.net");
  for (const Rdata& rdata :
       {MxRdata({10, N("b.example.net")}), MxRdata({20, N("a.example.net")})}) {
    expected.insert(expected.end(), lowered.wire().begin(), lowered.wire().end());
    for (const std::uint8_t octet : {0, 15, 0, 1, 0, 0, 0, 60, 0}) expected.push_back(octet);
    expected.push_back(static_cast<std::uint8_t>(rdata.size()));
    expected.insert(expected.end(), rdata.begin(), rdata.end());
  }
  EXPECT_EQ(SignedOctets(set, head), expected);
}

// RFC 4034 section 3.1.3.
TEST(RrsigHead, DoesNotCountTheAsterisk) {
  const Name apex = N("example.net"), star = N("*.a.example.net"), plain = N("b.a.example.net");
  const ZoneKeys no_keys{};
  SetToSign set{.keys = no_keys, .apex = apex, .owner = star, .type = RrType::kA};
  constexpr std::size_t kLabelsAt = 3;
  EXPECT_EQ(RrsigHead(set, {}).octets[kLabelsAt], 3);
  const SetToSign other{.keys = no_keys, .apex = apex, .owner = plain, .type = RrType::kA};
  EXPECT_EQ(RrsigHead(other, {}).octets[kLabelsAt], 4);
}

// RFC 6840 section 5.1: the name in NSEC stays; targets of SVCB were never in the list.
TEST(CanonicalRdata, LowersOnlyTheNamesOfTheList) {
  const Rdata name = NameRdata(N("Big.Example"));
  EXPECT_EQ(CanonicalRdata(RrType::kNs, name), NameRdata(N("big.example")));
  EXPECT_EQ(CanonicalRdata(RrType::kNsec, name), name);
  EXPECT_EQ(CanonicalRdata(RrType::kTxt, name), name);
  const Rdata naptr = {0, 1, 0, 2, 1, 'S', 3, 'S', 'I', 'P', 0, 1, 'A', 0};
  Rdata lowered = naptr;
  lowered[12] = 'a';
  EXPECT_EQ(CanonicalRdata(RrType::kNaptr, naptr), lowered);
}

TEST(CanonicalRdata, LeavesMalformedDataAlone) {
  const Rdata cut = {0, 1, 5, 'A'};
  EXPECT_EQ(CanonicalRdata(RrType::kMx, cut), cut);
  const Rdata long_string = {0, 0, 0, 0, 200};
  EXPECT_EQ(CanonicalRdata(RrType::kNaptr, long_string), long_string);
  EXPECT_EQ(CanonicalRdata(RrType::kSoa, {}), Rdata{});
}

TEST(SigningKey, SignsWhatItsPublicHalfVerifies) {
  const auto key = SigningKey::Generate();
  const Rdata data = {1, 2, 3};
  Signature signature;
  ASSERT_TRUE(key->Sign(data, signature));
  EXPECT_TRUE(Verify(key->dnskey(), data, signature));
  EXPECT_FALSE(Verify(key->dnskey(), Rdata{1, 2, 4}, signature));
  EXPECT_FALSE(Verify(SigningKey::Generate()->dnskey(), data, signature));
}

TEST(SigningKey, ComesBackFromItsOwnText) {
  const auto key = SigningKey::Generate();
  const auto again = SigningKey::FromPem(key->ToPem());
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->dnskey(), key->dnskey());
}

TEST(SigningKey, OfAnotherKindIsRefused) {
  const auto key = SigningKey::FromPem(kP384Key);
  ASSERT_FALSE(key.ok());
  EXPECT_EQ(key.error().message(), "the key is not one of ECDSA P-256 (algorithm 13)");
}

TEST(SigningKey, ThatIsNoKeyIsRefused) {
  EXPECT_FALSE(SigningKey::FromPem("").ok());
  EXPECT_FALSE(SigningKey::FromPem("-----BEGIN PRIVATE KEY-----\nAAAA\n").ok());
  std::string broken(kRfcKey);
  broken.replace(broken.find("uIUI"), 4, "AAAA");  // the halves do not fit any more
  const auto key = SigningKey::FromPem(broken);
  ASSERT_FALSE(key.ok());
}

class KeyFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "summon_key_XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    path_ = folder_ + "/key.pem";
  }
  void TearDown() override {
    (void)unlink(path_.c_str());  // some tests leave none
    (void)rmdir(folder_.c_str());
  }
  void Write(std::string_view text) {
    std::ofstream(path_) << text;
    ASSERT_EQ(chmod(path_.c_str(), 0600), 0);
  }
  std::string folder_;
  std::string path_;
};

TEST_F(KeyFileTest, HoldsTheKeyAndWhenItWasMade) {
  const auto key = SigningKey::Generate();
  const Name apex = N("example.net");
  ASSERT_TRUE(WriteKeyFile({.path = path_, .apex = apex, .created = 1'700'000'000}, *key).ok());
  const auto stored = LoadKeyFile(path_);
  ASSERT_TRUE(stored.ok()) << stored.error().message();
  EXPECT_EQ(stored->key.dnskey(), key->dnskey());
  EXPECT_EQ(stored->created, 1'700'000'000);
}

TEST_F(KeyFileTest, IsForItsOwnerOnlyWhateverTheUmask) {
  const mode_t before = umask(0);
  const Name apex = N("example.net");
  const Status written = WriteKeyFile({.path = path_, .apex = apex}, *SigningKey::Generate());
  umask(before);
  ASSERT_TRUE(written.ok());
  struct stat info {};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777u, 0600u);
}

TEST_F(KeyFileTest, IsNeverOverwritten) {
  Write("precious");
  const Name apex = N("example.net");
  const Status written = WriteKeyFile({.path = path_, .apex = apex}, *SigningKey::Generate());
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().code(), ErrorCode::kBusy);
  std::string left;
  std::ifstream(path_) >> left;
  EXPECT_EQ(left, "precious");
}

TEST_F(KeyFileTest, ThatOthersCanReadIsRefusedWithTheWayToMendIt) {
  Write(kRfcKey);
  ASSERT_EQ(chmod(path_.c_str(), 0640), 0);
  const auto stored = LoadKeyFile(path_);
  ASSERT_FALSE(stored.ok());
  EXPECT_NE(stored.error().message().find("its mode is 0640 and must be 0600"), std::string::npos);
  EXPECT_NE(stored.error().message().find("chmod 600 " + path_), std::string::npos);
}

TEST_F(KeyFileTest, WithoutALineIsAsOldAsItsLastChange) {
  Write(kRfcKey);
  struct stat info {};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(LoadKeyFile(path_)->created, info.st_mtim.tv_sec);
}

TEST_F(KeyFileTest, ThatIsNoKeyIsRefusedWithItsName) {
  Write("hello");
  const auto stored = LoadKeyFile(path_);
  ASSERT_FALSE(stored.ok());
  EXPECT_NE(stored.error().message().find(path_), std::string::npos);
}

TEST_F(KeyFileTest, ThatIsTooLongOrAFolderOrMissingIsRefused) {
  EXPECT_EQ(LoadKeyFile(path_).error().code(), ErrorCode::kNotFound);
  Write(std::string(kKeyFileBytesMax + 1, 'x'));
  EXPECT_EQ(LoadKeyFile(path_).error().code(), ErrorCode::kInvalid);
  EXPECT_EQ(LoadKeyFile(folder_).error().code(), ErrorCode::kInvalid);
}

TEST(ParseCreated, ReadsTheTimeOfALineOfItsOwn) {
  EXPECT_EQ(ParseCreated("# x\n# Created: 20231114221320\nrest"), 1'700'000'000);
  EXPECT_EQ(TimeText(1'700'000'000), "20231114221320");
}

TEST(ParseCreated, TakesNoTimeThatIsNone) {
  EXPECT_EQ(ParseCreated("no line"), std::nullopt);
  EXPECT_EQ(ParseCreated("# Created: 20230231000000\n"), std::nullopt);
  EXPECT_EQ(ParseCreated("# Created: 2023"), std::nullopt);
  EXPECT_EQ(ParseCreated("x # Created: 20231114221320\n"), std::nullopt);
}

}  // namespace
}  // namespace summon::dns::dnssec
