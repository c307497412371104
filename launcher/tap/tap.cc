// SPDX-License-Identifier: Apache-2.0
// Taps by ioctl (drivers/net/tun.c of Linux, Documentation/networking/tuntap.rst) and rtnetlink.
#include "launcher/tap/tap.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "launcher/tap/send_filter.h"
#include "launcher/tap/wake_filter.h"

namespace summon::launcher {

namespace {

// FNV-1a, 64 bits (draft-eastlake-fnv): short, and the same on every machine and release.
std::uint64_t Fnv1a(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) {
    hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3;
  }
  return hash;
}

MacAddress MacFromHash(std::uint8_t first, std::uint64_t hash) {
  MacAddress mac;
  mac.octets[0] = first;
  for (std::size_t i = 1; i < mac.octets.size(); ++i) {
    mac.octets[i] = static_cast<std::uint8_t>(hash >> (8 * i));
  }
  return mac;
}

Error NameTaken(const std::string& name, Netlink& netlink) {
  std::string owner = "of another program";
  const unsigned index = if_nametoindex(name.c_str());
  if (index != 0) {
    const Result<LinkInfo> link = netlink.GetLink(static_cast<int>(index));
    if (link.ok() && link->alias == kTapAlias) {
      owner = "that another summon-launcherd (or a monitor it left behind) still holds";
    } else if (link.ok()) {
      owner = StrCat("of another program (kind ", link->kind.empty() ? "hardware" : link->kind,
                     link->alias.empty() ? std::string() : StrCat(", alias ", Quote(link->alias)),
                     ")");
    }
  }
  return Error(ErrorCode::kBusy,
               StrCat("create tap ", Quote(name), ": an interface ", owner,
                      " has this name; remove it or configure another tap name"));
}

Result<UniqueFd> OpenTun() {
  UniqueFd fd(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (fd.valid()) return fd;
  const Error error = ErrnoError("open /dev/net/tun", errno);
  if (error.code() == ErrorCode::kNotFound) {
    return Error(error.code(), StrCat(error.message(), " (load the module: modprobe tun; in a "
                                                       "container add --device /dev/net/tun)"));
  }
  return error;
}

bool Readable(int fd) {
  pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&waiting, 1, 0) == 1 && (waiting.revents & POLLIN) != 0;
}

// A header of a VLAN lies between the Ethernet header and its payload (IEEE 802.1Q).
constexpr std::size_t kVlanBytes = 4;
using Frame = std::array<std::uint8_t, ETH_HLEN + kVlanBytes + kTapMtu>;

struct WaitingFrame {
  Frame bytes;
  std::size_t size = 0;
};

// At most one queue full: who sends faster than we read does not keep us.
std::vector<WaitingFrame> TakeWaiting(int tap) {
  std::vector<WaitingFrame> frames;
  while (frames.size() < kTapQueueFrames) {
    WaitingFrame& frame = frames.emplace_back();
    const ssize_t size = read(tap, frame.bytes.data(), frame.bytes.size());
    if (size <= 0) {
      frames.pop_back();
      break;
    }
    frame.size = static_cast<std::size_t>(size);
  }
  return frames;
}

}  // namespace

MacAddress DeriveGuestMac(std::string_view service) { return MacFromHash(0x02, Fnv1a(service)); }

MacAddress DeriveHostMac(std::string_view tap_name) { return MacFromHash(0x06, Fnv1a(tap_name)); }

Status HostSide::Open() {
  if (socket_.valid()) return Ok();
  // Protocol 0: it receives nothing.
  socket_ = UniqueFd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket_.valid()) return Ok();
  const Error error = ErrnoError("open a packet socket", errno);
  if (error.code() != ErrorCode::kPermission) return error;
  return Error(error.code(), StrCat(error.message(), " (need CAP_NET_RAW: run as root)"));
}

Status HostSide::Send(int index, Bytes frame) {
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = index;
  // SAFETY: every sockaddr_* type may be passed to the socket calls as a sockaddr (POSIX).
  const ssize_t sent = sendto(socket_.get(), frame.data(), frame.size(), 0,
                              reinterpret_cast<const sockaddr*>(&to), sizeof to);
  if (sent >= 0 || errno == ENOBUFS) return Ok();  // refused, or no room: as on its first way
  return ErrnoError("send a frame", errno);
}

Tap::Tap(TapSpec spec, UniqueFd fd, int index, Netlink netlink)
    : spec_(std::move(spec)), fd_(std::move(fd)), index_(index), netlink_(std::move(netlink)) {}

Result<std::unique_ptr<Tap>> Tap::Create(TapSpec spec) {
  if (spec.name.empty() || spec.name.size() >= IFNAMSIZ) {
    return Error(ErrorCode::kInvalid, StrCat("create tap ", Quote(spec.name), ": the name has ",
                                             spec.name.size(), " characters; must be 1..",
                                             IFNAMSIZ - 1));
  }
  Netlink netlink = SUMMON_TRY(Netlink::Open());
  if (if_nametoindex(spec.name.c_str()) != 0) return NameTaken(spec.name, netlink);
  UniqueFd fd = SUMMON_TRY(OpenTun());
  ifreq request{};
  // EXCL: a name that somebody took since we looked is refused, never attached to.
  request.ifr_flags = static_cast<short>(IFF_TAP | IFF_NO_PI | IFF_TUN_EXCL);
  std::memcpy(request.ifr_name, spec.name.data(), spec.name.size());
  if (ioctl(fd.get(), TUNSETIFF, &request) != 0) {
    const int set_errno = errno;
    if (set_errno == EBUSY) return NameTaken(spec.name, netlink);
    const Error error = ErrnoError(StrCat("create tap ", Quote(spec.name)), set_errno);
    if (error.code() != ErrorCode::kPermission) return error;
    return Error(error.code(), StrCat(error.message(), " (need CAP_NET_ADMIN: run as root)"));
  }
  const unsigned index = if_nametoindex(spec.name.c_str());
  if (index == 0) return ErrnoError(StrCat("find tap ", Quote(spec.name)), errno);
  std::unique_ptr<Tap> tap(
      new Tap(std::move(spec), std::move(fd), static_cast<int>(index), std::move(netlink)));
  SUMMON_TRY(tap->SetUp().Wrap(StrCat("set up tap ", Quote(tap->spec_.name))));
  return tap;
}

Status Tap::FilterSending() {
  if (spec_.spoof_check == SpoofCheck::kOff) return Ok();
  const std::vector<sock_filter> program = BuildSendFilter(
      {.check = spec_.spoof_check, .mac = spec_.guest_mac, .address = spec_.address});
  return netlink_.FilterIncoming(index_, program)
      .Wrap(StrCat("check what is sent by tap ", Quote(spec_.name),
                   " (needs the kernel's clsact and cls_bpf: modprobe sch_ingress cls_bpf)"));
}

Status Tap::SetUp() {
  // The filter first: nothing that arrives while the interface comes up may count as a wake.
  SUMMON_TRY(Sleep());
  SUMMON_TRY(netlink_.Configure(index_, LinkSettings{.mac = DeriveHostMac(spec_.name),
                                                     .mtu = kTapMtu,
                                                     .queue_frames = kTapQueueFrames,
                                                     .alias = kTapAlias}));
  send_filter_ = FilterSending();
  SUMMON_TRY(netlink_.BringUp(index_));
  SUMMON_TRY(netlink_.AddAddress(index_, spec_.gateway)
                 .Wrap(StrCat("add address ", spec_.gateway.ToString())));
  const Status routed = netlink_.AddHostRoute(
      index_, Netlink::HostRoute{.destination = spec_.address, .source = spec_.gateway});
  if (!routed.ok() && routed.error().code() == ErrorCode::kBusy) {
    return Error(ErrorCode::kBusy,
                 StrCat("route ", spec_.address.ToString(),
                        ": this address is already routed to another interface (ip route show ",
                        spec_.address.ToString(), ")"));
  }
  SUMMON_TRY(Status(routed).Wrap(StrCat("route ", spec_.address.ToString())));
  return netlink_.AddNeighbour(index_, spec_.address, spec_.guest_mac)
      .Wrap(StrCat("add neighbour ", spec_.address.ToString()));
}

Status Tap::Sleep() {
  if (asleep_) return Ok();
  WakeFilter filter = BuildWakeFilter(spec_.guest_mac, spec_.address);
  sock_fprog program{.len = filter.size(), .filter = filter.data()};
  const LinkInfo before = SUMMON_TRY(netlink_.GetLink(index_));
  if (ioctl(fd_.get(), TUNATTACHFILTER, &program) != 0) {
    return ErrnoError(StrCat("set wake filter on tap ", Quote(spec_.name)), errno);
  }
  CountRefused(before);
  dropped_at_sleep_ = before.counters.send_dropped;
  asleep_ = true;
  return Ok();
}

// A frame that was read cannot be put back, but the host can send it once more: through the
// filter and into the queue, as if it came only now.
Status Tap::Sweep(HostSide& host) {
  SUMMON_CHECK(asleep_);
  if (!Readable(fd_.get())) return Ok();
  SUMMON_TRY(host.Open());
  const std::vector<WaitingFrame> frames = TakeWaiting(fd_.get());
  swept_ += frames.size();
  Status outcome = Ok();
  for (const WaitingFrame& frame : frames) {
    const Status sent = host.Send(index_, Bytes(frame.bytes.data(), frame.size));
    if (outcome.ok()) outcome = sent;
  }
  return std::move(outcome).Wrap(StrCat("put frames back into tap ", Quote(spec_.name)));
}

Status Tap::Wake() {
  if (!asleep_) return Ok();
  sock_fprog program{};  // the kernel wants the argument and does not look at it
  if (ioctl(fd_.get(), TUNDETACHFILTER, &program) != 0) {
    return ErrnoError(StrCat("remove wake filter from tap ", Quote(spec_.name)), errno);
  }
  asleep_ = false;
  uncounted_ = true;
  return Ok();
}

Status Tap::CountRefused() {
  if (uncounted_) CountRefused(SUMMON_TRY(netlink_.GetLink(index_)));
  return Ok();
}

// The kernel has one counter for what the filter refused and what found the queue full. What was
// counted in a time of sleep is nearly always noise; it is taken as filtered.
void Tap::CountRefused(const LinkInfo& link) {
  if (!std::exchange(uncounted_, false)) return;
  filtered_ += link.counters.send_dropped - dropped_at_sleep_;
}

Result<Traffic> Tap::ReadTraffic() {
  const LinkInfo link = SUMMON_TRY(netlink_.GetLink(index_));
  CountRefused(link);
  const std::uint64_t dropped = asleep_ ? dropped_at_sleep_ : link.counters.send_dropped;
  return Traffic{.frames_to_guest = link.counters.sent - swept_,
                 .frames_from_guest = link.counters.received,
                 .frames_dropped = dropped - filtered_};
}

}  // namespace summon::launcher
