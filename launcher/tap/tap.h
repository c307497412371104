// SPDX-License-Identifier: Apache-2.0
#pragma once
// The tap of one service: made before its VM, kept until the service is forgotten.
//
// The interface lives as long as anybody holds its descriptor. We keep one for ourselves and give
// duplicates to monitors, because closing the last descriptor loses the frames that wait in the
// queue: a monitor that dies must not take a client's first packet with it.

#include <cstdint>
#include <memory>
#include <string>

#include "base/address.h"
#include "base/bytes.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "launcher/launcher.h"
#include "launcher/tap/netlink.h"

namespace summon::launcher {

// How many frames wait for a guest that does not read. Costs about 2.3 KiB each; enough for the
// SYNs of one crowd, small enough for thousands of sleeping taps.
inline constexpr std::uint32_t kTapQueueFrames = 128;
inline constexpr std::uint16_t kTapMtu = 1500;
// The interface alias that says whose a tap is.
inline constexpr char kTapAlias[] = "summon";

struct TapSpec {
  std::string name;     // 1..15 characters
  Ipv4Address address;  // the guest's
  Ipv4Address gateway;  // ours, on the tap
  MacAddress guest_mac;
  SpoofCheck spoof_check = SpoofCheck::kAddress;
  friend bool operator==(const TapSpec&, const TapSpec&) = default;
};

// The guest's address on its tap when the order names none: locally administered, from a hash of
// the service's name, the same for ever.
MacAddress DeriveGuestMac(std::string_view service);
// The host's own on the tap of that name.
MacAddress DeriveHostMac(std::string_view tap_name);

// The host's side of the taps of a network namespace: sends frames into them. Its socket is opened
// when it is first needed, or before by Open(), and then kept, because the closing of one waits for
// the kernel's other processors (13 ms, measured).
class HostSide final {
 public:
  HostSide() = default;
  HostSide(const HostSide&) = delete;
  HostSide& operator=(const HostSide&) = delete;

  // Errors: kPermission without CAP_NET_RAW.
  Status Open();
  // To the interface of that index; its filter may refuse it and its queue may be full, both
  // without an error.
  Status Send(int index, Bytes frame);

 private:
  UniqueFd socket_;
};

class Tap final {
 public:
  // Makes the interface, up, with address, route and neighbour entry, asleep (wake filter on).
  // Errors: kBusy when an interface of that name exists (it is left alone) or the guest's address
  // is already routed; kPermission without CAP_NET_ADMIN; kNotFound without /dev/net/tun.
  static Result<std::unique_ptr<Tap>> Create(TapSpec spec);

  Tap(const Tap&) = delete;
  Tap& operator=(const Tap&) = delete;

  const TapSpec& spec() const { return spec_; }
  // Whether the kernel checks in whose name the guest sends (launcher/tap/send_filter.h); why not,
  // when it cannot. The tap is of use all the same: a KVM guest's monitor checks too.
  const Status& send_filter() const { return send_filter_; }
  // Our own descriptor, non-blocking; readable when a frame waits. Give duplicates away.
  int fd() const { return fd_.get(); }

  // While asleep only frames that should wake the guest reach the queue.
  Status Sleep();
  // For when its guest is gone and nobody else reads: what the guest left in the queue from the
  // time before Sleep() is judged by the wake filter too. What should wake stays in the queue, in
  // its order. Errors: kPermission without CAP_NET_RAW; then the queue is as it was.
  Status Sweep(HostSide& host);
  // From now on the guest gets everything.
  Status Wake();
  // To be called soon after Wake(), when there is time: what was refused up to then counts as
  // refused by the wake filter. (Asking takes longer than waking.)
  Status CountRefused();

  // What passed since the tap was made. That Sweep() read a frame does not count, and what the
  // wake filter refused does not count as dropped: nobody missed it.
  Result<Traffic> ReadTraffic();

 private:
  Tap(TapSpec spec, UniqueFd fd, int index, Netlink netlink);
  Status SetUp();
  Status FilterSending();
  void CountRefused(const LinkInfo& link);

  const TapSpec spec_;
  const UniqueFd fd_;
  const int index_;
  Netlink netlink_;
  Status send_filter_ = Ok();
  bool asleep_ = false;
  bool uncounted_ = false;  // awake, and what was refused before is not in filtered_ yet
  std::uint64_t swept_ = 0;            // read by us, so the kernel counts them as sent
  std::uint64_t filtered_ = 0;         // refused by the wake filter, over all times of sleep
  std::uint64_t dropped_at_sleep_ = 0;  // the kernel's counter when the filter was set
};

}  // namespace summon::launcher
