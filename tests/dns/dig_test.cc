// SPDX-License-Identifier: Apache-2.0
// The real dig against the server: another reader of our octets than our own.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <string>
#include <thread>

#include "base/strings.h"
#include "dns/authority.h"
#include "dns/server.h"
#include "tests/dns/sample_zones.h"

namespace summon::dns {
namespace {

class StaticHandler final : public Handler {
 public:
  void Handle(const Query& query, Responder responder) override {
    (void)responder.Send(WriteAnswer(zones_.table(), query, {}, space_));  // dig tells
  }

 private:
  test::SampleZones zones_;
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

class DigTest : public testing::Test {
 protected:
  void SetUp() override {
    if (Output("command -v dig").empty()) GTEST_SKIP() << "no dig (package bind9-dnsutils)";
    ServerOptions options;
    options.listen = {Endpoint::Parse("127.0.0.1:0").value()};
    auto server = Server::Create(*loop_, options, handler_);
    ASSERT_TRUE(server.ok()) << server.error().message();
    server_ = std::move(server).value();
  }
  // What dig prints, while the server runs on this thread.
  std::string Dig(std::string_view arguments) {
    const std::string command = StrCat("dig @127.0.0.1 -p ", server_->addresses()[0].port,
                                       " +tries=1 +time=5 ", arguments, " 2>&1");
    std::string out;
    std::thread dig([&] {
      out = Output(command);
      loop_->Post([this] { loop_->Stop(); });
    });
    loop_->Run();
    dig.join();
    return out;
  }

  std::unique_ptr<Loop> loop_ = Loop::Create().value();
  StaticHandler handler_;
  std::unique_ptr<Server> server_;
};


#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)
#define EXPECT_HAS_NOT(text, part) EXPECT_EQ((text).find(part), std::string::npos) << (text)

TEST_F(DigTest, SeesAnAddress) {
  const std::string out = Dig("hello.summon.test A");
  EXPECT_HAS(out, "status: NOERROR");
  EXPECT_HAS(out, "flags: qr aa rd;");
  EXPECT_HAS(out, "10.77.0.10");
  EXPECT_HAS_NOT(out, "Warning");
  EXPECT_HAS_NOT(out, "malformed");
}

TEST_F(DigTest, SeesNoDataAndNxdomainWithSoa) {
  const std::string no_data = Dig("hello.summon.test AAAA");
  EXPECT_HAS(no_data, "status: NOERROR");
  EXPECT_HAS(no_data, "ANSWER: 0, AUTHORITY: 1");
  const std::string none = Dig("nobody.summon.test A");
  EXPECT_HAS(none, "status: NXDOMAIN");
  EXPECT_HAS(none, "SOA");
}

TEST_F(DigTest, SeesTcp) {
  const std::string out = Dig("+tcp +keepopen big.summon.test TXT hello.summon.test A");
  EXPECT_HAS(out, "ANSWER: 40");
  EXPECT_HAS(out, "10.77.0.10");
}

TEST_F(DigTest, SeesNoOptWithoutEdns) {
  EXPECT_HAS_NOT(Dig("+noedns hello.summon.test A"), "OPT PSEUDOSECTION");
}

TEST_F(DigTest, SeesTruncationAndFollowsToTcp) {
  EXPECT_HAS(Dig("+bufsize=512 +ignore big.summon.test TXT"), "flags: qr aa tc rd;");
  const std::string followed = Dig("+bufsize=512 big.summon.test TXT");
  EXPECT_HAS(followed, "Truncated, retrying in TCP mode");
  EXPECT_HAS(followed, "ANSWER: 40");
}

TEST_F(DigTest, SeesTheCaseThatItAsked) {
  EXPECT_HAS(Dig("hElLo.SuMmOn.TeSt A"), "hElLo.SuMmOn.TeSt.");
}

TEST_F(DigTest, SeesMinimalAny) { EXPECT_HAS(Dig("+notcp hello.summon.test ANY"), "RFC8482"); }

TEST_F(DigTest, SeesBadversRefusedAndNotimp) {
  EXPECT_HAS(Dig("+edns=1 +noednsnegotiation hello.summon.test A"), "status: BADVERS");
  const std::string refused = Dig("www.example.org A");
  EXPECT_HAS(refused, "status: REFUSED");
  EXPECT_HAS(refused, "EDE: 20 (Not Authoritative)");
  EXPECT_HAS(Dig("+opcode=notify summon.test SOA"), "status: NOTIMP");
}

}  // namespace
}  // namespace summon::dns
