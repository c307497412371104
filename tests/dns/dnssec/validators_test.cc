// SPDX-License-Identifier: Apache-2.0
// Other people's validators against the server: delv (BIND), drill (ldns), kdig (Knot), and a whole
// resolver, unbound. None of them shares code with the signer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <string>
#include <thread>

#include "base/strings.h"
#include "dns/authority.h"
#include "dns/dnssec/online_signer.h"
#include "dns/server.h"
#include "tests/dns/dnssec/signed_zones.h"
#include "tests/testbed/network.h"
#include "tests/testbed/peers.h"
#include "tests/testbed/process.h"

namespace summon::dns {
namespace {

using dnssec::ZoneKeyset;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class SigningHandler final : public Handler {
 public:
  void Handle(const Query& query, Responder responder) override {
    const AnswerOptions options{.owned_ttl = 5, .signer = &signer_};
    (void)responder.Send(WriteAnswer(zones.table(), query, options, space_));  // the client tells
  }
  dnssec::test::SignedZones zones;

 private:
  SystemClock clock_;
  dnssec::OnlineSigner signer_{clock_, {}};
  std::array<std::uint8_t, kTcpSpace> space_{};
};

std::string Output(const std::string& command) {
  std::string out;
  FILE* pipe = popen(command.c_str(), "re");
  if (!pipe) return out;
  std::array<char, 4096> part;
  while (const std::size_t count = fread(part.data(), 1, part.size(), pipe)) {
    out.append(part.data(), count);
  }
  (void)pclose(pipe);  // what it printed is what is checked
  return out;
}

std::string WhyNo(const std::string& program, const std::string& package) {
  if (!Output("command -v " + program).empty()) return {};
  return StrCat("no ", program, " (package ", package, ")");
}

// "tag algorithm digest-type "HEX"", as trust anchors are written.
std::string AnchorOf(std::string_view apex, const ZoneKeyset& keys) {
  const std::string text = DsText(dns::test::N(apex), keys.active());
  const std::string data = text.substr(text.find(" DS ") + 4);
  const std::size_t digest = data.rfind(' ') + 1;
  return StrCat(apex, ". static-ds ", data.substr(0, digest), '"', data.substr(digest), "\";\n");
}

class ValidatorTest : public testing::Test {
 protected:
  void SetUp() override {
    ServerOptions options;
    options.listen = {Endpoint::Parse("127.0.0.1:0").value()};
    auto server = Server::Create(*loop_, options, handler_);
    ASSERT_TRUE(server.ok()) << server.error().message();
    server_ = std::move(server).value();
    const dnssec::test::SignedZones& zones = handler_.zones;
    anchors_ = folder_.Write("anchors", StrCat("trust-anchors {\n",
                                               AnchorOf("signed.test", *zones.keys),
                                               AnchorOf("other.test", *zones.other_keys), "};\n"));
    UseKey(*zones.keys);
  }
  void UseKey(const ZoneKeyset& keys) {
    key_ = folder_.Write("key", DnskeyText(dns::test::N("signed.test"), keys.active()) + '\n');
  }
  std::uint16_t port() const { return server_->addresses()[0].port; }
  // What a command prints, while the server runs on this thread.
  std::string Run(const std::string& command) {
    std::string out;
    std::thread client([&] {
      out = Output(command + " 2>&1");
      loop_->Post([this] { loop_->Stop(); });
    });
    loop_->Run();
    client.join();
    return out;
  }
  std::string Delv(std::string_view question, std::string_view root = "signed.test") {
    return Run(StrCat("delv @127.0.0.1 -p ", port(), " -a ", anchors_, " +root=", root, ' ',
                      question));
  }
  std::string Drill(std::string_view question) {
    return Run(StrCat("drill -S -k ", key_, " -p ", port(), ' ', question, " @127.0.0.1"));
  }
  std::string Kdig(std::string_view question) {
    return Run(StrCat("kdig +dnssec @127.0.0.1 -p ", port(), ' ', question));
  }

  testbed::ScratchFolder folder_;
  std::string anchors_;
  std::string key_;
  std::unique_ptr<Loop> loop_ = Loop::Create().value();
  SigningHandler handler_;
  std::unique_ptr<Server> server_;
};

// --- delv ---

struct Case {
  const char* question;
  const char* expected;
};

class DelvTest : public ValidatorTest, public testing::WithParamInterface<Case> {
 protected:
  void SetUp() override {
    if (const auto why = WhyNo("delv", "bind9-dnsutils"); !why.empty()) GTEST_SKIP() << why;
    ValidatorTest::SetUp();
  }
};

constexpr const char* kGood = "; fully validated";
constexpr const char* kNegative = "negative response, fully validated";
constexpr const char* kUnsigned = "; unsigned answer";

TEST_P(DelvTest, Validates) {
  EXPECT_THAT(Delv(GetParam().question), HasSubstr(GetParam().expected));
}

INSTANTIATE_TEST_SUITE_P(
    Answers, DelvTest,
    testing::Values(
        Case{"ns.signed.test A", kGood}, Case{"nS.SigNed.TEST A", kGood},
        Case{"many.signed.test A", kGood}, Case{"signed.test SOA", kGood},
        Case{"signed.test NS", kGood}, Case{"signed.test MX", kGood},
        Case{"signed.test DNSKEY", kGood}, Case{"signed.test CDS", kGood},
        Case{"signed.test CDNSKEY", kGood}, Case{"_http._tcp.signed.test SRV", kGood},
        Case{"big.signed.test TXT", kGood}, Case{"service.signed.test A", kGood},
        Case{"any.wild.signed.test A", kGood}, Case{"'*.wild.signed.test' A", kGood},
        Case{"x.walias.signed.test A", kGood}, Case{"alias.signed.test A", kGood},
        Case{"ns.signed.test NSEC", kGood}, Case{"host.inner.signed.test A", kGood},
        Case{"inner.signed.test DS", kGood}, Case{"secure.signed.test DS", kGood}));
INSTANTIATE_TEST_SUITE_P(
    Denials, DelvTest,
    testing::Values(Case{"service.signed.test AAAA", kNegative},
                    Case{"nobody.signed.test A", kNegative},
                    Case{"a.b.c.nobody.signed.test TXT", kNegative},
                    Case{"empty.signed.test A", kNegative},
                    Case{"any.wild.signed.test TXT", kNegative},
                    Case{"nobody.inner.signed.test A", kNegative},
                    Case{"plain.signed.test DS", kNegative}, Case{"sub.signed.test DS", kNegative},
                    Case{"signed.test TXT", kNegative}, Case{"inner.signed.test TXT", kNegative}));
INSTANTIATE_TEST_SUITE_P(Insecure, DelvTest,
                         testing::Values(Case{"host.plain.signed.test A", kUnsigned}));

class DelvAloneTest : public DelvTest {};

TEST_F(DelvAloneTest, SeesBothZonesOfAnAliasSigned) {
  const std::string out = Delv("alias.signed.test A");
  EXPECT_THAT(out, AllOf(HasSubstr("RRSIG\tCNAME"), HasSubstr("RRSIG\tA"),
                         Not(HasSubstr("unsigned"))));
}

// What is validated above is not validated whatever it says.
TEST_F(DelvAloneTest, TrustsNoOtherKey) {
  anchors_ = folder_.Write(
      "anchors", StrCat("trust-anchors {\n",
                        AnchorOf("signed.test", *handler_.zones.other_keys), "};\n"));
  EXPECT_THAT(Delv("ns.signed.test A"), AllOf(HasSubstr("resolution failed"),
                                              Not(HasSubstr("fully validated"))));
}

// --- drill ---

class DrillTest : public ValidatorTest, public testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    if (const auto why = WhyNo("drill", "ldnsutils"); !why.empty()) GTEST_SKIP() << why;
    ValidatorTest::SetUp();
  }
};

TEST_P(DrillTest, ChasesToTheKey) {
  EXPECT_THAT(Drill(GetParam()), AllOf(HasSubstr("Chase successful"),
                                       HasSubstr("signed.test. (DNSKEY keytag: ")));
}

INSTANTIATE_TEST_SUITE_P(Answers, DrillTest,
                         testing::Values("ns.signed.test A", "many.signed.test A",
                                         "signed.test MX", "any.wild.signed.test A",
                                         "host.inner.signed.test A", "service.signed.test AAAA",
                                         "nobody.signed.test A", "empty.signed.test A"));

class DrillAloneTest : public DrillTest {};

TEST_F(DrillAloneTest, DoesNotChaseToAnotherKey) {
  UseKey(*handler_.zones.other_keys);
  EXPECT_THAT(Drill("ns.signed.test A"),
              AllOf(HasSubstr("Chasing: ns.signed.test. A"), Not(HasSubstr("Chase successful"))));
}

// --- kdig ---

class KdigTest : public ValidatorTest {
 protected:
  void SetUp() override {
    if (const auto why = WhyNo("kdig", "knot-dnsutils"); !why.empty()) GTEST_SKIP() << why;
    ValidatorTest::SetUp();
  }
};

TEST_F(KdigTest, ReadsSignaturesAndDenials) {
  EXPECT_THAT(Kdig("ns.signed.test A"),
              AllOf(HasSubstr("flags: do"), HasSubstr("Flags: qr aa rd;"),
                    HasSubstr("RRSIG\tA 13 3 300 "), Not(HasSubstr("WARNING"))));
  EXPECT_THAT(Kdig("nobody.signed.test A"),
              AllOf(HasSubstr("status: NOERROR"),
                    HasSubstr("NSEC\t\\000.nobody.signed.test. RRSIG NSEC TYPE128"),
                    Not(HasSubstr("WARNING"))));
}

// --- unbound ---

// An address of the loopback that no other process of this test has.
std::string OwnAddress() {
  const auto pid = static_cast<unsigned>(getpid());
  return StrCat("127.", 64 + (pid >> 16 & 63), '.', pid >> 8 & 255, '.', pid & 255);
}
constexpr int kResolverPort = 5053;

class UnboundTest : public ValidatorTest, public testing::WithParamInterface<Case> {
 protected:
  void SetUp() override {
    if (const auto why = testbed::WhyNoPeer("unbound"); !why.empty()) GTEST_SKIP() << why;
    ValidatorTest::SetUp();
    const auto stub = [this](std::string_view apex) {
      return StrCat("stub-zone:\n  name: ", apex, "\n  stub-addr: 127.0.0.1@", port(), '\n');
    };
    const auto anchor = [](std::string_view apex, const ZoneKeyset& keys) {
      return StrCat("  trust-anchor: '", DsText(dns::test::N(apex), keys.active()), "'\n");
    };
    const std::string config = folder_.Write(
        "unbound.conf",
        StrCat("server:\n  interface: ", OwnAddress(), "\n  port: ", kResolverPort,
               "\n  do-daemonize: no\n  username: \"\"\n  chroot: \"\"\n  pidfile: \"\"\n"
               "  directory: ", Quote(folder_.path()), "\n  use-syslog: no\n  verbosity: 1\n"
               "  val-log-level: 2\n  do-not-query-localhost: no\n  aggressive-nsec: yes\n"
               "  local-zone: \"test.\" nodefault\n",
               anchor("signed.test", *handler_.zones.keys),
               anchor("other.test", *handler_.zones.other_keys),
               "remote-control:\n  control-enable: no\n", stub("signed.test"),
               stub("other.test")));
    auto started = testbed::Daemon::Start(-1, {testbed::PeerPath("unbound"), "-d", "-c", config},
                                          folder_.path() + "/log");
    ASSERT_TRUE(started.ok()) << started.error().message();
    unbound_ = std::move(started).value();
  }
  std::string Ask(std::string_view question) {
    // While it starts nobody listens: dig tries again at once, so it is given pauses.
    return Run(StrCat("for i in 1 2 3 4 5 6 7 8 9 10; do dig @", OwnAddress(), " -p ",
                      kResolverPort, " +tries=1 +time=5 +dnssec ", question,
                      " && break; sleep 0.3; done"));
  }
  std::unique_ptr<testbed::Daemon> unbound_;
};

TEST_P(UnboundTest, Validates) {
  EXPECT_THAT(Ask(GetParam().question), HasSubstr(GetParam().expected)) << unbound_->Log();
}

constexpr const char* kAuthentic = "flags: qr rd ra ad;";
constexpr const char* kPlain = "flags: qr rd ra;";

INSTANTIATE_TEST_SUITE_P(
    Answers, UnboundTest,
    testing::Values(
        Case{"ns.signed.test A", kAuthentic}, Case{"many.signed.test A", kAuthentic},
        Case{"service.signed.test A", kAuthentic}, Case{"service.signed.test AAAA", kAuthentic},
        Case{"nobody.signed.test A", kAuthentic}, Case{"empty.signed.test A", kAuthentic},
        Case{"below.empty.signed.test TXT", kAuthentic}, Case{"any.wild.signed.test A", kAuthentic},
        Case{"any.wild.signed.test TXT", kAuthentic}, Case{"alias.signed.test A", kAuthentic},
        Case{"x.walias.signed.test A", kAuthentic}, Case{"dangling.signed.test A", kAuthentic},
        Case{"host.inner.signed.test A", kAuthentic}, Case{"inner.signed.test DS", kAuthentic},
        Case{"big.signed.test TXT", kAuthentic}, Case{"host.plain.signed.test A", kPlain},
        Case{"plain.signed.test DS", kAuthentic}));

}  // namespace
}  // namespace summon::dns
