// SPDX-License-Identifier: Apache-2.0
#pragma once
// A server on loopback and clients in the same thread, for tests of what happens on connections.
// The server's loop runs whenever a client waits for something.

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cerrno>
#include <functional>
#include <memory>
#include <vector>

#include "base/loop/loop.h"
#include "base/unique_fd.h"
#include "dns/authority.h"
#include "dns/server.h"
#include "tests/dns/sample_zones.h"
#include "tests/dns/wire.h"

namespace summon::dns::test {

// Answers from the sample zones at once; while `parking`, keeps queries for later.
class ParkingHandler final : public Handler {
 public:
  struct Parked {
    Query query;
    Responder responder;
  };

  void Handle(const Query& query, Responder responder) override {
    last_transport = query.transport;
    ++handled;
    if (parking) {
      parked.push_back({query, std::move(responder)});
    } else {
      (void)responder.Send(WriteAnswer(zones_.table(), query, {}, space_));  // a test looks itself
    }
  }
  // The oldest one first.
  void AnswerParked() {
    Parked first = std::move(parked.front());
    parked.erase(parked.begin());
    (void)first.responder.Send(WriteAnswer(zones_.table(), first.query, {}, space_));  // likewise
  }

  bool parking = false;
  std::vector<Parked> parked;
  Transport last_transport = Transport::kUdp;
  std::size_t handled = 0;

 private:
  SampleZones zones_;
  std::array<std::uint8_t, kTcpSpace> space_{};
};

class StreamTest : public testing::Test {
 protected:
  static constexpr Duration kPatience = std::chrono::seconds(20);  // far above what a test takes

  void Start(const TcpLimits& limits = {}, SecureStreamSource* secure = nullptr) {
    ServerOptions options;
    options.listen = {Endpoint::Parse("127.0.0.1:0").value()};
    if (secure) options.listen_secure = {{Endpoint::Parse("127.0.0.1:0").value(), secure}};
    options.tcp = limits;
    auto server = Server::Create(*loop_, options, handler_);
    ASSERT_TRUE(server.ok()) << server.error().message();
    server_ = std::move(server).value();
  }

  UniqueFd Connect() { return ConnectTo(server_->addresses().at(0)); }
  UniqueFd ConnectTo(const Endpoint& to) {
    UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const SocketAddress address(to);
    EXPECT_EQ(connect(fd.get(), address.get(), address.size), 0);
    return fd;
  }
  void Write(const UniqueFd& fd, Bytes bytes) {
    EXPECT_EQ(send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  // What one read gives; runs the loop until there is something. Empty at the end.
  Packet Read(const UniqueFd& fd) {
    Packet space(65'535);
    ssize_t count = -1;
    RunUntil([&] {
      count = recv(fd.get(), space.data(), space.size(), MSG_DONTWAIT);
      return count >= 0 || errno != EAGAIN;
    });
    space.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return space;
  }
  // One message. For one connection at a time.
  Packet ReadFramed(const UniqueFd& fd) {
    while (stream_.size() < 2 || stream_.size() < 2u + (stream_[0] << 8 | stream_[1])) {
      const Packet more = Read(fd);
      if (more.empty()) return {};
      stream_.insert(stream_.end(), more.begin(), more.end());
    }
    const long end = 2 + (stream_[0] << 8 | stream_[1]);
    Packet message(stream_.begin() + 2, stream_.begin() + end);
    stream_.erase(stream_.begin(), stream_.begin() + end);
    return message;
  }
  void RunUntil(const std::function<bool()>& done) {
    EXPECT_TRUE(loop_->RunUntil([&] { Nudge(); return done(); }, kPatience));
  }
  void RunFor(Duration time) {
    const Instant end = loop_->Now() + time;
    RunUntil([&] { return loop_->Now() >= end; });
  }
  // RunUntil sleeps until an event; the client's side makes none, so have one each millisecond.
  void Nudge() { tick_->Set(loop_->Now() + std::chrono::milliseconds(1)); }

  static Packet Framed(const Packet& message) {
    Message framed;
    return framed.Be16(static_cast<std::uint16_t>(message.size())).Raw(message).bytes();
  }
  static Packet WithId(Packet message, std::uint8_t id) {
    message[0] = 0;
    message[1] = id;
    return message;
  }
  std::uint64_t Closed(CloseReason reason) const {
    return server_->counters().tcp_closed[static_cast<std::size_t>(reason)];
  }
  std::uint64_t Refused(TcpRefusal reason) const {
    return server_->counters().tcp_refused[static_cast<std::size_t>(reason)];
  }

  std::unique_ptr<Loop> loop_ = Loop::Create().value();
  std::unique_ptr<Timer> tick_ = std::make_unique<Timer>(*loop_, [] {});
  ParkingHandler handler_;
  std::unique_ptr<Server> server_;
  Packet stream_;
  const Packet hello_ = PlainQuery("hello.summon.test", RrType::kA);
};

}  // namespace summon::dns::test
