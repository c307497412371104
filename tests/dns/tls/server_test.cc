// SPDX-License-Identifier: Apache-2.0
// DNS over TLS (RFC 7858, RFC 8310) over real loopback sockets.
#include <malloc.h>
#include <netinet/in.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <future>
#include <thread>

#include "base/strings.h"
#include "dns/tcp_shared.h"
#include "dns/tls/source.h"
#include "tests/dns/stream_fixture.h"
#include "tests/dns/tls/certificate.h"
#include "tests/dns/tls/client.h"

namespace summon::dns::tls {
namespace {

using dns::test::Packet;
using std::chrono::milliseconds;
using test::Client;
using test::Octets;

class TlsServerTest : public dns::test::StreamTest {
 protected:
  void StartTls(const TcpLimits& limits = {}) { Start(limits, &source_); }
  UniqueFd ConnectTls() { return ConnectTo(server_->secure_addresses().at(0)); }

  // Exchanges octets until `done`.
  void Talk(Client& client, const UniqueFd& fd, const std::function<bool()>& done) {
    RunUntil([&] {
      Move(client, fd);
      return done();
    });
  }
  void Move(Client& client, const UniqueFd& fd) {
    const Octets out = client.Output();
    if (!out.empty()) (void)send(fd.get(), out.data(), out.size(), MSG_NOSIGNAL);  // may be closed
    Octets space(65'535);
    const ssize_t count = recv(fd.get(), space.data(), space.size(), MSG_DONTWAIT);
    if (count > 0) client.Input(Bytes(space.data(), static_cast<std::size_t>(count)));
    closed_ = count == 0;
  }
  // Whole messages that have come.
  static std::size_t Messages(const Client& client) {
    std::size_t count = 0;
    std::size_t at = 0;
    while (client.heard.size() >= at + 2) {
      at += 2u + (client.heard[at] << 8 | client.heard[at + 1]);
      if (client.heard.size() < at) break;
      ++count;
    }
    return count;
  }
  void Ask(Client& client, const UniqueFd& fd) {
    Talk(client, fd, [&] { return client.open(); });
    const std::size_t before = Messages(client);
    client.Say(Framed(hello_));
    Talk(client, fd, [&] { return Messages(client) > before; });
  }
  std::uint64_t Handshakes(HandshakeResult result) const {
    return server_->counters().tls_handshakes[static_cast<std::size_t>(result)];
  }

  const test::Folder folder_;
  Source source_{*loop_, Identity::Load(test::MakeCertificate(folder_, "first")).value()};
  bool closed_ = false;
};

TEST_F(TlsServerTest, AnswersOverTls) {
  StartTls();
  const UniqueFd fd = ConnectTls();
  Client client;
  Ask(client, fd);
  EXPECT_EQ(client.alpn(), "dot");
  EXPECT_EQ(client.server_name(), "dns.summon.test");
  EXPECT_EQ(handler_.last_transport, Transport::kTls);
  EXPECT_EQ(Handshakes(HandshakeResult::kFull), 1u);
}

TEST_F(TlsServerTest, SpeaksTls12ButNothingOlder) {
  StartTls();
  const UniqueFd fd = ConnectTls();
  Client client({.version = TLS1_2_VERSION});
  Ask(client, fd);
  const UniqueFd old_fd = ConnectTls();
  Client old_client({.version = TLS1_1_VERSION});
  Talk(old_client, old_fd, [&] { return closed_; });
  EXPECT_FALSE(old_client.open());
}

TEST_F(TlsServerTest, NoProtocolNameIsFineAndAnotherOneIsNot) {
  StartTls();
  const UniqueFd fd = ConnectTls();
  Client client({.alpn = ""});
  Ask(client, fd);
  const UniqueFd web_fd = ConnectTls();
  Client web({.alpn = "h2"});
  Talk(web, web_fd, [&] { return web.failed(); });
  EXPECT_EQ(Handshakes(HandshakeResult::kFailed), 1u);
}

TEST_F(TlsServerTest, TakesEveryOctetOnItsOwn) {
  StartTls();
  const UniqueFd fd = ConnectTls();
  Client client;
  const auto trickle = [&] {
    for (const std::uint8_t octet : client.Output()) {
      Write(fd, Bytes(&octet, 1));
      Nudge();
      loop_->RunOnce();
    }
  };
  trickle();
  Talk(client, fd, [&] {
    trickle();
    return client.open();
  });
  client.Say(Framed(hello_));
  trickle();
  Talk(client, fd, [&] { return Messages(client) == 1; });
}

TEST_F(TlsServerTest, AnswersPipelinedQueriesOutOfOrder) {
  StartTls();
  handler_.parking = true;
  const UniqueFd fd = ConnectTls();
  Client client;
  Talk(client, fd, [&] { return client.open(); });
  Packet both = Framed(WithId(hello_, 1));
  const Packet second = Framed(WithId(hello_, 2));
  both.insert(both.end(), second.begin(), second.end());
  client.Say(both);
  Talk(client, fd, [&] { return handler_.parked.size() == 2; });
  std::swap(handler_.parked[0], handler_.parked[1]);
  handler_.AnswerParked();
  Talk(client, fd, [&] { return Messages(client) == 1; });
  EXPECT_EQ(client.heard[3], 2);  // the id, after the length
  handler_.AnswerParked();
  Talk(client, fd, [&] { return Messages(client) == 2; });
}

TEST_F(TlsServerTest, AnswersAfterTheClientHasSaidItsLast) {
  StartTls();
  handler_.parking = true;
  const UniqueFd fd = ConnectTls();
  Client client;
  Talk(client, fd, [&] { return client.open(); });
  client.Say(Framed(hello_));
  client.SayEnd();
  Talk(client, fd, [&] { return handler_.parked.size() == 1; });
  handler_.AnswerParked();
  Talk(client, fd, [&] { return Messages(client) == 1 && client.ended(); });
}

TEST_F(TlsServerTest, PadsWhenAsked) {
  StartTls();
  const UniqueFd fd = ConnectTls();
  Client client;
  Talk(client, fd, [&] { return client.open(); });
  dns::test::Message query;
  query.Header(dns::test::kRd, {.additionals = 1}).Question("hello.summon.test", RrType::kA);
  query.Opt({.options = {0, 12, 0, 0}});  // RFC 7830
  client.Say(Framed(query.bytes()));
  Talk(client, fd, [&] { return Messages(client) == 1; });
  EXPECT_EQ(client.heard.size(), 2u + 468u);  // RFC 8467 section 4.1
}

TEST_F(TlsServerTest, ResumesASession) {
  StartTls();
  const UniqueFd fd = ConnectTls();
  Client first;
  Ask(first, fd);
  const UniqueFd again_fd = ConnectTls();
  Client again({.session = first.session()});
  Ask(again, again_fd);
  EXPECT_TRUE(again.resumed());
  EXPECT_EQ(Handshakes(HandshakeResult::kResumed), 1u);
}

TEST_F(TlsServerTest, SessionsOutliveAChangeOfCertificate) {
  StartTls();
  const UniqueFd fd = ConnectTls();
  Client first;
  Ask(first, fd);
  source_.Use(Identity::Load(test::MakeCertificate(folder_, "second")).value());
  const UniqueFd again_fd = ConnectTls();
  Client again({.session = first.session()});
  Ask(again, again_fd);
  EXPECT_TRUE(again.resumed());
}

TEST_F(TlsServerTest, ANewCertificateIsForNewConnectionsAndOldOnesGoOn) {
  StartTls();
  const UniqueFd old_fd = ConnectTls();
  const UniqueFd half_fd = ConnectTls();
  Client old_client;
  Client half_client;  // in the middle of its handshake
  Ask(old_client, old_fd);
  Move(half_client, half_fd);
  RunFor(milliseconds(20));
  source_.Use(
      Identity::Load(test::MakeCertificate(folder_, "second", {.name = "new.summon.test"}))
          .value());
  const UniqueFd new_fd = ConnectTls();
  Client new_client;
  Ask(new_client, new_fd);
  Ask(old_client, old_fd);
  Ask(half_client, half_fd);
  EXPECT_EQ(new_client.server_name(), "new.summon.test");
  EXPECT_EQ(old_client.server_name(), "dns.summon.test");
}

TEST_F(TlsServerTest, CertificatesChangeUnderLoadWithoutALostQuery) {
  StartTls({.per_local_prefix_max = 1'000, .handshakes_per_second = 0});
  const UniqueFd steady_fd = ConnectTls();
  Client steady;
  for (int i = 0; i < 60; ++i) {
    const std::string name = StrCat("n", i, ".summon.test");
    source_.Use(Identity::Load(test::MakeCertificate(folder_, "next", {.name = name})).value());
    const UniqueFd fd = ConnectTls();
    Client client;
    Ask(client, fd);
    Ask(steady, steady_fd);
    ASSERT_EQ(client.server_name(), name);
  }
  EXPECT_EQ(Messages(steady), 60u);
}

TEST_F(TlsServerTest, GarbageInsteadOfAHandshakeEndsTheConnection) {
  StartTls();
  std::uint32_t seed = 1;
  for (int i = 0; i < 50; ++i) {
    const UniqueFd fd = ConnectTls();
    Packet garbage(200);
    for (std::uint8_t& octet : garbage) {
      seed = seed * 1'664'525 + 1'013'904'223;  // Numerical Recipes' generator
      octet = static_cast<std::uint8_t>(seed >> 24);
    }
    if (i % 2 == 0) garbage[0] = 22;  // as a handshake begins
    if (i % 4 == 0) garbage[1] = 3;
    Write(fd, garbage);
    ASSERT_EQ(shutdown(fd.get(), SHUT_WR), 0);
    while (!Read(fd).empty()) {  // an alert may come first
    }
  }
  EXPECT_EQ(server_->counters().tcp_open, 0u);
  const UniqueFd http = ConnectTls();
  const std::string request = "GET / HTTP/1.1\r\nHost: dns.summon.test\r\n\r\n";
  Write(http, Packet(request.begin(), request.end()));
  while (!Read(http).empty()) {
  }
  const UniqueFd fd = ConnectTls();
  Client client;
  Ask(client, fd);
}

TEST_F(TlsServerTest, DamagedRecordsEndAnOpenConnection) {
  StartTls();
  for (std::size_t place = 0; place < 40; place += 3) {
    const UniqueFd fd = ConnectTls();
    Client client;
    Ask(client, fd);
    client.Say(Framed(hello_));
    Octets record = client.Output();
    ASSERT_GT(record.size(), place);
    record[place] ^= 0x55;
    Write(fd, record);
    ASSERT_EQ(shutdown(fd.get(), SHUT_WR), 0);
    Talk(client, fd, [&] { return closed_; });
    EXPECT_EQ(Messages(client), 1u) << "octet " << place;
  }
}

TEST_F(TlsServerTest, AHandshakeThatHangsEnds) {
  TcpLimits limits;
  limits.handshake = milliseconds(50);
  StartTls(limits);
  const UniqueFd fd = ConnectTls();
  Client client;
  Octets hello = client.Output();
  hello.resize(hello.size() / 2);
  Write(fd, hello);
  RunUntil([&] { return Closed(CloseReason::kHandshakeDeadline) == 1; });
}

TEST_F(TlsServerTest, AHandshakeThatTricklesEnds) {
  TcpLimits limits;
  limits.handshake = milliseconds(100);
  StartTls(limits);
  const UniqueFd fd = ConnectTls();
  Client client;
  const Octets hello = client.Output();
  Instant next = loop_->Now();
  std::size_t sent = 0;
  RunUntil([&] {
    if (loop_->Now() >= next && sent < hello.size()) {
      (void)send(fd.get(), &hello[sent++], 1, MSG_NOSIGNAL);  // until it is closed
      next += milliseconds(5);
    }
    return Closed(CloseReason::kHandshakeDeadline) == 1;
  });
  EXPECT_LT(sent, hello.size());
}

// A record has no deadline in TLS; the message in it has.
TEST_F(TlsServerTest, ARecordThatTricklesEnds) {
  TcpLimits limits;
  limits.message = milliseconds(100);
  StartTls(limits);
  const UniqueFd fd = ConnectTls();
  Client client;
  Ask(client, fd);
  client.Say(Framed(hello_));
  const Octets record = client.Output();
  Instant next = loop_->Now();
  std::size_t sent = 0;
  RunUntil([&] {
    if (loop_->Now() >= next && sent + 1 < record.size()) {
      (void)send(fd.get(), &record[sent++], 1, MSG_NOSIGNAL);  // until it is closed
      next += milliseconds(10);
    }
    return Closed(CloseReason::kMessageDeadline) == 1;
  });
  EXPECT_LT(sent, 30u);  // of more than 50 octets
}

TEST_F(TlsServerTest, SilentAndIdleConnectionsEnd) {
  TcpLimits limits;
  limits.first_octet = limits.idle = milliseconds(300);
  StartTls(limits);
  const UniqueFd silent = ConnectTls();
  const UniqueFd fd = ConnectTls();
  Client client;
  Talk(client, fd, [&] { return client.open(); });
  Talk(client, fd, [&] { return client.ended(); });  // told, not cut off
  RunUntil([&] {
    return Closed(CloseReason::kFirstOctet) == 1 && Closed(CloseReason::kIdle) == 1;
  });
}

TEST_F(TlsServerTest, HandshakesOfOneNetworkAreBounded) {
  TcpLimits limits;
  limits.handshakes_per_second = 1;  // eight for loopback, and a burst of 32
  StartTls(limits);
  int accepted = 0;
  RunUntil([&] {
    const UniqueFd fd = ConnectTls();
    ++accepted;
    return Refused(TcpRefusal::kHandshakes) > 0;
  });
  EXPECT_GE(accepted, 32);
  const UniqueFd plain = Connect();  // TCP is not meant
  Write(plain, Framed(hello_));
  EXPECT_FALSE(ReadFramed(plain).empty());
}

// A handshake takes a hundred times what a query takes: many at once must not hold up the others.
TEST_F(TlsServerTest, HandshakesLeaveTurnsToOthers) {
  StartTls();
  std::vector<UniqueFd> fds(30);
  std::vector<Client> clients(fds.size());
  for (UniqueFd& fd : fds) fd = ConnectTls();
  RunUntil([&] { return server_->counters().tcp_open == fds.size(); });
  for (std::size_t i = 0; i < fds.size(); ++i) Write(fds[i], clients[i].Output());
  loop_->RunOnce();
  const auto answered = std::count_if(fds.begin(), fds.end(), [](const UniqueFd& fd) {
    std::uint8_t octet = 0;
    return recv(fd.get(), &octet, 1, MSG_DONTWAIT | MSG_PEEK) == 1;
  });
  EXPECT_GE(answered, 1);
  EXPECT_LE(answered, TcpTurn::kHandshakesMax);
  for (std::size_t i = 0; i < fds.size(); ++i) Ask(clients[i], fds[i]);
}

TEST_F(TlsServerTest, AnIdleConnectionHoldsABoundedAmount) {
  constexpr std::size_t kMany = 300;
  TcpLimits limits;
  limits.per_local_prefix_max = limits.connections_max = 2 * kMany;
  limits.handshakes_per_second = 0;
  StartTls(limits);
  std::vector<UniqueFd> fds;
  std::size_t held = 0;
  for (std::size_t i = 0; i < kMany; ++i) {
    fds.push_back(ConnectTls());
    Client client;
    Ask(client, fds.back());
    if (i == 9) held = mallinfo2().uordblks;  // what is made once is there; clients are gone
  }
  const std::size_t each = (mallinfo2().uordblks - held) / (kMany - 10);
  RecordProperty("bytes_per_idle_tls_connection", static_cast<int>(each));
  EXPECT_LT(each, 24'000u);
}

// Tools of others, on a server that runs in this thread.
class TlsToolsTest : public TlsServerTest {
 protected:
  // What the command prints; the server runs meanwhile.
  std::string Output(const std::string& command) {
    std::future<std::string> output = std::async(std::launch::async, [command] {
      std::string text;
      std::FILE* pipe = popen((command + " 2>&1").c_str(), "r");
      if (!pipe) return text;
      std::array<char, 4096> space;
      while (const std::size_t count = fread(space.data(), 1, space.size(), pipe)) {
        text.append(space.data(), count);
      }
      (void)pclose(pipe);  // what it printed tells
      return text;
    });
    RunUntil([&] {
      return output.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
    });
    return output.get();
  }
  std::string Port() const { return std::to_string(server_->secure_addresses().at(0).port); }
};

TEST_F(TlsToolsTest, KdigAsksOverTls) {
  if (std::system("command -v kdig > /dev/null") != 0) GTEST_SKIP() << "no kdig (knot-dnsutils)";
  StartTls();
  const std::string output =
      Output(StrCat("kdig @127.0.0.1 -p ", Port(), " +tls +tls-hostname=dns.summon.test +padding ",
                    "+tls-ca=", folder_ / "first.crt", " hello.summon.test A"));
  EXPECT_NE(output.find("10.77.0.10"), std::string::npos) << output;
  EXPECT_NE(output.find("TLS session (TLS1.3)"), std::string::npos) << output;
}

TEST_F(TlsToolsTest, OpensslSeesTheProtocolAndTheCertificate) {
  if (std::system("command -v openssl > /dev/null") != 0) GTEST_SKIP() << "no openssl";
  StartTls();
  const std::string output =
      Output(StrCat("openssl s_client -connect 127.0.0.1:", Port(),
                    " -alpn dot -CAfile ", folder_ / "first.crt", " < /dev/null"));
  EXPECT_NE(output.find("ALPN protocol: dot"), std::string::npos) << output;
  EXPECT_NE(output.find("Verify return code: 0 (ok)"), std::string::npos) << output;
}

}  // namespace
}  // namespace summon::dns::tls
