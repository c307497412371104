// SPDX-License-Identifier: Apache-2.0
// The whole chain with real programs: dig, kdig and delv ask summond, which asks NSD, Knot, BIND
// and unbound. In a network namespace of its own, on loopback addresses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <signal.h>

#include <filesystem>

#include "base/strings.h"
#include "tests/testbed/clients.h"
#include "tests/testbed/network.h"
#include "tests/testbed/peers.h"
#include "tests/testbed/process.h"

namespace summon {
namespace {

using testbed::Arguments;
using testbed::PeerPath;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr Duration kStartPatience = std::chrono::seconds(20);
constexpr const char* kKnot = "127.0.0.3";
constexpr const char* kNsd = "127.0.0.4";
constexpr const char* kNamed = "127.0.0.5";
constexpr const char* kUnbound = "127.0.0.6";

// One zone, the same for each server: an address, an alias to it, and more text than fits into a
// datagram.
std::string ZoneText(const std::string& apex) {
  std::string text = StrCat("$ORIGIN ", apex, ".\n$TTL 300\n",
                            "@ SOA ns hostmaster 1 3600 600 86400 30\n",
                            "@ NS ns\nns A 192.0.2.53\nwww A 192.0.2.80\nalias CNAME www\n",
                            "inside A 192.168.7.7\n");
  for (int i = 0; i < 40; ++i) {
    text += StrCat("large TXT \"", i, " ", std::string(100, 'x'), "\"\n");
  }
  return text;
}

class ForwardChain : public testing::Test {
 protected:
  void SetUp() override {
    auto made = testbed::NewNamespace();
    if (!made.ok()) GTEST_SKIP() << made.error().message();
    namespace_ = std::move(made).value();
  }

  std::string Run(const Arguments& arguments) {
    const auto finished = testbed::FinishIn(namespace_.get(), arguments);
    return finished.ok() ? finished->output : finished.error().message();
  }
  // Starts a server and waits until it takes connections.
  void Start(const Arguments& arguments, const std::string& address, std::uint16_t port = 53) {
    const std::string log = StrCat(folder_.path(), "/log", servers_.size());
    auto daemon = testbed::Daemon::Start(namespace_.get(), arguments, log);
    ASSERT_TRUE(daemon.ok()) << daemon.error().message();
    servers_.push_back(std::move(daemon).value());
    const testbed::InNamespace there(namespace_.get());
    const Instant until = clock_.Now() + kStartPatience;
    while (!testbed::ConnectTcp({.address = address, .port = port}, std::chrono::milliseconds(200))
                .ok()) {
      ASSERT_TRUE(clock_.Now() < until && servers_.back()->Running())
          << arguments[0] << ": " << servers_.back()->Log();
      Run({"sleep", "0.05"});
    }
  }

  void StartKnot(const std::string& apex) {
    const std::string zone = folder_.Write("knot.zone", ZoneText(apex));
    knot_conf_ = folder_.Write(
        "knot.conf",
        StrCat("server:\n  rundir: ", Quote(folder_.path()), "\n  listen: ", kKnot, "@53\n",
               "database:\n  storage: ", Quote(folder_.path() + "/knotdb"), "\n",
               "zone:\n  - domain: ", apex, "\n    file: ", Quote(zone),
               "\n    dnssec-signing: on\n    zonefile-sync: -1\n"));
    std::filesystem::create_directory(folder_.path() + "/knotdb");
    Start({PeerPath("knotd"), "-c", knot_conf_}, kKnot);
    // It listens before it has signed.
    const Instant until = clock_.Now() + kStartPatience;
    while (Run({"dig", StrCat("@", kKnot), apex, "DNSKEY", "+short"}).find("257") ==
           std::string::npos) {
      ASSERT_TRUE(clock_.Now() < until) << servers_.back()->Log();
      Run({"sleep", "0.05"});
    }
  }
  void StartNsd(const std::string& apex) {
    (void)folder_.Write("nsd.zone", ZoneText(apex));
    const std::string conf = folder_.Write(
        "nsd.conf", StrCat("server:\n  ip-address: ", kNsd, "\n  username: \"\"\n  chroot: \"\"\n",
                           "  zonesdir: ", Quote(folder_.path()), "\n  pidfile: \"\"\n",
                           "  xfrdfile: \"\"\n  database: \"\"\n  zonelistfile: ",
                           Quote(folder_.path() + "/nsd.list"), "\n  xfrdir: ",
                           Quote(folder_.path()), "\nremote-control:\n  control-enable: no\n",
                           "zone:\n  name: ", apex, "\n  zonefile: nsd.zone\n"));
    Start({PeerPath("nsd"), "-d", "-c", conf}, kNsd);
  }
  void StartNamed(const std::string& apex) {
    const std::string zone = folder_.Write("named.zone", ZoneText(apex));
    const std::string conf = folder_.Write(
        "named.conf",
        StrCat("options { directory ", Quote(folder_.path()), "; listen-on { ", kNamed,
               "; }; listen-on-v6 { none; }; pid-file none; session-keyfile none; ",
               "recursion no; };\ncontrols { };\nzone ", Quote(apex), " { type primary; file ",
               Quote(zone), "; };\n"));
    Run({"ip", "addr", "add", StrCat(kNamed, "/32"), "dev", "lo"});
    Start({PeerPath("named"), "-g", "-c", conf}, kNamed);
  }
  // Validates what Knot signs, for which it has the key.
  void StartUnbound(const std::string& apex) {
    const std::string ds = Run({PeerPath("keymgr"), "-c", knot_conf_, apex, "ds"});
    const std::string first(Split(ds, '\n').at(0));
    ASSERT_THAT(first, HasSubstr(" DS "));
    const std::string conf = folder_.Write(
        "unbound.conf",
        StrCat("server:\n  interface: ", kUnbound, "\n  do-daemonize: no\n  username: \"\"\n",
               "  chroot: \"\"\n  pidfile: \"\"\n  use-syslog: no\n  directory: ",
               Quote(folder_.path()), "\n  access-control: 127.0.0.0/8 allow\n",
               "  do-not-query-localhost: no\n  local-zone: \"test.\" nodefault\n",
               "  trust-anchor: ", Quote(first), "\nremote-control:\n  control-enable: no\n",
               "stub-zone:\n  name: ", apex, "\n  stub-addr: ", kKnot, "\n"));
    Start({PeerPath("unbound"), "-d", "-c", conf}, kUnbound);
  }
  std::string WriteSummond(const std::string& rules) {
    return folder_.Write(
        "summond.textproto",
        StrCat("zone { apex: \"own.test\" record { name: \"a.own.test\" type: A value: ",
               "\"192.0.2.1\" } }\nlisten: \"127.0.0.1:53\"\nmetrics_listen: \"127.0.0.1:9153\"\n",
               "control_socket: \"control.sock\"\nlauncher_socket: \"launcher.sock\"\n", rules));
  }
  void StartSummond(const std::string& rules) {
    const std::string conf = WriteSummond(rules);
    Start({testbed::ProgramPath("summond"), "--config", conf}, "127.0.0.1");
  }
  std::string Dig(const Arguments& arguments) {
    Arguments line = {"dig", "@127.0.0.1", "+tries=1", "+time=5"};
    line.insert(line.end(), arguments.begin(), arguments.end());
    return Run(line);
  }
  static std::string RuleFor(const std::string& zone, const std::string& server,
                             const std::string& more = {}) {
    return StrCat("forward { zone: ", Quote(zone), " upstream: ", Quote(server), " ", more, " }\n");
  }

  // What every server must give through us.
  void ExpectAll(const std::string& apex) {
    const std::string www = StrCat("www.", apex);
    EXPECT_THAT(Dig({www, "A", "+short"}), "192.0.2.80\n");
    EXPECT_THAT(Dig({www, "A", "+short", "+tcp"}), "192.0.2.80\n");
    EXPECT_THAT(Dig({StrCat("alias.", apex), "A"}), ContainsRegex("CNAME.*www(.|\n)*192.0.2.80"));
    const std::string answer = Dig({www, "A", "+noadflag"});
    EXPECT_THAT(answer, HasSubstr("status: NOERROR"));
    EXPECT_THAT(answer, ContainsRegex("flags: qr rd ra;"));
    EXPECT_THAT(Dig({StrCat("none.", apex), "A"}), ContainsRegex("status: NXDOMAIN(.|\n)*SOA"));
    EXPECT_THAT(Dig({www, "MX"}), ContainsRegex("status: NOERROR(.|\n)*ANSWER: 0(.|\n)*SOA"));
    // 40 strings of 100 octets: TCP on both sides.
    EXPECT_THAT(Dig({StrCat("large.", apex), "TXT", "+ignore"}), ContainsRegex("flags: qr tc rd"));
    EXPECT_THAT(Dig({StrCat("large.", apex), "TXT"}), HasSubstr("ANSWER: 40"));
    EXPECT_THAT(Dig({StrCat("inside.", apex), "A"}),
                ContainsRegex("status: REFUSED(.|\n)*EDE: 15"));
  }

  const SystemClock clock_;
  testbed::ScratchFolder folder_;
  UniqueFd namespace_;
  std::string knot_conf_;
  std::vector<std::unique_ptr<testbed::Daemon>> servers_;
};

#define SUMMON_NEED(program)                                                                 \
  if (const std::string why = testbed::WhyNoPeer(program); !why.empty()) GTEST_SKIP() << why

TEST_F(ForwardChain, NsdIsReachedThroughUs) {
  SUMMON_NEED("nsd");
  StartNsd("nsd.example");
  StartSummond(RuleFor("nsd.example", kNsd));
  ExpectAll("nsd.example");
}

TEST_F(ForwardChain, KnotIsReachedThroughUs) {
  SUMMON_NEED("knotd");
  StartKnot("knot.example");
  StartSummond(RuleFor("knot.example", kKnot));
  ExpectAll("knot.example");
}

TEST_F(ForwardChain, BindIsReachedThroughUs) {
  SUMMON_NEED("named");
  StartNamed("bind.example");
  StartSummond(RuleFor("bind.example", kNamed));
  ExpectAll("bind.example");
}

// RFC 4035 section 3.2: records of DNSSEC pass through unchanged, for who validates behind us.
TEST_F(ForwardChain, AValidatorBehindUsCanValidate) {
  SUMMON_NEED("knotd");
  StartKnot("knot.example");
  StartSummond(RuleFor("knot.example", kKnot));
  const std::string key = Run({PeerPath("keymgr"), "-c", knot_conf_, "knot.example", "ds"});
  const auto words = Split(Split(key, '\n').at(0), ' ');
  ASSERT_GE(words.size(), 6u) << key;
  const std::string anchor = folder_.Write(
      "anchor", StrCat("trust-anchors { knot.example. static-ds ", words[2], " ", words[3], " ",
                       words[4], " \"", words[5], "\"; };\n"));
  const auto delv = [&](const std::string& name, const std::string& type) {
    return Run({"delv", "@127.0.0.1", "-a", anchor, "+root=knot.example", name, type});
  };
  EXPECT_THAT(delv("www.knot.example", "A"), HasSubstr("fully validated"));
  EXPECT_THAT(delv("large.knot.example", "TXT"), HasSubstr("fully validated"));
  EXPECT_THAT(delv("none.knot.example", "A"), HasSubstr("negative response, fully validated"));
  EXPECT_THAT(Dig({"+dnssec", "www.knot.example", "A"}), ContainsRegex("flags: do(.|\n)*RRSIG"));
  EXPECT_THAT(Dig({"www.knot.example", "A"}), Not(HasSubstr("RRSIG")));
}

TEST_F(ForwardChain, AValidatingResolverIsBelievedWhenTheRuleSaysSo) {
  SUMMON_NEED("knotd");
  SUMMON_NEED("unbound");
  StartKnot("knot.example");
  StartUnbound("knot.example");
  StartSummond(RuleFor(".", kUnbound, "trust_ad: true"));
  ExpectAll("knot.example");
  EXPECT_THAT(Dig({"+adflag", "www.knot.example", "A"}), ContainsRegex("flags: qr rd ra ad;"));
  EXPECT_THAT(Dig({"+noadflag", "www.knot.example", "A"}), ContainsRegex("flags: qr rd ra;"));
}

TEST_F(ForwardChain, OurOwnZonesAndStrangersAreNotForwarded) {
  SUMMON_NEED("nsd");
  StartNsd("nsd.example");
  StartSummond(StrCat(RuleFor("nsd.example", kNsd),
                      "forwarding { allow_recursion: \"127.0.0.1\" }"));
  EXPECT_THAT(Dig({"a.own.test", "A"}), ContainsRegex("flags: qr aa rd;"));
  EXPECT_THAT(Dig({"none.own.test", "A"}), ContainsRegex("NXDOMAIN(.|\n)*flags: qr aa rd;"));
  EXPECT_THAT(Dig({"www.elsewhere.example", "A"}), HasSubstr("status: REFUSED"));
  EXPECT_THAT(Dig({"-b", "127.0.0.9", "www.nsd.example", "A"}), HasSubstr("status: REFUSED"));
  EXPECT_THAT(Dig({"+norecurse", "www.nsd.example", "A"}), HasSubstr("status: REFUSED"));
  EXPECT_THAT(Dig({"www.nsd.example", "A", "+short"}), "192.0.2.80\n");
  Run({"sleep", "1.1"});  // metrics are brought up to date once a second
  const std::string metrics = Run({"curl", "-s", "http://127.0.0.1:9153/metrics"});
  EXPECT_THAT(metrics, HasSubstr("summon_forward_total{event=\"miss\"} 1"));
  EXPECT_THAT(metrics, HasSubstr("summon_forward_refused_total{reason=\"not_allowed\"} 1"));
  EXPECT_THAT(metrics, HasSubstr("summon_forward_refused_total{reason=\"no_recursion\"} 1"));
  EXPECT_THAT(metrics, HasSubstr("summon_forward_upstream_seconds_count 1"));
}

TEST_F(ForwardChain, AServerThatGoesAwayLeavesItsAnswersForAWhile) {
  SUMMON_NEED("nsd");
  StartNsd("nsd.example");
  StartSummond(StrCat(RuleFor("nsd.example", kNsd), "forwarding { ttl_max_s: 1 }"));
  EXPECT_THAT(Dig({"www.nsd.example", "A", "+short"}), "192.0.2.80\n");
  servers_[0].reset();
  Run({"sleep", "1.1"});
  const std::string stale = Dig({"www.nsd.example", "A"});
  EXPECT_THAT(stale, ContainsRegex("EDE: 3 (.|\n)*30.*192.0.2.80"));
  EXPECT_THAT(Dig({"ns.nsd.example", "A"}), ContainsRegex("status: SERVFAIL(.|\n)*EDE: 23"));
}

TEST_F(ForwardChain, RulesChangeWithAReload) {
  SUMMON_NEED("nsd");
  StartNsd("nsd.example");
  StartSummond("");
  EXPECT_THAT(Dig({"www.nsd.example", "A"}), HasSubstr("status: REFUSED"));
  const auto await = [this](const std::string& rules, const std::string& expected) {
    WriteSummond(rules);
    servers_.back()->Signal(SIGHUP);
    const Instant until = clock_.Now() + kStartPatience;
    std::string answer;
    while (clock_.Now() < until && answer.find(expected) == std::string::npos) {
      answer = Dig({"www.nsd.example", "A"});
    }
    EXPECT_THAT(answer, HasSubstr(expected));
  };
  await(RuleFor("nsd.example", kNsd), "192.0.2.80");
  await("", "status: REFUSED");
}

// Two of us who ask each other: found by the address that the question comes back from.
TEST(ForwardCircle, AQuestionThatComesBackFailsAtOnceAndIsCounted) {
  auto network = testbed::Network::Create();
  if (!network.ok()) GTEST_SKIP() << network.error().message();
  const testbed::ScratchFolder folder;
  const auto start = [&](int where, const std::string& own, const std::string& other) {
    const std::string conf = folder.Write(
        StrCat(own, ".textproto"),
        StrCat("zone { apex: \"own.test\" }\nlisten: \"", own, ":53\"\nmetrics_listen: \"", own,
               ":9153\"\ncontrol_socket: \"", own, ".c\"\nlauncher_socket: \"", own, ".l\"\n",
               "forward { zone: \".\" upstream: \"", other, "\" }\n",
               "forwarding { allow_recursion: \"any\" }\n"));
    return testbed::Daemon::Start(where, {testbed::ProgramPath("summond"), "--config", conf},
                                  StrCat(folder.path(), "/", own, ".log"));
  };
  using testbed::Network;
  const int host = (*network)->host();
  auto one = start(host, Network::kHostAddress, Network::kClientAddress);
  auto two = start((*network)->client(), Network::kClientAddress, Network::kHostAddress);
  ASSERT_TRUE(one.ok() && two.ok());
  const auto dig = [&](const std::string& name) {
    const auto done = testbed::FinishIn(
        host, {"dig", StrCat("@", Network::kHostAddress), "+tries=20", "+time=1", name, "A"});
    return done.ok() ? done->output : done.error().message();
  };
  (void)dig("own.test");  // until both are there; what it says is another test's
  (void)testbed::FinishIn(host, {"dig", StrCat("@", Network::kClientAddress), "+tries=20",
                                 "+time=1", "own.test", "A"});  // likewise
  const SystemClock clock;
  const Instant began = clock.Now();
  EXPECT_THAT(dig("round.example"), HasSubstr("status: SERVFAIL"));
  EXPECT_LT(clock.Now() - began, std::chrono::milliseconds(1'500));  // not after 1.9 s
  (void)testbed::FinishIn(host, {"sleep", "1.1"});  // metrics are brought up to date once a second
  const auto metrics = testbed::FinishIn(
      host, {"curl", "-s", StrCat("http://", Network::kHostAddress, ":9153/metrics")});
  ASSERT_TRUE(metrics.ok());
  EXPECT_THAT(metrics->output, HasSubstr("summon_forward_refused_total{reason=\"loop\"} 1"));
}

TEST_F(ForwardChain, AServerThatIsOurselvesEndsTheStart) {
  const std::string conf = folder_.Write(
      "circle.textproto",
      StrCat("zone { apex: \"own.test\" }\nlisten: \"127.0.0.1:53\"\nlisten: \"0.0.0.0:54\"\n",
             "metrics_listen: \"none\"\ncontrol_socket: \"c.sock\"\nlauncher_socket: \"l.sock\"\n",
             RuleFor(".", "127.0.0.7:54")));
  const std::string output = Run({testbed::ProgramPath("summond"), "--check-config", conf});
  EXPECT_THAT(output, HasSubstr("is this server itself"));
}

}  // namespace
}  // namespace summon
