// SPDX-License-Identifier: Apache-2.0
// The server's thread, and blocking sockets with a time limit.
#include "tests/dns/conformance/harness.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <future>
#include <thread>

#include "base/loop/loop.h"
#include "dns/authority.h"
#include "tests/dns/conformance/zones.h"

namespace summon::dns::test {

namespace {

class TableHandler final : public Handler {
 public:
  TableHandler() : table_(BuildTable(ConformanceZones())) {}
  void Handle(const Query& query, Responder responder) override {
    (void)responder.Send(WriteAnswer(*table_, query, {}, space_));  // the client tells
  }

 private:
  std::unique_ptr<const ZoneTable> table_;
  std::array<std::uint8_t, kTcpSpace> space_{};
};

UniqueFd Connect(const Endpoint& server, int type) {
  const int family = server.family == Endpoint::Family::kIpv4 ? AF_INET : AF_INET6;
  UniqueFd fd(socket(family, type | SOCK_CLOEXEC, 0));
  const SocketAddress address(server);
  EXPECT_EQ(connect(fd.get(), address.get(), address.size), 0) << server.ToString();
  return fd;
}

bool WaitReadable(const UniqueFd& fd) {
  const auto patience = getenv("SUMMON_CONFORMANCE_SERVER") ? kPatienceWithOthers : kPatience;
  pollfd item{fd.get(), POLLIN, 0};
  return poll(&item, 1, static_cast<int>(patience.count())) == 1;
}

Answer Checked(const Packet& query, const std::optional<Packet>& reply) {
  EXPECT_TRUE(reply.has_value()) << "no answer to " << ToHex(query);
  if (!reply) return {};
  const auto answer = ReadAnswer(*reply);
  EXPECT_TRUE(answer.has_value()) << "malformed: " << ToHex(*reply);
  if (!answer) return {};
  EXPECT_EQ(answer->id, query[0] << 8 | query[1]);
  return *answer;
}

}  // namespace

struct Service::Running {
  // Of the thread; others only post to the loop.
  std::unique_ptr<Loop> loop;
  TableHandler handler;
  std::unique_ptr<Server> server;
  std::thread thread;
};

Service::Service(ServerOptions options) : running_(std::make_unique<Running>()) {
  std::promise<void> started;
  running_->thread = std::thread([this, &started, &options] {
    running_->loop = Loop::Create().value();
    auto server = Server::Create(*running_->loop, options, running_->handler);
    if (server.ok()) {
      running_->server = std::move(server).value();
      address_ = running_->server->addresses().at(0);
    } else {
      failure_ = server.error().message();
    }
    started.set_value();  // nothing of the caller's is touched after this
    running_->loop->Run();
    running_->server.reset();
    running_->loop.reset();
  });
  started.get_future().wait();
}

Service::~Service() {
  Loop* loop = running_->loop.get();
  loop->Post([loop] { loop->Stop(); });
  running_->thread.join();
}

Counters Service::ReadCounters() const {
  std::promise<Counters> counters;
  running_->loop->Post([this, &counters] { counters.set_value(running_->server->counters()); });
  return counters.get_future().get();
}

UdpClient::UdpClient(const Endpoint& server) : fd_(Connect(server, SOCK_DGRAM)) {}

void UdpClient::Send(const Packet& packet) {
  EXPECT_EQ(send(fd_.get(), packet.data(), packet.size(), 0), static_cast<ssize_t>(packet.size()));
}

std::optional<Packet> UdpClient::Receive() {
  if (!WaitReadable(fd_)) return std::nullopt;
  Packet packet(65'535);
  const ssize_t count = recv(fd_.get(), packet.data(), packet.size(), 0);
  if (count < 0) return std::nullopt;
  packet.resize(static_cast<std::size_t>(count));
  return packet;
}

TcpClient::TcpClient(const Endpoint& server) : fd_(Connect(server, SOCK_STREAM)) {}

Packet TcpClient::Framed(const Packet& message) {
  return Message().Be16(static_cast<std::uint16_t>(message.size())).Raw(message).bytes();
}

void TcpClient::SendRaw(const Packet& octets) {
  EXPECT_EQ(send(fd_.get(), octets.data(), octets.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(octets.size()));
}

void TcpClient::EndSending() { EXPECT_EQ(shutdown(fd_.get(), SHUT_WR), 0); }

bool TcpClient::Fill(std::size_t size) {
  while (received_.size() < size) {
    Packet more(65'535);
    if (!WaitReadable(fd_)) return false;
    const ssize_t count = recv(fd_.get(), more.data(), more.size(), 0);
    if (count <= 0) return false;
    received_.insert(received_.end(), more.begin(), more.begin() + count);
  }
  return true;
}

std::optional<Packet> TcpClient::Receive() {
  if (!Fill(2)) return std::nullopt;
  const std::size_t size = 2u + (received_[0] << 8 | received_[1]);
  if (!Fill(size)) return std::nullopt;
  const auto end = received_.begin() + static_cast<long>(size);
  Packet message(received_.begin() + 2, end);
  received_.erase(received_.begin(), end);
  return message;
}

bool TcpClient::SeesEnd() {
  std::uint8_t octet;
  return received_.empty() && WaitReadable(fd_) && recv(fd_.get(), &octet, 1, 0) <= 0;
}

Packet Sentinel() {
  Packet query = PlainQuery("ns1.conf.test", RrType::kA);
  query[0] = kSentinelId >> 8;
  query[1] = kSentinelId & 0xff;
  return query;
}

ServerOptions ConformanceTest::Options() const {
  ServerOptions options;
  options.listen = {Endpoint::Parse("127.0.0.1:0").value()};
  options.manners.cookies = ParseCookieSecrets("e5e973e5a6b2a43f48e7dc849e37bfcf").value();
  options.manners.edns.nsid = *Nsid::FromText("conformance");
  return options;
}

void ConformanceTest::SetUp() {
  if (const char* other = getenv("SUMMON_CONFORMANCE_SERVER")) {
    const auto parsed = Endpoint::Parse(other);
    ASSERT_TRUE(parsed.ok()) << parsed.error().message();
    address_ = *parsed;
    return;
  }
  service_ = std::make_unique<Service>(Options());
  ASSERT_EQ(service_->failure(), "");
  address_ = service_->address();
}

Packet ConformanceTest::AskRaw(const Packet& query) {
  UdpClient client(address_);
  client.Send(query);
  return client.Receive().value_or(Packet());
}

Answer ConformanceTest::Ask(const Packet& query) {
  UdpClient client(address_);
  client.Send(query);
  return Checked(query, client.Receive());
}

Answer ConformanceTest::AskTcp(const Packet& query) {
  TcpClient client(address_);
  client.Send(query);
  return Checked(query, client.Receive());
}

void ConformanceTest::ExpectRejected(RejectReason reason) const {
  if (!service_) return;
  std::array<std::uint64_t, kRejectReasonCount> expected{};
  expected[static_cast<std::size_t>(reason)] = 1;
  EXPECT_EQ(service_->ReadCounters().rejections, expected) << RejectReasonText(reason);
}

void ConformanceTest::ExpectSilence(const Packet& packet) {
  UdpClient client(address_);
  client.Send(packet);
  client.Send(Sentinel());
  const auto reply = client.Receive();
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(ReadAnswer(*reply)->id, kSentinelId);
}

void ConformanceTest::ExpectTcpSilence(const Packet& packet) {
  TcpClient client(address_);
  client.Send(packet);
  client.Send(Sentinel());
  const auto reply = client.Receive();
  if (!reply) return;  // closing is an answer that is none, too
  EXPECT_EQ(ReadAnswer(*reply)->id, kSentinelId);
}

}  // namespace summon::dns::test
