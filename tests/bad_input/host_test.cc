// SPDX-License-Identifier: Apache-2.0
// Hosts that are not as one hopes: no KVM, names and ports taken. Errors say how to mend it, and
// what can be answered is answered.
#include <gmock/gmock.h>
#include <signal.h>

#include <filesystem>

#include "base/strings.h"
#include "tests/end_to_end/fixture.h"

namespace summon::bad_input {
namespace {

using end_to_end::Ask;
using end_to_end::Fetch;
using end_to_end::kPatience;
using testing::HasSubstr;

class BadHost : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto why = end_to_end::WhyNot("PROCESS"); !why.empty()) GTEST_SKIP() << why;
  }
  // Waits until what is said of the service's problem has `text` in it (all have ""; "none": until
  // there is no problem) and returns what is said.
  static std::string AwaitProblem(testbed::House& house, const std::string& service,
                                  const std::string& text) {
    std::string problem;
    (void)testbed::Await(
        [&] {
          problem = house.StatusOf(service).problem();
          return text == "none" ? problem.empty() : problem.find(text) != std::string::npos;
        },
        kPatience);
    return problem;
  }
};

TEST_F(BadHost, WithoutKvmStaticNamesAreAnsweredAndKvmServicesServFail) {
  const testbed::ScratchFolder folder;
  auto started = testbed::House::Start(
      {.services = testbed::Text({.name = "vm", .address = "10.77.0.10", .launcher = "KVM"}) +
                   testbed::Text({.name = "any", .address = "10.77.0.11", .launcher = "AUTO"}),
       .kvm_path = folder.path() + "/kvm"});
  ASSERT_TRUE(started.ok()) << started.error().message();
  testbed::House& house = **started;
  EXPECT_THAT(AwaitProblem(house, "vm", "/kvm"), HasSubstr("/kvm"));

  ASSERT_TRUE(house.AwaitState("any", "asleep", kPatience).ok());
  const auto refused = Ask(house, "vm.summon.test");
  ASSERT_TRUE(refused.ok()) << refused.error().message();
  EXPECT_EQ(refused->rcode, 2);
  EXPECT_EQ(refused->extended_error, 14);
  const auto fixed = Ask(house, "static.summon.test");
  ASSERT_TRUE(fixed.ok()) << fixed.error().message();
  EXPECT_EQ(fixed->rcode, 0);
  const auto page = Fetch(house, "10.77.0.11");
  ASSERT_TRUE(page.ok()) << page.error().message() << house.Logs();
  EXPECT_EQ(house.StatusOf("any").launcher(), "process");
}

TEST_F(BadHost, KvmThatAppearsIsUsedWithoutARestart) {
  if (const auto why = end_to_end::WhyNot("KVM"); !why.empty()) GTEST_SKIP() << why;
  const testbed::ScratchFolder folder;
  const std::string kvm = folder.path() + "/kvm";
  auto started = testbed::House::Start(
      {.services = testbed::Text({.name = "vm", .address = "10.77.0.10", .launcher = "KVM"}),
       .kvm_path = kvm});
  ASSERT_TRUE(started.ok()) << started.error().message();
  testbed::House& house = **started;
  ASSERT_NE(AwaitProblem(house, "vm", "/kvm"), "");
  std::filesystem::create_symlink("/dev/kvm", kvm);
  EXPECT_EQ(AwaitProblem(house, "vm", "none"), "");
  ASSERT_TRUE(house.AwaitState("vm", "asleep", kPatience).ok());
  const auto page = Fetch(house, "10.77.0.10");
  EXPECT_TRUE(page.ok()) << page.error().message() << house.Logs();
}

TEST_F(BadHost, FileThatIsNotKvmIsSaidToBeNone) {
  const testbed::ScratchFolder folder;
  auto started = testbed::House::Start(
      {.services = testbed::Text({.name = "vm", .address = "10.77.0.10", .launcher = "KVM"}),
       .kvm_path = "/dev/null"});
  ASSERT_TRUE(started.ok()) << started.error().message();
  (void)Ask(**started, "vm.summon.test");  // at the latest the first launch tells
  EXPECT_THAT(AwaitProblem(**started, "vm", "/dev/null"), HasSubstr("/dev/null"));
}

TEST_F(BadHost, TapNameThatIsTakenIsNotHijacked) {
  auto network_probe = testbed::House::Start({.services = ""});
  ASSERT_TRUE(network_probe.ok()) << network_probe.error().message();
  testbed::House& house = **network_probe;
  ASSERT_TRUE(testbed::RunIn(house.network().host(),
                             {"ip", "tuntap", "add", "dev", "sm-web", "mode", "tap"})
                  .ok());
  house.Reload({.services = testbed::Text({.name = "web", .address = "10.77.0.10"})});
  EXPECT_THAT(AwaitProblem(house, "web", "sm-web"), HasSubstr("sm-web"));
  EXPECT_THAT(house.network().HostInterfaces(), testing::Contains("sm-web"));
  ASSERT_TRUE(testbed::RunIn(house.network().host(), {"ip", "link", "del", "sm-web"}).ok());
  EXPECT_EQ(AwaitProblem(house, "web", "none"), "");
  ASSERT_TRUE(house.AwaitState("web", "asleep", kPatience).ok());
  EXPECT_TRUE(Fetch(house, "10.77.0.10").ok());
}

TEST_F(BadHost, PortInUseEndsSummondWithTheAddressAndAHint) {
  auto started = testbed::House::Start({.services = ""});
  ASSERT_TRUE(started.ok()) << started.error().message();
  testbed::House& house = **started;
  const auto second = testbed::FinishIn(
      house.network().host(),
      {testbed::ProgramPath("summond"), "--config", house.config_path(), "--control-socket",
       house.folder() + "/second.sock"});
  ASSERT_TRUE(second.ok()) << second.error().message();
  EXPECT_EQ(second->exit_status, 1);
  EXPECT_THAT(second->output, HasSubstr("0.0.0.0:5300"));
  EXPECT_THAT(second->output, HasSubstr("in use"));
}

TEST_F(BadHost, ConfigurationErrorsEndSummondWithStatus7AndAreAllShown) {
  const testbed::ScratchFolder folder;
  const std::string path = folder.Write("bad.textproto",
                                        "zone { apex: \"summon.test\" }\n"
                                        "service { nmae: \"x\" }\n"
                                        "service { name: \"y\" memory_mib: 3 }\n");
  const auto checked =
      testbed::FinishIn(-1, {testbed::ProgramPath("summond"), "--check-config", path});
  ASSERT_TRUE(checked.ok()) << checked.error().message();
  EXPECT_EQ(checked->exit_status, 7);
  EXPECT_THAT(checked->output, HasSubstr("bad.textproto:2:11"));
  EXPECT_THAT(checked->output, HasSubstr("bad.textproto:3:"));
  EXPECT_THAT(checked->output, HasSubstr("did you mean"));
}

TEST_F(BadHost, ServicesAreServFailWhileLauncherdIsAwayAndStaticNamesAreAnswered) {
  auto started = testbed::House::Start(
      {.services = testbed::Text({.name = "web", .address = "10.77.0.10"})});
  ASSERT_TRUE(started.ok()) << started.error().message();
  testbed::House& house = **started;
  ASSERT_TRUE(house.AwaitState("web", "asleep", kPatience).ok());
  house.launcherd().Signal(SIGKILL);
  ASSERT_TRUE(house.launcherd().AwaitEnd(kPatience).has_value());
  EXPECT_THAT(AwaitProblem(house, "web", "launcherd"), HasSubstr("launcherd"));
  const auto refused = Ask(house, "web.summon.test");
  ASSERT_TRUE(refused.ok()) << refused.error().message();
  EXPECT_EQ(refused->rcode, 2);
  const auto fixed = Ask(house, "static.summon.test");
  ASSERT_TRUE(fixed.ok()) << fixed.error().message();
  EXPECT_EQ(fixed->rcode, 0);
}

}  // namespace
}  // namespace summon::bad_input
