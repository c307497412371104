// SPDX-License-Identifier: Apache-2.0
// Images that cannot run: clients get SERVFAIL with an extended error, the operator gets the
// reason, other services are not affected, and a mended file is picked up without a restart.
#include <gmock/gmock.h>

#include <filesystem>

#include "base/strings.h"
#include "tests/bad_input/broken_image.h"
#include "tests/end_to_end/fixture.h"

namespace summon::bad_input {
namespace {

using end_to_end::Ask;
using end_to_end::Fetch;
using end_to_end::kPatience;
using testing::HasSubstr;

constexpr int kServFail = 2;
constexpr int kNotReady = 14;  // RFC 8914

struct BrokenImage {
  std::string label;
  std::string (*breaks)(std::string);
  std::string expected;  // in what the operator is told
};

class BadImage : public testing::TestWithParam<std::tuple<std::string, BrokenImage>> {
 protected:
  std::string launcher() const { return std::get<0>(GetParam()); }
  const BrokenImage& broken() const { return std::get<1>(GetParam()); }
  void SetUp() override {
    if (const auto why = end_to_end::WhyNot(launcher()); !why.empty()) GTEST_SKIP() << why;
  }
  std::string GoodImage() const {
    return ReadFileBytes(testbed::GuestPath(launcher() == "KVM" ? "web.hvt" : "web.spt"));
  }
  // A service "bad" whose image is `path`, beside a good one.
  std::string Services(const std::string& path) const {
    const std::string field = launcher() == "KVM" ? "image" : "process_image";
    return StrCat("service { name: \"bad\" dns_name: \"bad.summon.test\" address: \"10.77.0.20\" ",
                  field, ": ", Quote(path), " launcher: ", launcher(),
                  " command_line: \"--ipv4={ipv4}/24 --ipv4-gateway={gateway} --name=bad\" }\n",
                  testbed::Text({.name = "web", .address = "10.77.0.10", .launcher = launcher()}));
  }
};

TEST_P(BadImage, IsServFailWithAReasonAndRunsOnceMended) {
  const testbed::ScratchFolder folder;
  const std::string path = folder.Write("image", broken().breaks(GoodImage()));
  auto started = testbed::House::Start({.services = Services(path)});
  ASSERT_TRUE(started.ok()) << started.error().message();
  testbed::House& house = **started;
  ASSERT_TRUE(house.AwaitState("web", "asleep", kPatience).ok());
  ASSERT_TRUE(testbed::Await([&] { return !house.StatusOf("bad").problem().empty(); }, kPatience));

  const auto refused = Ask(house, "bad.summon.test");
  ASSERT_TRUE(refused.ok()) << refused.error().message();
  EXPECT_EQ(refused->rcode, kServFail);
  EXPECT_EQ(refused->extended_error, kNotReady);
  EXPECT_THAT(house.StatusOf("bad").problem(), HasSubstr(broken().expected));
  const auto good = Fetch(house, "10.77.0.10");
  EXPECT_TRUE(good.ok()) << good.error().message();

  (void)folder.Write("image", GoodImage());
  ASSERT_TRUE(testbed::Await([&] { return house.StatusOf("bad").problem().empty(); }, kPatience))
      << house.StatusOf("bad").problem();
  const auto answer = Ask(house, "bad.summon.test");
  ASSERT_TRUE(answer.ok()) << answer.error().message();
  EXPECT_EQ(answer->rcode, 0) << house.StatusOf("bad").problem();
  const auto page = Fetch(house, "10.77.0.20");
  EXPECT_TRUE(page.ok()) << page.error().message() << house.Logs();
}

std::string WithoutAnything(std::string) { return "this is no image\n"; }

INSTANTIATE_TEST_SUITE_P(
    Images, BadImage,
    testing::Combine(testing::Values("KVM", "PROCESS"),
                     testing::Values(BrokenImage{"NotElf", WithoutAnything, "ELF"},
                                     BrokenImage{"Truncated", Truncated, ""},
                                     BrokenImage{"Aarch64", ForAarch64, "aarch64"},
                                     BrokenImage{"WritableText", WritableText, "writable"},
                                     BrokenImage{"UnknownAbi", UnknownAbi, "99"})),
    [](const auto& tested) { return std::get<0>(tested.param) + std::get<1>(tested.param).label; });

// A device that the image wants and nobody configured.
TEST(BadManifest, UnconfiguredDeviceIsNamed) {
  if (const auto why = end_to_end::WhyNot("PROCESS"); !why.empty()) GTEST_SKIP() << why;
  auto started = testbed::House::Start(
      {.services = testbed::Text({.name = "disk",
                         .address = "10.77.0.20",
                         .guest = "disk",
                         .launcher = "PROCESS",
                         .extra = "net { none: true }",
                         .command_line = ""})});
  ASSERT_TRUE(started.ok()) << started.error().message();
  testbed::House& house = **started;
  (void)testbed::Await(
      [&] { return house.StatusOf("disk").problem().find("storage") != std::string::npos; },
      kPatience);
  EXPECT_THAT(house.StatusOf("disk").problem(), HasSubstr("storage"));
}

}  // namespace
}  // namespace summon::bad_input
