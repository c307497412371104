// SPDX-License-Identifier: Apache-2.0
// recvmsg and sendmsg with the control data that carries our own address.
#include "dns/udp.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "dns/socket.h"

namespace summon::dns {

namespace {

constexpr std::size_t kDatagramMax = 65'535;

// Room for one in_pktinfo or in6_pktinfo, aligned as control data must be.
struct ControlSpace {
  alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(in6_pktinfo))> octets{};
};

// Fills in which of our addresses, on which interface, the datagram was sent to.
void ReadControl(msghdr& message, ReplyTo& from) {
  for (cmsghdr* item = CMSG_FIRSTHDR(&message); item; item = CMSG_NXTHDR(&message, item)) {
    if (item->cmsg_level == IPPROTO_IP && item->cmsg_type == IP_PKTINFO) {
      in_pktinfo info;
      std::memcpy(&info, CMSG_DATA(item), sizeof info);
      // The local address to answer from, also when the datagram went to a broadcast address.
      std::memcpy(from.local.octets.data(), &info.ipi_spec_dst, sizeof info.ipi_spec_dst);
      from.interface = static_cast<std::uint32_t>(info.ipi_ifindex);
    } else if (item->cmsg_level == IPPROTO_IPV6 && item->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info;
      std::memcpy(&info, CMSG_DATA(item), sizeof info);
      std::memcpy(from.local.octets.data(), &info.ipi6_addr, sizeof info.ipi6_addr);
      from.interface = info.ipi6_ifindex;
    }
  }
}

template <typename Info>
struct ControlItem {
  int level;
  int type;
  Info info;
};

template <typename Info>
void WriteControl(msghdr& message, const ControlItem<Info>& content) {
  message.msg_controllen = CMSG_SPACE(sizeof(Info));
  cmsghdr* item = CMSG_FIRSTHDR(&message);
  item->cmsg_level = content.level;
  item->cmsg_type = content.type;
  item->cmsg_len = CMSG_LEN(sizeof(Info));
  std::memcpy(CMSG_DATA(item), &content.info, sizeof(Info));
}

// Has the kernel send from the address that was asked.
void AddSource(msghdr& message, const ReplyTo& to) {
  if (to.local.family == Endpoint::Family::kIpv4) {
    in_pktinfo info{};  // no interface: the route decides, as for any answer
    std::memcpy(&info.ipi_spec_dst, to.local.octets.data(), sizeof info.ipi_spec_dst);
    WriteControl(message, ControlItem<in_pktinfo>{IPPROTO_IP, IP_PKTINFO, info});
  } else {
    in6_pktinfo info{};
    std::memcpy(&info.ipi6_addr, to.local.octets.data(), sizeof info.ipi6_addr);
    if (to.client.scope != 0) info.ipi6_ifindex = to.interface;
    WriteControl(message, ControlItem<in6_pktinfo>{IPPROTO_IPV6, IPV6_PKTINFO, info});
  }
}

}  // namespace

Result<std::unique_ptr<UdpListener>> UdpListener::Create(Loop& loop, const Options& options,
                                                         Counters& counters,
                                                         OnMessage on_message) {
  UniqueFd fd = SUMMON_TRY(ListenSocket(options.endpoint, Transport::kUdp));
  const Endpoint bound = SUMMON_TRY(BoundEndpoint(fd.get()));
  std::unique_ptr<UdpListener> listener(
      new UdpListener(std::move(fd), bound, options, counters));
  listener->on_message_ = std::move(on_message);
  UdpListener* raw = listener.get();
  listener->watcher_ = SUMMON_TRY(
      FdWatcher::Create(loop, raw->fd_.get(), [raw](FdWatcher::Ready) { raw->ReadBatch(); }));
  listener->watcher_->Watch(FdWatcher::Interest::kRead);
  return listener;
}

UdpListener::UdpListener(UniqueFd fd, const Endpoint& bound, const Options& options,
                         Counters& counters)
    : fd_(std::move(fd)),
      bound_(bound),
      index_(options.index),
      counters_(counters),
      buffer_(kDatagramMax) {}

UdpListener::~UdpListener() = default;

void UdpListener::ReadBatch() {
  for (int i = 0; i < kBatchMax; ++i) {
    if (!ReadOne()) return;
  }
}

bool UdpListener::ReadOne() {
  SocketAddress client;
  ControlSpace control;
  iovec space{buffer_.data(), buffer_.size()};
  msghdr message{};
  message.msg_name = client.get();
  message.msg_namelen = client.size;
  message.msg_iov = &space;
  message.msg_iovlen = 1;
  message.msg_control = control.octets.data();
  message.msg_controllen = control.octets.size();
  const ssize_t received = recvmsg(fd_.get(), &message, MSG_DONTWAIT);
  if (received < 0) {
    if (errno == EINTR) return true;
    if (errno != EAGAIN && errno != EWOULDBLOCK) ++counters_.receive_failed;
    return false;
  }
  client.size = message.msg_namelen;
  const auto endpoint = client.ToEndpoint();
  if (!endpoint) return true;  // not IP: cannot be, and could not be answered
  ReplyTo from;
  from.transport = Transport::kUdp;
  from.client = *endpoint;
  from.local = bound_;
  from.listener = index_;
  ReadControl(message, from);
  on_message_(Bytes(buffer_.data(), static_cast<std::size_t>(received)), from);
  return true;
}

SendOutcome UdpListener::Send(const ReplyTo& to, Bytes bytes) {
  SocketAddress client(to.client);
  ControlSpace control;
  // SAFETY: sendmsg only reads what the iovec points to.
  iovec content{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_name = client.get();
  message.msg_namelen = client.size;
  message.msg_iov = &content;
  message.msg_iovlen = 1;
  message.msg_control = control.octets.data();
  message.msg_controllen = control.octets.size();
  AddSource(message, to);
  ssize_t sent = 0;
  do {
    sent = sendmsg(fd_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  // A full queue loses the datagram: the client asks again, and we keep no queue of our own.
  return sent < 0 ? SendOutcome::kLost : SendOutcome::kSent;
}

}  // namespace summon::dns
