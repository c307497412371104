// SPDX-License-Identifier: Apache-2.0
// Building rtnetlink requests and reading their answers.
#include "launcher/tap/netlink.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <cstring>

#include "base/strings.h"

namespace summon::launcher {

namespace {

constexpr std::size_t Aligned(std::size_t size) { return (size + 3) & ~std::size_t{3}; }

}  // namespace

// One request under construction. What does not fit is a bug: every request here is small.
class Netlink::Request {
 public:
  template <typename Header>
  Request(std::uint16_t type, std::uint16_t flags, const Header& header) {
    nlmsghdr message{};
    message.nlmsg_type = type;
    message.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
    Append(&message, sizeof message);
    Append(&header, sizeof header);
  }

  void Attribute(std::uint16_t type, const void* value, std::size_t size) {
    const rtattr attribute{static_cast<unsigned short>(sizeof(rtattr) + size), type};
    Append(&attribute, sizeof attribute);
    Append(value, size);
  }
  void U32(std::uint16_t type, std::uint32_t value) { Attribute(type, &value, sizeof value); }
  void Address(std::uint16_t type, const Ipv4Address& address) {
    Attribute(type, address.octets.data(), address.octets.size());
  }
  void Mac(std::uint16_t type, const MacAddress& mac) {
    Attribute(type, mac.octets.data(), mac.octets.size());
  }
  // Opens an attribute that holds others; closed by End(its return value).
  std::size_t Begin(std::uint16_t type) {
    const std::size_t at = size_;
    Attribute(type, nullptr, 0);
    return at;
  }
  void End(std::size_t at) {
    const auto length = static_cast<unsigned short>(size_ - at);
    std::memcpy(bytes_.data() + at + offsetof(rtattr, rta_len), &length, sizeof length);
  }

  Bytes Finish(std::uint32_t sequence) {
    const auto length = static_cast<std::uint32_t>(size_);
    std::memcpy(bytes_.data() + offsetof(nlmsghdr, nlmsg_len), &length, sizeof length);
    std::memcpy(bytes_.data() + offsetof(nlmsghdr, nlmsg_seq), &sequence, sizeof sequence);
    return Bytes(bytes_.data(), size_);
  }

 private:
  void Append(const void* data, std::size_t size) {
    SUMMON_CHECK(size_ + Aligned(size) <= bytes_.size());
    if (size > 0) std::memcpy(bytes_.data() + size_, data, size);
    size_ += Aligned(size);
  }

  std::array<std::uint8_t, 1024> bytes_{};
  std::size_t size_ = 0;
};

Result<Netlink> Netlink::Open() {
  UniqueFd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!fd.valid()) return ErrnoError("open rtnetlink socket", errno);
  // The kernel answers within sendmsg; this only keeps a bug from stopping the loop for ever.
  const timeval patience{.tv_sec = 1, .tv_usec = 0};
  if (setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0) {
    return ErrnoError("set up rtnetlink socket", errno);
  }
  return Netlink(std::move(fd));
}

Status Netlink::Transact(Request& request, std::uint16_t wanted, Buffer* answer,
                         std::size_t* answer_bytes) {
  const std::uint32_t sequence = ++sequence_;
  const Bytes bytes = request.Finish(sequence);
  if (send(socket_.get(), bytes.data(), bytes.size(), 0) < 0) {
    return ErrnoError("send rtnetlink request", errno);
  }
  Buffer buffer;
  while (true) {
    const ssize_t received = recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0) return ErrnoError("read rtnetlink answer", errno);
    ByteReader reader(Bytes(buffer.data(), static_cast<std::size_t>(received)));
    while (reader.remaining() >= sizeof(nlmsghdr)) {
      const std::size_t start = reader.position();
      const nlmsghdr header = *reader.Read<nlmsghdr>();
      if (header.nlmsg_len < sizeof(nlmsghdr) ||
          header.nlmsg_len - sizeof(nlmsghdr) > reader.remaining()) {
        return Error(ErrorCode::kIo, "read rtnetlink answer: malformed");
      }
      if (header.nlmsg_seq == sequence && header.nlmsg_type == NLMSG_ERROR) {
        const auto result = reader.Read<std::int32_t>();
        if (!result) return Error(ErrorCode::kIo, "read rtnetlink answer: malformed");
        if (*result == 0) return Ok();
        return ErrnoError("rtnetlink", -*result);
      }
      if (header.nlmsg_seq == sequence && answer != nullptr && header.nlmsg_type == wanted) {
        std::memcpy(answer->data(), buffer.data() + start, header.nlmsg_len);
        *answer_bytes = header.nlmsg_len;
      }
      const std::size_t next = start + Aligned(header.nlmsg_len);
      if (!reader.Seek(next)) break;
    }
  }
}

Status Netlink::Configure(int index, const LinkSettings& settings) {
  ifinfomsg link{};
  link.ifi_index = index;
  Request request(RTM_NEWLINK, 0, link);
  request.Mac(IFLA_ADDRESS, settings.mac);
  request.U32(IFLA_MTU, settings.mtu);
  request.U32(IFLA_TXQLEN, settings.queue_frames);
  request.Attribute(IFLA_IFALIAS, settings.alias.c_str(), settings.alias.size());
  SUMMON_TRY(Transact(request));

  Request quiet(RTM_NEWLINK, 0, link);
  const std::size_t families = quiet.Begin(IFLA_AF_SPEC);
  const std::size_t inet6 = quiet.Begin(AF_INET6);
  constexpr std::uint8_t kNone = IN6_ADDR_GEN_MODE_NONE;
  quiet.Attribute(IFLA_INET6_ADDR_GEN_MODE, &kNone, sizeof kNone);
  quiet.End(inet6);
  quiet.End(families);
  (void)Transact(quiet);  // a kernel without IPv6 refuses it, and then has no noise either
  return Ok();
}

Status Netlink::BringUp(int index) {
  ifinfomsg link{};
  link.ifi_index = index;
  link.ifi_flags = IFF_UP;
  link.ifi_change = IFF_UP;
  Request request(RTM_NEWLINK, 0, link);
  return Transact(request);
}

Status Netlink::AddAddress(int index, Ipv4Address address) {
  ifaddrmsg header{};
  header.ifa_family = AF_INET;
  header.ifa_prefixlen = 32;
  header.ifa_scope = RT_SCOPE_UNIVERSE;
  header.ifa_index = static_cast<unsigned>(index);
  Request request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, header);
  request.Address(IFA_LOCAL, address);
  request.Address(IFA_ADDRESS, address);
  request.U32(IFA_FLAGS, IFA_F_NOPREFIXROUTE);
  return Transact(request);
}

Status Netlink::AddHostRoute(int index, const HostRoute& route) {
  rtmsg header{};
  header.rtm_family = AF_INET;
  header.rtm_dst_len = 32;
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_protocol = RTPROT_STATIC;
  header.rtm_scope = RT_SCOPE_LINK;
  header.rtm_type = RTN_UNICAST;
  Request request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, header);
  request.Address(RTA_DST, route.destination);
  request.U32(RTA_OIF, static_cast<std::uint32_t>(index));
  request.Address(RTA_PREFSRC, route.source);
  return Transact(request);
}

Status Netlink::AddNeighbour(int index, Ipv4Address address, MacAddress mac) {
  ndmsg header{};
  header.ndm_family = AF_INET;
  header.ndm_ifindex = index;
  header.ndm_state = NUD_PERMANENT;
  Request request(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, header);
  request.Address(NDA_DST, address);
  request.Mac(NDA_LLADDR, mac);
  return Transact(request);
}

Status Netlink::FilterIncoming(int index, std::span<const sock_filter> program) {
  tcmsg hook{};
  hook.tcm_family = AF_UNSPEC;
  hook.tcm_ifindex = index;
  hook.tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
  hook.tcm_parent = TC_H_CLSACT;
  Request clsact(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, hook);
  clsact.Attribute(TCA_KIND, "clsact", sizeof "clsact");
  SUMMON_TRY(Transact(clsact));

  hook.tcm_handle = 0;
  hook.tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS);
  constexpr std::uint32_t kPriority = 1;
  hook.tcm_info = TC_H_MAKE(kPriority << 16, htons(ETH_P_ALL));
  Request filter(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, hook);
  filter.Attribute(TCA_KIND, "bpf", sizeof "bpf");
  const std::size_t options = filter.Begin(TCA_OPTIONS);
  const auto length = static_cast<std::uint16_t>(program.size());
  filter.Attribute(TCA_BPF_OPS_LEN, &length, sizeof length);
  filter.Attribute(TCA_BPF_OPS, program.data(), program.size_bytes());
  filter.U32(TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
  filter.End(options);
  return Transact(filter);
}

namespace {

// The attributes of one nest, each as its bytes; malformed ones end the walk.
template <typename Visit>
void ForEachAttribute(Bytes bytes, Visit visit) {
  ByteReader reader(bytes);
  while (reader.remaining() >= sizeof(rtattr)) {
    const std::size_t start = reader.position();
    const rtattr header = *reader.Read<rtattr>();
    if (header.rta_len < sizeof(rtattr)) return;
    const auto value = reader.Take(header.rta_len - sizeof(rtattr));
    if (!value) return;
    visit(static_cast<std::uint16_t>(header.rta_type & NLA_TYPE_MASK), *value);
    if (!reader.Seek(start + Aligned(header.rta_len))) return;
  }
}

std::string TextOf(Bytes value) {
  std::string text(value.begin(), value.end());
  return text.substr(0, text.find('\0'));
}

LinkCounters CountersOf(Bytes value) {
  rtnl_link_stats64 stats{};
  std::memcpy(&stats, value.data(), std::min(value.size(), sizeof stats));
  return LinkCounters{stats.tx_packets, stats.rx_packets, stats.tx_dropped};
}

}  // namespace

Result<LinkInfo> Netlink::GetLink(int index) {
  ifinfomsg link{};
  link.ifi_index = index;
  Request request(RTM_GETLINK, 0, link);
  Buffer answer;
  std::size_t answer_bytes = 0;
  SUMMON_TRY(Transact(request, RTM_NEWLINK, &answer, &answer_bytes));
  constexpr std::size_t kHeaders = sizeof(nlmsghdr) + sizeof(ifinfomsg);
  if (answer_bytes < kHeaders) return Error(ErrorCode::kIo, "rtnetlink: no link in the answer");
  LinkInfo info;
  ForEachAttribute(
      Bytes(answer.data() + kHeaders, answer_bytes - kHeaders),
      [&info](std::uint16_t type, Bytes value) {
        if (type == IFLA_MTU && value.size() == sizeof info.mtu) {
          std::memcpy(&info.mtu, value.data(), sizeof info.mtu);
        } else if (type == IFLA_IFALIAS) {
          info.alias = TextOf(value);
        } else if (type == IFLA_STATS64) {
          info.counters = CountersOf(value);
        } else if (type == IFLA_LINKINFO) {
          ForEachAttribute(value, [&info](std::uint16_t inner, Bytes text) {
            if (inner == IFLA_INFO_KIND) info.kind = TextOf(text);
          });
        }
      });
  return info;
}

}  // namespace summon::launcher
