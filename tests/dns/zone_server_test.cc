// SPDX-License-Identifier: Apache-2.0
// The real summond with zone files, other people's clients, and another server as its secondary; in
// a network namespace of their own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include <functional>
#include <thread>

#include "base/strings.h"
#include "dns/endpoint.h"
#include "tests/dns/wire.h"
#include "tests/testbed/network.h"
#include "tests/testbed/peers.h"
#include "tests/testbed/process.h"

namespace summon::dns {
namespace {

using testbed::Arguments;
using testing::HasSubstr;
using testing::Not;

constexpr auto kPatience = std::chrono::seconds(20);  // far above what anything here takes
constexpr auto kStep = std::chrono::milliseconds(20);

bool Await(const std::function<bool()>& done) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(kStep);
  }
  return true;
}

class ZoneServerTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = testbed::NewNamespace();
    if (!made.ok()) GTEST_SKIP() << "no network namespace: " << made.error().message();
    namespace_ = std::move(made).value();
    WriteZone(1, "www A 192.0.2.80\n");
  }

  std::string WriteZone(int serial, std::string_view more) {
    return folder_.Write("a.zone", StrCat("$TTL 60\n@ SOA ns hm ", serial, " 60 10 600 10\n",
                                          "@ NS ns\nns A 127.0.0.1\n", more));
  }
  // Starts summond, and waits until it answers.
  void Start(Arguments arguments) {
    arguments.insert(arguments.begin(), testbed::ProgramPath("summond"));
    auto daemon =
        testbed::Daemon::Start(namespace_.get(), arguments, folder_.path() + "/summond.log");
    ASSERT_TRUE(daemon.ok()) << daemon.error().message();
    summond_ = std::move(daemon).value();
    EXPECT_TRUE(Await([&] { return summond_->Log().find(" started ") != std::string::npos; }))
        << summond_->Log();
  }
  void StartWithZoneFile() {
    Start({"--listen", "127.0.0.1:5300", "--zone-file",
           StrCat("a.test=", folder_.path(), "/a.zone")});
  }
  void StartWithConfiguration(std::string_view zone_fields) {
    const std::string config = StrCat(
        "zone { apex: \"a.test\" zone_file: \"a.zone\" ", zone_fields, " }\n",
        "listen: \"127.0.0.1:5300\" metrics_listen: \"none\" control_socket: \"c.sock\" "
        "launcher_socket: \"l.sock\"\n");
    Start({"--config", folder_.Write("summond.textproto", config)});
  }
  std::string Run(const Arguments& arguments) {
    const auto finished = testbed::FinishIn(namespace_.get(), arguments);
    return finished.ok() ? finished->output : finished.error().message();
  }
  std::string Dig(const Arguments& more, const std::string& port = "5300") {
    Arguments arguments = {"dig", "@127.0.0.1", "-p", port, "+tries=1", "+time=5"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Run(arguments);
  }
  void Reload(std::string_view awaited) {
    const std::size_t before = summond_->Log().size();
    summond_->Signal(SIGHUP);
    EXPECT_TRUE(Await([&] {
      return summond_->Log().find(awaited, before) != std::string::npos;
    })) << summond_->Log();
  }

  UniqueFd namespace_;
  testbed::ScratchFolder folder_;
  std::unique_ptr<testbed::Daemon> summond_;
};

TEST_F(ZoneServerTest, ServesZoneFilesWithoutConfiguration) {
  const std::string other = folder_.Write(
      "b.zone", "@ 5 SOA ns.a.test. hm 1 60 10 600 10\n@ 5 NS ns.a.test.\nx 5 TXT \"of b\"\n");
  Start({"--listen", "127.0.0.1:5300", "--listen", "127.0.0.1:5301", "--zone-file",
         StrCat("a.test=", folder_.path(), "/a.zone"), "--zone-file", "b.test=" + other});
  EXPECT_THAT(Dig({"www.a.test"}), HasSubstr("192.0.2.80"));
  EXPECT_THAT(Dig({"x.b.test", "TXT"}, "5301"), HasSubstr("\"of b\""));
  EXPECT_THAT(Dig({"none.a.test"}), HasSubstr("status: NXDOMAIN"));
  EXPECT_THAT(Run({"ss", "-lxn"}), Not(HasSubstr(folder_.path())));
}

TEST_F(ZoneServerTest, SighupReadsFilesAgainAndABadOneChangesNothing) {
  StartWithZoneFile();
  WriteZone(2, "www A 192.0.2.81\n");
  Reload("configuration reloaded");
  EXPECT_THAT(Dig({"www.a.test"}), HasSubstr("192.0.2.81"));
  WriteZone(3, "www A 192.0.2\n");
  Reload("the former one stays");
  EXPECT_THAT(summond_->Log(), HasSubstr("a.zone:5:7: A:"));
  EXPECT_THAT(Dig({"www.a.test"}), HasSubstr("192.0.2.81"));
}

TEST_F(ZoneServerTest, NoQueryIsLostWhileFilesAreReadAgain) {
  std::string names = "www A 192.0.2.80\n";
  for (int i = 0; i < 30'000; ++i) names += StrCat("n", i, " A 192.0.2.1\n");
  WriteZone(1, names);
  StartWithZoneFile();
  UniqueFd client;
  {
    const testbed::InNamespace inside(namespace_.get());
    client = UniqueFd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const SocketAddress server(Endpoint::Parse("127.0.0.1:5300").value());
    ASSERT_EQ(connect(client.get(), server.get(), server.size), 0);
  }
  const test::Packet query = test::PlainQuery("www.a.test", RrType::kA);
  test::Packet space(kUdpSizeMin);
  int lost = 0;
  for (int i = 0; i < 3'000; ++i) {
    if (i % 300 == 0) summond_->Signal(SIGHUP);
    ASSERT_GT(send(client.get(), query.data(), query.size(), 0), 0);
    pollfd item{client.get(), POLLIN, 0};
    const bool answered = poll(&item, 1, 2'000) == 1 &&
                          recv(client.get(), space.data(), space.size(), 0) > 0 && space[7] == 1;
    lost += answered ? 0 : 1;
  }
  EXPECT_EQ(lost, 0);
  EXPECT_THAT(summond_->Log(), HasSubstr("configuration reloaded"));
}

TEST_F(ZoneServerTest, ABadFileAtTheStartIsToldWithItsPlace) {
  WriteZone(1, "www A 192.0.2\n");
  const auto ended = testbed::FinishIn(
      namespace_.get(), {testbed::ProgramPath("summond"), "--listen", "127.0.0.1:5300",
                         "--zone-file", StrCat("a.test=", folder_.path(), "/a.zone")});
  ASSERT_TRUE(ended.ok());
  EXPECT_EQ(ended->exit_status, 1);
  EXPECT_THAT(ended->output, HasSubstr("/a.zone:5:7: A: "));
}

TEST_F(ZoneServerTest, AnArgumentThatIsNoZoneFileSaysHowToWriteIt) {
  const auto ended = testbed::FinishIn(
      namespace_.get(), {testbed::ProgramPath("summond"), "--zone-file", "a.test"});
  ASSERT_TRUE(ended.ok());
  EXPECT_EQ(ended->exit_status, 7);
  EXPECT_THAT(ended->output, HasSubstr("is not APEX=FILE"));
}

TEST_F(ZoneServerTest, CheckConfigReadsZoneFilesToo) {
  WriteZone(1, "www A 192.0.2\n");
  const std::string config = folder_.Write(
      "c.textproto", "zone { apex: \"a.test\" zone_file: \"a.zone\" }\n");
  const auto ended = testbed::FinishIn(
      namespace_.get(), {testbed::ProgramPath("summond"), "--check-config", config});
  ASSERT_TRUE(ended.ok());
  EXPECT_EQ(ended->exit_status, 7);
  EXPECT_THAT(ended->output, HasSubstr("/a.zone:5:7: A: "));
}

TEST_F(ZoneServerTest, DigFetchesAZoneThatItMayHave) {
  std::string names;
  for (int i = 0; i < 5'000; ++i) names += StrCat("n", i, " A 192.0.2.1\n");  // many messages
  WriteZone(1, names);
  StartWithConfiguration("allow_transfer: \"loopback\"");
  const std::string zone = Dig({"a.test", "AXFR"});
  EXPECT_THAT(zone, HasSubstr("XFR size: 5004 records (messages 9"));
  EXPECT_THAT(zone, HasSubstr("n4999.a.test."));
  EXPECT_THAT(Dig({"a.test", "IXFR=1", "+tcp"}), HasSubstr("XFR size: 1 records"));
  EXPECT_THAT(Dig({"a.test", "IXFR=0", "+tcp"}), HasSubstr("XFR size: 5004 records"));
}

TEST_F(ZoneServerTest, KdigFetchesAZoneThatItMayHave) {
  if (Run({"sh", "-c", "command -v kdig"}).empty()) GTEST_SKIP() << "no kdig (knot-dnsutils)";
  StartWithConfiguration("allow_transfer: \"127.0.0.1\"");
  const std::string zone = Run({"kdig", "@127.0.0.1", "-p", "5300", "a.test", "AXFR"});
  EXPECT_THAT(zone, HasSubstr("5 records"));
  EXPECT_THAT(zone, Not(HasSubstr("WARNING")));
  EXPECT_THAT(zone, Not(HasSubstr("ERROR")));
}

TEST_F(ZoneServerTest, NobodyMayHaveAZoneUnlessTold) {
  StartWithZoneFile();
  EXPECT_THAT(Dig({"a.test", "AXFR"}), HasSubstr("Transfer failed"));
  EXPECT_THAT(Dig({"a.test", "IXFR=0", "+notcp"}), Not(HasSubstr("SOA")));
}

TEST_F(ZoneServerTest, NsdHoldsTheZoneAndFollowsItsChanges) {
  const std::string missing = testbed::WhyNoPeer("nsd");
  if (!missing.empty()) GTEST_SKIP() << missing;
  StartWithConfiguration("allow_transfer: \"127.0.0.1\" notify: \"127.0.0.1:5353\"");
  const std::string& folder = folder_.path();
  const std::string config = folder_.Write(
      "nsd.conf",
      StrCat("server:\n  ip-address: 127.0.0.1@5353\n  server-count: 1\n  username: \"\"\n"
             "  chroot: \"\"\n  zonesdir: ", folder, "\n  database: \"\"\n  xfrdfile: ", folder,
             "/xfrd.state\n  zonelistfile: ", folder, "/zone.list\n  pidfile: ", folder,
             "/nsd.pid\n  xfrdir: ", folder, "\nremote-control:\n  control-enable: no\n",
             "zone:\n  name: a.test\n  zonefile: secondary.zone\n",
             "  allow-notify: 127.0.0.1 NOKEY\n  request-xfr: AXFR 127.0.0.1@5300 NOKEY\n"));
  auto nsd = testbed::Daemon::Start(namespace_.get(),
                                    {testbed::PeerPath("nsd"), "-d", "-c", config},
                                    folder + "/nsd.log");
  ASSERT_TRUE(nsd.ok()) << nsd.error().message();
  const auto has = [&](std::string_view address) {
    return Dig({"+short", "www.a.test"}, "5353").find(address) != std::string::npos;
  };
  ASSERT_TRUE(Await([&] { return has("192.0.2.80"); })) << (*nsd)->Log() << summond_->Log();
  WriteZone(2, "www A 192.0.2.81\n");
  Reload("secondary notified");
  EXPECT_TRUE(Await([&] { return has("192.0.2.81"); })) << (*nsd)->Log() << summond_->Log();
}

}  // namespace
}  // namespace summon::dns
