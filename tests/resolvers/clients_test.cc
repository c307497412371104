// SPDX-License-Identifier: Apache-2.0
// The tools with which people look at the DNS, against a whole Summon: other readers of our octets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "tests/end_to_end/fixture.h"
#include "tests/resolvers/resolver.h"

namespace summon::resolvers {
namespace {

using end_to_end::kPatience;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// A house for all of them: they ask, and change nothing.
class Clients : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!end_to_end::WhyNot("PROCESS").empty()) return;
    auto house = StartHouse(testbed::Text(
        {.name = "web", .address = "10.77.0.10", .launcher = "PROCESS", .policy = ""}));
    ASSERT_TRUE(house.ok()) << house.error().message();
    house_ = std::move(house).value();
    const Status asleep = house_->AwaitState("web", "asleep", kPatience);
    ASSERT_TRUE(asleep.ok()) << asleep.error().message();
  }
  static void TearDownTestSuite() { house_.reset(); }

  void SetUp() override {
    if (const std::string why = end_to_end::WhyNot("PROCESS"); !why.empty()) GTEST_SKIP() << why;
    ASSERT_NE(house_, nullptr);
  }

  // What the client's machine prints. The program is there, or the test is skipped.
  testbed::Finished Run(const testbed::Arguments& command) {
    auto finished = testbed::FinishIn(house_->network().client(), command);
    EXPECT_TRUE(finished.ok());
    return finished.ok() ? std::move(finished).value() : testbed::Finished{};
  }
  std::string Says(const testbed::Arguments& command) {
    const testbed::Finished finished = Run(command);
    EXPECT_EQ(finished.exit_status, 0) << finished.output;
    return finished.output;
  }
  // In a machine whose resolver we are.
  testbed::Finished RunAtHome(const testbed::Arguments& command) {
    return Run(WithNameServer(folder_, kPagesAddress, command));
  }

  static std::unique_ptr<testbed::House> house_;
  testbed::ScratchFolder folder_;
};
std::unique_ptr<testbed::House> Clients::house_;

#define SKIP_WITHOUT_TOOL(tool)                                             \
  if (!testbed::RunIn(-1, {"sh", "-c", "command -v " tool}).ok()) {         \
    GTEST_SKIP() << "no " tool " (tools/setup installs it)";                \
  }

const std::string kAt = StrCat("@", kPagesAddress);

TEST_F(Clients, HostSeesTheAddressAndNoComplaint) {
  SKIP_WITHOUT_TOOL("host");
  // Without a type it asks for A, AAAA and MX, and says what is odd about an answer.
  EXPECT_EQ(Says({"host", "web.summon.test", kPagesAddress}),
            StrCat("Using domain server:\nName: ", kPagesAddress, "\nAddress: ", kPagesAddress,
                   "#53\nAliases: \n\nweb.summon.test has address 10.77.0.10\n"));
}

TEST_F(Clients, HostSeesThatThereIsNoSuchName) {
  SKIP_WITHOUT_TOOL("host");
  const testbed::Finished finished = Run({"host", "nobody.summon.test", kPagesAddress});
  EXPECT_EQ(finished.exit_status, 1);
  EXPECT_THAT(finished.output, HasSubstr("not found: 3(NXDOMAIN)"));
}

TEST_F(Clients, NslookupSeesTheAddress) {
  SKIP_WITHOUT_TOOL("nslookup");
  EXPECT_THAT(Says({"nslookup", "web.summon.test", kPagesAddress}),
              AllOf(HasSubstr("Name:\tweb.summon.test\nAddress: 10.77.0.10\n"),
                    Not(HasSubstr("Non-authoritative"))));
}

TEST_F(Clients, DigSeesAnAnswerWithAuthority) {
  SKIP_WITHOUT_TOOL("dig");
  const std::string seen = Says({"dig", kAt, "web.summon.test"});
  EXPECT_THAT(seen, HasSubstr("status: NOERROR"));
  EXPECT_THAT(seen, HasSubstr("flags: qr aa rd;"));
  EXPECT_THAT(seen, Not(testing::AnyOf(HasSubstr("arning"), HasSubstr("alformed"),
                                       HasSubstr("extra bytes"))));
}

TEST_F(Clients, DigSeesTheSoaAndTheNameServerWithItsAddress) {
  SKIP_WITHOUT_TOOL("dig");
  EXPECT_THAT(Says({"dig", kAt, "+short", "summon.test", "SOA"}),
              StartsWith("ns.summon.test. hostmaster.summon.test. "));
  EXPECT_EQ(Says({"dig", kAt, "+short", "summon.test", "NS"}), "ns.summon.test.\n");
  EXPECT_EQ(Says({"dig", kAt, "+short", "ns.summon.test", "A"}),
            StrCat(testbed::Network::kHostAddress, "\n"));
}

TEST_F(Clients, KdigSeesTheSameOverUdpAndTcp) {
  SKIP_WITHOUT_TOOL("kdig");
  for (const std::string& transport : {std::string("+notcp"), std::string("+tcp")}) {
    const std::string seen = Says({"kdig", kAt, transport, "web.summon.test"});
    EXPECT_THAT(seen, HasSubstr("status: NOERROR")) << transport;
    EXPECT_THAT(seen, HasSubstr("Flags: qr aa rd;")) << transport;
    EXPECT_THAT(seen, HasSubstr("10.77.0.10")) << transport;
    EXPECT_THAT(seen, Not(HasSubstr("WARNING"))) << transport;
  }
}

TEST_F(Clients, KdigKeepsAConnectionForManyQuestions) {
  SKIP_WITHOUT_TOOL("kdig");
  EXPECT_EQ(Says({"kdig", kAt, "+tcp", "+keepopen", "+short", "web.summon.test",
                  "static.summon.test"}),
            "10.77.0.10\n192.0.2.1\n");
}

TEST_F(Clients, DrillSeesAnAnswerWithAuthority) {
  SKIP_WITHOUT_TOOL("drill");
  const std::string seen = Says({"drill", kAt, "web.summon.test"});
  EXPECT_THAT(seen, HasSubstr("rcode: NOERROR"));
  EXPECT_THAT(seen, HasSubstr("flags: qr aa rd ;"));
  EXPECT_THAT(seen, HasSubstr("10.77.0.10"));
}

TEST_F(Clients, DelvTakesTheUnsignedAnswer) {
  SKIP_WITHOUT_TOOL("delv");
  EXPECT_EQ(Says({"delv", "-i", kAt, "+short", "web.summon.test"}), "10.77.0.10\n");
}

TEST_F(Clients, GetentFindsTheServiceInEveryFamily) {
  EXPECT_THAT(RunAtHome({"getent", "hosts", "web.summon.test"}).output,
              StartsWith("10.77.0.10"));
  EXPECT_THAT(RunAtHome({"getent", "ahosts", "web.summon.test"}).output,
              AllOf(HasSubstr("10.77.0.10"), HasSubstr("STREAM web.summon.test")));
}

TEST_F(Clients, GetentWaitsForNoIpv6Address) {
  const Instant begun = SystemClock().Now();
  // It maps what there is, after it was told that there is no other.
  EXPECT_THAT(RunAtHome({"getent", "ahostsv6", "web.summon.test"}).output,
              StartsWith("::ffff:10.77.0.10"));
  EXPECT_LT(SystemClock().Now() - begun, std::chrono::seconds(4)) << "its first patience is 5 s";
}

TEST_F(Clients, GetentFindsNobody) {
  EXPECT_EQ(RunAtHome({"getent", "hosts", "nobody.summon.test"}).exit_status, 2);
}

TEST_F(Clients, CurlGetsThePageByName) {
  SKIP_WITHOUT_TOOL("curl");
  const testbed::Finished page = RunAtHome(
      {"curl", "-sS", "--noproxy", "*", "--max-time", "20", "http://web.summon.test/"});
  EXPECT_EQ(page.exit_status, 0) << page.output << house_->Logs();
  EXPECT_THAT(page.output, HasSubstr("<h1>web</h1>"));
}

}  // namespace
}  // namespace summon::resolvers
