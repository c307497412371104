// SPDX-License-Identifier: Apache-2.0
// recvmmsg and sendmmsg, with the control data that carries our own address.
#include "dns/udp_batch.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace summon::dns {

namespace {

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

}  // namespace

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

void WriteSource(msghdr& message, const ReplyTo& to) {
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

UdpBatch::UdpBatch() {
  for (std::size_t i = 0; i < kMax; ++i) {
    received_spaces_[i] = {received_[i].data(), kReceiveMax};
    msghdr& received = received_headers_[i].msg_hdr;
    received.msg_name = clients_[i].get();
    received.msg_iov = &received_spaces_[i];
    received.msg_iovlen = 1;
    received.msg_control = received_controls_[i].octets.data();
    sent_spaces_[i] = {sent_[i].data(), 0};
    msghdr& sent = sent_headers_[i].msg_hdr;
    sent.msg_name = targets_[i].get();
    sent.msg_iov = &sent_spaces_[i];
    sent.msg_iovlen = 1;
  }
}

int UdpBatch::Receive(int fd) {
  // The kernel overwrites what it is told of the space for these two.
  for (std::size_t i = 0; i < static_cast<std::size_t>(std::max(last_count_, 0)); ++i) {
    received_headers_[i].msg_hdr.msg_namelen = sizeof(sockaddr_storage);
    received_headers_[i].msg_hdr.msg_controllen = DatagramControl::kSize;
  }
  do {
    last_count_ = recvmmsg(fd, received_headers_.data(), kMax, MSG_DONTWAIT, nullptr);
  } while (last_count_ < 0 && errno == EINTR);
  for (std::size_t i = 0; i < static_cast<std::size_t>(std::max(last_count_, 0)); ++i) {
    clients_[i].size = received_headers_[i].msg_hdr.msg_namelen;
  }
  return last_count_;
}

bool UdpBatch::Add(const ReplyTo& to, Bytes message, Source source) {
  if (added_ == kMax || message.size() > kSendMax) return false;
  const std::size_t i = added_++;
  std::memcpy(sent_[i].data(), message.data(), message.size());
  sent_spaces_[i].iov_len = message.size();
  targets_[i].Set(to.client);
  msghdr& header = sent_headers_[i].msg_hdr;
  header.msg_namelen = targets_[i].size;
  header.msg_control = nullptr;
  header.msg_controllen = 0;
  if (source == Source::kAsAsked) {
    header.msg_control = sent_controls_[i].octets.data();
    header.msg_controllen = DatagramControl::kSize;
    WriteSource(header, to);
  }
  return true;
}

std::size_t UdpBatch::Flush(int fd) {
  std::size_t lost = 0;
  std::size_t at = 0;
  while (at < added_) {
    const auto left = static_cast<unsigned>(added_ - at);
    const int sent = sendmmsg(fd, &sent_headers_[at], left, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      at += static_cast<std::size_t>(sent);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) {
      lost += added_ - at;  // the queue is full: it would be for the next one too
      break;
    } else if (errno != EINTR) {
      ++lost;  // this one cannot go where it should; the next may
      ++at;
    }
  }
  added_ = 0;
  return lost;
}

}  // namespace summon::dns
