// SPDX-License-Identifier: Apache-2.0
// Answers come from the address that was asked. Clients' sockets are connected: they take nothing
// from any other.
#include "tests/dns/conformance/harness.h"

namespace summon::dns::test {
namespace {

struct Row {
  const char* name;
  const char* listen;
  const char* asked;  // the address only
};

class Address : public testing::TestWithParam<Row> {
 protected:
  void SetUp() override {
    if (getenv("SUMMON_CONFORMANCE_SERVER")) GTEST_SKIP() << "another server listens where it does";
    ServerOptions options;
    options.listen = {Endpoint::Parse(GetParam().listen).value()};
    service_ = std::make_unique<Service>(std::move(options));
    if (!service_->failure().empty()) GTEST_SKIP() << service_->failure();
    const std::string port = std::to_string(service_->address().port);
    asked_ = Endpoint::Parse(std::string(GetParam().asked) + ":" + port).value();
  }

  std::unique_ptr<Service> service_;
  Endpoint asked_;
};

TEST_P(Address, ThatWasAskedAnswers) {
  UdpClient client(asked_);
  client.Send(PlainQuery("www.conf.test", RrType::kA));
  EXPECT_TRUE(client.Receive().has_value());
}
TEST_P(Address, ThatWasAskedAnswersOverTcp) {
  TcpClient client(asked_);
  client.Send(PlainQuery("www.conf.test", RrType::kA));
  EXPECT_TRUE(client.Receive().has_value());
}
TEST_P(Address, ThatWasAskedAnswersEachOfMany) {
  UdpClient client(asked_);
  for (int i = 0; i < 200; ++i) client.Send(PlainQuery("www.conf.test", RrType::kA));
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(client.Receive().has_value()) << i;
}

INSTANTIATE_TEST_SUITE_P(Rfc2181Section4_1, Address,
                         testing::Values(Row{"Ipv4", "127.0.0.1:0", "127.0.0.1"},
                                         Row{"Ipv4Second", "127.0.0.2:0", "127.0.0.2"},
                                         Row{"Ipv4WildcardFirst", "0.0.0.0:0", "127.0.0.1"},
                                         Row{"Ipv4WildcardSecond", "0.0.0.0:0", "127.0.0.2"},
                                         Row{"Ipv4WildcardFar", "0.0.0.0:0", "127.45.67.89"},
                                         Row{"Ipv6", "[::1]:0", "[::1]"},
                                         Row{"Ipv6Wildcard", "[::]:0", "[::1]"}),
                         [](const auto& row) { return std::string(row.param.name); });

// Two addresses of one wildcard socket at once: neither answers for the other.
TEST(Rfc2181Section4_1, AWildcardSocketKeepsAddressesApart) {
  ServerOptions options;
  options.listen = {Endpoint::Parse("0.0.0.0:0").value()};
  const Service service(std::move(options));
  ASSERT_EQ(service.failure(), "");
  Endpoint one = service.address(), two = service.address();
  one.octets = {127, 0, 0, 3};
  two.octets = {127, 0, 0, 4};
  UdpClient first(one), second(two);
  for (int i = 0; i < 50; ++i) {
    first.Send(PlainQuery("www.conf.test", RrType::kA));
    second.Send(PlainQuery("missing.conf.test", RrType::kA));
  }
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(ReadAnswer(first.Receive().value_or(Packet()))->rcode, 0);
    EXPECT_EQ(ReadAnswer(second.Receive().value_or(Packet()))->rcode, 3);
  }
}

}  // namespace
}  // namespace summon::dns::test
