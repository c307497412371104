// SPDX-License-Identifier: Apache-2.0
// A real summond with a signed zone: services in all their states, changed records, changed keys.
// delv validates, from the client's namespace.
#include <gmock/gmock.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/strings.h"
#include "tests/end_to_end/fixture.h"

namespace summon::end_to_end {
namespace {

using testbed::Finished;
using testbed::FinishIn;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kZone = "signed.test";

class SignedHouse : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = WhyNot("PROCESS"); !why.empty()) GTEST_SKIP() << why;
    const auto delv = FinishIn(-1, {"delv", "-v"});
    if (!delv.ok() || delv->exit_status != 0) GTEST_SKIP() << "no delv (package bind9-dnsutils)";
    ASSERT_EQ(chmod(folder_.path().c_str(), 0755), 0);
    MakeKey("first");
  }
  // A new key, which summond can read whoever it runs as.
  void MakeKey(const std::string& name) {
    const auto made = FinishIn(-1, {testbed::ProgramPath("summon"), "dnssec", "keygen", "--zone",
                                    kZone, "--out", KeyPath(name)});
    ASSERT_TRUE(made.ok() && made->exit_status == 0);
    const passwd* nobody = getpwnam("nobody");
    if (geteuid() == 0 && nobody != nullptr) {
      ASSERT_EQ(chown(KeyPath(name).c_str(), nobody->pw_uid, nobody->pw_gid), 0);
    }
  }
  std::string KeyPath(const std::string& name) const {
    return StrCat(folder_.path(), '/', name, ".pem");
  }
  // The signed zone with one record, and a service in it.
  testbed::HouseOptions Options(const std::string& keys, const std::string& address) {
    return {.services = testbed::Text({.name = "web",
                                       .address = kWeb,
                                       .launcher = "PROCESS",
                                       .policy = "idle_timeout_s: 604800",
                                       .extra = "dns_name: \"web.signed.test\""}),
            .settings = StrCat("zone { apex: \"", kZone, "\" ns_address: \"10.77.255.1\" dnssec { ",
                               keys, " }\n record { name: \"host.", kZone,
                               "\" type: A value: \"", address, "\" } }\n")};
  }
  std::string Signing(const std::string& name) const {
    return StrCat("key_file: ", Quote(KeyPath(name)));
  }
  std::string Publishing(const std::string& name) const {
    return StrCat(" published_key_file: ", Quote(KeyPath(name)));
  }
  void Start() {
    auto started = testbed::House::Start(Options(Signing("first"), "192.0.2.1"));
    ASSERT_TRUE(started.ok()) << started.error().message();
    house_ = std::move(started).value();
    ASSERT_TRUE(house_->AwaitState("web", "asleep", kPatience).ok()) << house_->Logs();
  }
  void Reload(const std::string& keys, const std::string& address) {
    const std::size_t before = Count("configuration reloaded");
    house_->Reload(Options(keys, address));
    ASSERT_TRUE(testbed::Await([&] { return Count("configuration reloaded") > before; },
                               kPatience))
        << house_->Logs();
  }
  std::size_t Count(const std::string& text) const {
    const std::string logs = house_->Logs();
    std::size_t count = 0;
    for (std::size_t at = logs.find(text); at != std::string::npos; at = logs.find(text, at + 1)) {
      ++count;
    }
    return count;
  }
  // What delv says who trusts the key only.
  std::string Validate(const std::string& question, const std::string& type,
                       const std::string& key = "first") {
    const auto shown = FinishIn(-1, {testbed::ProgramPath("summon"), "dnssec", "ds", "--zone",
                                     kZone, "--key", KeyPath(key)});
    EXPECT_TRUE(shown.ok() && shown->exit_status == 0);
    const std::string line = shown->output.substr(0, shown->output.find('\n'));
    const std::string data = line.substr(line.find(" DS ") + 4);
    const std::size_t digest = data.rfind(' ') + 1;
    const std::string anchors = folder_.Write(
        "anchors", StrCat("trust-anchors { ", kZone, ". static-ds ", data.substr(0, digest), '"',
                          data.substr(digest), "\"; };\n"));
    const auto said = FinishIn(house_->network().client(),
                               {"delv", "@10.77.255.1", "-p", "5300", "-a", anchors,
                                StrCat("+root=", kZone), question, type});
    EXPECT_TRUE(said.ok());
    return said->output;
  }

  const testbed::ScratchFolder folder_;
  std::unique_ptr<testbed::House> house_;
};

constexpr const char* kGood = "; fully validated";
constexpr const char* kService = "web.signed.test";

TEST_F(SignedHouse, ServicesAreValidatedAsleepReadyAndReclaimed) {
  ASSERT_NO_FATAL_FAILURE(Start());
  EXPECT_THAT(Validate(kService, "TXT"), HasSubstr("negative response, fully validated"));
  EXPECT_THAT(Validate(kService, "A"), AllOf(HasSubstr(kGood), HasSubstr("\t5\tIN\tA\t"),
                                             HasSubstr("RRSIG\tA 13 3 30 ")));
  ASSERT_TRUE(house_->AwaitState("web", "ready", kPatience).ok()) << house_->Logs();
  EXPECT_THAT(Validate(kService, "A"), AllOf(HasSubstr(kGood), HasSubstr("\t30\tIN\tA\t"),
                                             HasSubstr("RRSIG\tA 13 3 30 ")));
  EXPECT_THAT(Validate(kService, "HTTPS"), HasSubstr("negative response, fully validated"));
  ASSERT_TRUE(house_->Reclaim("web").ok());
  EXPECT_THAT(Validate(kService, "A"), HasSubstr(kGood));
}

TEST_F(SignedHouse, AChangedRecordNeverHasTheOldSignature) {
  ASSERT_NO_FATAL_FAILURE(Start());
  EXPECT_THAT(Validate("host.signed.test", "A"), AllOf(HasSubstr(kGood), HasSubstr("192.0.2.1")));
  EXPECT_THAT(Validate(kZone, "SOA"), HasSubstr(kGood));
  ASSERT_NO_FATAL_FAILURE(Reload(Signing("first"), "192.0.2.2"));
  EXPECT_THAT(Validate("host.signed.test", "A"), AllOf(HasSubstr(kGood), HasSubstr("192.0.2.2")));
  EXPECT_THAT(Validate(kZone, "SOA"), HasSubstr(kGood));
}

// The steps of docs/dns.md; whoever trusts the key that signs, or will, can follow at each.
TEST_F(SignedHouse, OneKeyTakesAnothersPlace) {
  MakeKey("second");
  ASSERT_NO_FATAL_FAILURE(Start());
  EXPECT_THAT(Validate("host.signed.test", "A", "second"), Not(HasSubstr(kGood)));
  ASSERT_NO_FATAL_FAILURE(Reload(Signing("first") + Publishing("second"), "192.0.2.1"));
  EXPECT_THAT(Validate("host.signed.test", "A"), HasSubstr(kGood));
  EXPECT_THAT(Validate(kZone, "CDS"), HasSubstr(kGood));
  ASSERT_NO_FATAL_FAILURE(Reload(Signing("second") + Publishing("first"), "192.0.2.1"));
  EXPECT_THAT(Validate("host.signed.test", "A", "second"), HasSubstr(kGood));
  ASSERT_NO_FATAL_FAILURE(Reload(Signing("second"), "192.0.2.1"));
  EXPECT_THAT(Validate("host.signed.test", "A", "second"), HasSubstr(kGood));
  EXPECT_THAT(Validate("host.signed.test", "A"), Not(HasSubstr(kGood)));
}

TEST_F(SignedHouse, ABadKeyChangesNothingAndSaysWhichFile) {
  ASSERT_NO_FATAL_FAILURE(Start());
  const std::string bad = folder_.Write("bad.pem", "no key");
  ASSERT_EQ(chmod(bad.c_str(), 0600), 0);
  const passwd* nobody = getpwnam("nobody");
  ASSERT_TRUE(nobody != nullptr && chown(bad.c_str(), nobody->pw_uid, nobody->pw_gid) == 0);
  house_->Reload(Options(Signing("bad"), "192.0.2.2"));
  ASSERT_TRUE(testbed::Await([&] { return Count("not reloaded") > 0; }, kPatience))
      << house_->Logs();
  EXPECT_THAT(house_->Logs(), HasSubstr(bad));
  EXPECT_THAT(Validate("host.signed.test", "A"), AllOf(HasSubstr(kGood), HasSubstr("192.0.2.1")));
}

TEST_F(SignedHouse, AKeyThatOthersCanReadIsRefusedWithTheWayToMendIt) {
  ASSERT_NO_FATAL_FAILURE(Start());
  ASSERT_EQ(chmod(KeyPath("first").c_str(), 0644), 0);
  house_->Reload(Options(Signing("first"), "192.0.2.2"));
  ASSERT_TRUE(testbed::Await([&] { return Count("not reloaded") > 0; }, kPatience))
      << house_->Logs();
  EXPECT_THAT(house_->Logs(), HasSubstr("chmod 600"));
  ASSERT_EQ(chmod(KeyPath("first").c_str(), 0600), 0);  // so that Validate() can read it
  EXPECT_THAT(Validate("host.signed.test", "A"), AllOf(HasSubstr(kGood), HasSubstr("192.0.2.1")));
}

}  // namespace
}  // namespace summon::end_to_end
