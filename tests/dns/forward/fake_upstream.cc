// SPDX-License-Identifier: Apache-2.0
// The server that tests play; see the header.
#include "tests/dns/forward/fake_upstream.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>

#include "dns/socket.h"

namespace summon::dns::forward::test {

namespace {

Heard TakeApart(const Packet& packet) {
  Heard heard;
  heard.packet = packet;
  ByteReader reader(packet);
  EXPECT_TRUE(reader.Skip(kHeaderSize));
  heard.name = *ReadName(reader);
  EXPECT_TRUE(reader.Skip(4));
  const auto end = packet.begin() + static_cast<long>(reader.position());
  heard.question.assign(packet.begin() + kHeaderSize, end);
  heard.has_edns = packet[11] == 1;
  heard.dnssec_ok = heard.has_edns && (packet[reader.position() + 7] & 0x80) != 0;
  heard.checking_disabled = (packet[3] & 0x10) != 0;
  return heard;
}

}  // namespace

Packet Reply4(const Heard& query, const Content& content) {
  Message message;
  message.Be16(query.id()).Be16(content.flags).Be16(1);
  message.Be16(static_cast<std::uint16_t>(content.count)).Be16(0).Be16(0).Raw(query.question);
  for (std::size_t i = 0; i < content.count; ++i) {
    message.Raw({0xc0, 12}).Be16(1).Be16(1).Be32(content.ttl);
    message.Be16(static_cast<std::uint16_t>(content.address.size())).Raw(content.address);
  }
  return message.bytes();
}

FakeUpstream::FakeUpstream(Loop& loop, const char* endpoint) : loop_(loop) {
  // TCP first: a port that is free for it is nearly always free for UDP.
  Endpoint wanted = Endpoint::Parse(endpoint).value();
  tcp_ = ListenSocket(wanted, Transport::kTcp).value();
  endpoint_ = BoundEndpoint(tcp_.get()).value();
  udp_ = ListenSocket(endpoint_, Transport::kUdp).value();
  wanted.port = 0;
  elsewhere_ = ListenSocket(wanted, Transport::kUdp).value();
  udp_watcher_ = FdWatcher::Create(loop, udp_.get(), [this](FdWatcher::Ready) { OnUdp(); }).value();
  udp_watcher_->Watch(FdWatcher::Interest::kRead);
  tcp_watcher_ =
      FdWatcher::Create(loop, tcp_.get(), [this](FdWatcher::Ready) { OnAccept(); }).value();
  tcp_watcher_->Watch(FdWatcher::Interest::kRead);
}

void FakeUpstream::OnUdp() {
  Packet space(65'535);
  SocketAddress from;
  const ssize_t size =
      recvfrom(udp_.get(), space.data(), space.size(), MSG_DONTWAIT, from.get(), &from.size);
  if (size < 0) return;
  space.resize(static_cast<std::size_t>(size));
  asker_ = *from.ToEndpoint();
  askers.push_back(asker_);
  udp_queries.push_back(TakeApart(space));
  const Heard query = udp_queries.back();
  for (const Packet& reply : on_udp(query)) SendUdp(reply);
}

void FakeUpstream::SendUdp(const Packet& packet) {
  const SocketAddress to(asker_);
  (void)sendto(udp_.get(), packet.data(), packet.size(), 0, to.get(), to.size);  // may be gone
}

void FakeUpstream::SendUdpFromElsewhere(const Packet& packet) {
  const SocketAddress to(asker_);
  (void)sendto(elsewhere_.get(), packet.data(), packet.size(), 0, to.get(), to.size);  // refused
}

void FakeUpstream::OnAccept() {
  UniqueFd fd(accept4(tcp_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd.valid()) return;
  const int number = fd.get();
  Connection& connection = connections_[number];
  connection.fd = std::move(fd);
  connection.watcher =
      FdWatcher::Create(loop_, number, [this, number](FdWatcher::Ready) { OnTcp(number); }).value();
  connection.watcher->Watch(FdWatcher::Interest::kRead);
}

void FakeUpstream::OnTcp(int fd) {
  Connection& connection = connections_.at(fd);
  Packet space(65'535);
  const ssize_t size = recv(fd, space.data(), space.size(), MSG_DONTWAIT);
  if (size <= 0) {
    connections_.erase(fd);
    return;
  }
  Packet& received = connection.received;
  received.insert(received.end(), space.begin(), space.begin() + size);
  while (received.size() >= 2) {
    const std::size_t length = static_cast<std::size_t>(received[0]) << 8 | received[1];
    if (received.size() < 2 + length) return;
    const auto end = received.begin() + static_cast<long>(2 + length);
    tcp_queries.push_back(TakeApart(Packet(received.begin() + 2, end)));
    received.erase(received.begin(), end);
    const Heard query = tcp_queries.back();
    for (const Packet& reply : on_tcp(query)) {
      Packet framed = {static_cast<std::uint8_t>(reply.size() >> 8),
                       static_cast<std::uint8_t>(reply.size())};
      framed.insert(framed.end(), reply.begin(), reply.end());
      EXPECT_EQ(send(fd, framed.data(), framed.size(), MSG_NOSIGNAL),
                static_cast<ssize_t>(framed.size()));
    }
    if (++connection.queries == tcp_queries_max) {
      connections_.erase(fd);
      return;
    }
  }
}

}  // namespace summon::dns::forward::test
