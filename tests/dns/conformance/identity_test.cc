// SPDX-License-Identifier: Apache-2.0
// Class CHAOS: nothing by default, and what is configured.
#include "tests/dns/conformance/harness.h"

namespace summon::dns::test {
namespace {

const auto kRowName = [](const auto& row) { return std::string(row.param.name); };

constexpr int kRefused = 5;

Packet Chaos(std::string_view name, RrType type) {
  return Message()
      .Header(0, {})
      .NameOf(name)
      .Be16(static_cast<std::uint16_t>(type))
      .Be16(3)
      .bytes();
}

struct Row {
  const char* name;
  const char* asked;
  RrType type;
  int rcode;
  const char* text;  // of the answer; none for no record
};

class Hidden : public ConformanceTest, public testing::WithParamInterface<Row> {
 protected:
  void SetUp() override {
    ConformanceTest::SetUp();
    if (!IsOurs()) GTEST_SKIP() << "another server's policy is its own";
  }
};

TEST_P(Hidden, IsRefused) {
  EXPECT_EQ(Ask(Chaos(GetParam().asked, GetParam().type)).rcode, kRefused);
}

INSTANTIATE_TEST_SUITE_P(
    Rfc4892Section3, Hidden,
    testing::Values(Row{"VersionBind", "version.bind", RrType::kTxt, kRefused, nullptr},
                    Row{"VersionServer", "version.server", RrType::kTxt, kRefused, nullptr},
                    Row{"HostnameBind", "hostname.bind", RrType::kTxt, kRefused, nullptr},
                    Row{"IdServer", "id.server", RrType::kTxt, kRefused, nullptr},
                    Row{"AuthorsBind", "authors.bind", RrType::kTxt, kRefused, nullptr},
                    Row{"AnyOfVersion", "version.bind", RrType::kAny, kRefused, nullptr}),
    kRowName);

class Told : public Hidden {
 protected:
  ServerOptions Options() const override {
    ServerOptions options = Hidden::Options();
    options.manners.identity = {.version = "none of your business", .hostname = "ns1"};
    return options;
  }
};

TEST_P(Told, AsConfigured) {
  const Answer answer = Ask(Chaos(GetParam().asked, GetParam().type));
  EXPECT_EQ(answer.rcode, GetParam().rcode);
  if (!GetParam().text) {
    EXPECT_TRUE(answer.answers.empty());
    return;
  }
  ASSERT_EQ(answer.answers.size(), 1u);
  const AnswerRecord& record = answer.answers[0];
  EXPECT_EQ(std::string(record.rdata.begin() + 1, record.rdata.end()), GetParam().text);
  EXPECT_EQ(record.rr_class, 3);
  EXPECT_EQ(record.ttl, 0u);
  EXPECT_TRUE(answer.aa());
}

constexpr const char* kVersion = "none of your business";
INSTANTIATE_TEST_SUITE_P(
    Rfc4892Section3, Told,
    testing::Values(Row{"VersionBind", "version.bind", RrType::kTxt, 0, kVersion},
                    Row{"VersionServer", "version.server", RrType::kTxt, 0, kVersion},
                    Row{"HostnameBind", "hostname.bind", RrType::kTxt, 0, "ns1"},
                    Row{"IdServer", "id.server", RrType::kTxt, 0, "ns1"},
                    Row{"InAnyCase", "VERSION.bInD", RrType::kTxt, 0, kVersion},
                    Row{"AnyType", "id.server", RrType::kAny, 0, "ns1"},
                    Row{"AnotherType", "id.server", RrType::kA, 0, nullptr},
                    Row{"AnotherName", "authors.bind", RrType::kTxt, kRefused, nullptr},
                    Row{"BelowTheName", "x.id.server", RrType::kTxt, kRefused, nullptr},
                    Row{"TheRoot", ".", RrType::kTxt, kRefused, nullptr}),
    kRowName);

class InClassIn : public ConformanceTest {};

TEST_F(InClassIn, TheseNamesAreNotOurs) {
  EXPECT_EQ(Ask("version.bind", RrType::kTxt).rcode, kRefused);
}

}  // namespace
}  // namespace summon::dns::test
