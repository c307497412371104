// SPDX-License-Identifier: Apache-2.0
// Opening what the user named.
#include "launcher/foreground/devices.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <optional>

#include "base/strings.h"
#include "launcher/monitor/job.h"
#include "launcher/tap/netlink.h"

namespace summon::launcher {

using hypervisor::DeviceType;
using hypervisor::JobDevice;

namespace {

Status SetName(JobDevice& device, const std::string& name) {
  if (name.empty() || name.size() >= sizeof device.name) {
    return Error(ErrorCode::kInvalid, StrCat("device name ", Quote(name), " has ", name.size(),
                                             " characters; must be 1..", sizeof device.name - 1));
  }
  std::memcpy(device.name, name.data(), name.size());
  return Ok();
}

// "@5": a duplicate of our descriptor 5. No value when `text` is no "@..." form.
Result<std::optional<UniqueFd>> ByNumber(const std::string& text) {
  if (text.empty() || text.front() != '@') return std::optional<UniqueFd>();
  const auto number = ParseUnsigned(std::string_view(text).substr(1));
  if (!number || *number > std::numeric_limits<int>::max()) {
    return Error(ErrorCode::kInvalid, StrCat(Quote(text), ": after @ comes the number of an open "
                                                          "descriptor"));
  }
  UniqueFd fd(fcntl(static_cast<int>(*number), F_DUPFD_CLOEXEC, 3));
  if (!fd.valid()) return ErrnoError(StrCat("use descriptor ", text), errno);
  return std::optional<UniqueFd>(std::move(fd));
}

Result<UniqueFd> AttachTap(const std::string& name) {
  if (name.empty() || name.size() >= IFNAMSIZ) {
    return Error(ErrorCode::kInvalid, StrCat("interface name ", Quote(name), " has ", name.size(),
                                             " characters; must be 1..", IFNAMSIZ - 1));
  }
  // TUNSETIFF would make a new interface; the user named one that is there.
  if (if_nametoindex(name.c_str()) == 0) {
    return Error(ErrorCode::kNotFound,
                 StrCat("no interface ", Quote(name), " (make it: ip tuntap add ", name,
                        " mode tap; ip link set ", name, " up)"));
  }
  UniqueFd fd(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!fd.valid()) {
    const Error error = ErrnoError("open /dev/net/tun", errno);
    return Error(error.code(), StrCat(error.message(), " (`summon doctor` tells how to mend it)"));
  }
  ifreq request{};
  request.ifr_flags = static_cast<short>(IFF_TAP | IFF_NO_PI);
  std::memcpy(request.ifr_name, name.data(), name.size());
  if (ioctl(fd.get(), TUNSETIFF, &request) == 0) return fd;
  const int set_errno = errno;
  const Error error = ErrnoError(StrCat("attach to tap ", Quote(name)), set_errno);
  std::string_view hint = " (is it a tap interface?)";
  if (set_errno == EBUSY) hint = " (another program is attached to it)";
  if (set_errno == EPERM) hint = " (run as root, or make the tap for your user: ip tuntap add "
                                 "... user YOU)";
  return Error(error.code(), StrCat(error.message(), hint));
}

// The interface behind a tap descriptor.
Result<std::string> NameOfTap(int fd, const std::string& text) {
  ifreq request{};
  if (ioctl(fd, TUNGETIFF, &request) != 0) {
    return ErrnoError(StrCat("descriptor ", text, " is not a tap"), errno);
  }
  if ((request.ifr_flags & IFF_TAP) == 0 || (request.ifr_flags & IFF_NO_PI) == 0) {
    return Error(ErrorCode::kInvalid,
                 StrCat("descriptor ", text, " must be a tap with IFF_NO_PI"));
  }
  return std::string(request.ifr_name, strnlen(request.ifr_name, IFNAMSIZ));
}

Result<std::uint16_t> MtuOf(const std::string& name) {
  const unsigned index = if_nametoindex(name.c_str());
  if (index == 0) return ErrnoError(StrCat("find interface ", Quote(name)), errno);
  Netlink netlink = SUMMON_TRY(Netlink::Open());
  const LinkInfo link = SUMMON_TRY(netlink.GetLink(static_cast<int>(index)));
  constexpr std::uint32_t kMtuMax = std::numeric_limits<std::uint16_t>::max();
  return static_cast<std::uint16_t>(std::min(link.mtu, kMtuMax));
}

Result<MacAddress> RandomMac() {
  MacAddress mac;
  if (getrandom(mac.octets.data(), mac.octets.size(), 0) !=
      static_cast<ssize_t>(mac.octets.size())) {
    return ErrnoError("make a random MAC", errno);
  }
  mac.octets[0] = static_cast<std::uint8_t>((mac.octets[0] & 0xfc) | 0x02);  // local, unicast
  return mac;
}

// The first words of both errors are those of Solo5's tenders, which scripts look for.
Status CheckSizes(const ForegroundBlock& block, std::uint64_t size) {
  const std::uint64_t sector = block.sector_size;
  constexpr std::uint64_t kSectorMin = 512;
  constexpr std::uint64_t kSectorMax = 32 * 1024;  // the manifest's field has 16 bits
  if (sector < kSectorMin || sector > kSectorMax || (sector & (sector - 1)) != 0) {
    return Error(ErrorCode::kInvalid,
                 StrCat("Block size must be a multiple of 2 greater than or equal ", kSectorMin,
                        " (a power of two, at most ", kSectorMax, "); it is ", sector));
  }
  if (size == 0 || size % sector != 0) {
    return Error(ErrorCode::kInvalid,
                 StrCat("Backing storage size must be block aligned, and not 0: ", block.file,
                        " has ", size, " bytes, no multiple of ", sector));
  }
  return Ok();
}

}  // namespace

Result<ForegroundDevice> OpenNet(const ForegroundNet& net) {
  ForegroundDevice opened;
  JobDevice& device = opened.device;
  SUMMON_TRY(SetName(device, net.name));
  device.type = DeviceType::kNet;
  std::optional<UniqueFd> given = SUMMON_TRY(ByNumber(net.tap));
  std::string interface = net.tap;
  if (given) {
    opened.fd = std::move(*given);
    interface = SUMMON_TRY(NameOfTap(opened.fd.get(), net.tap));
    const int flags = fcntl(opened.fd.get(), F_GETFL);
    if (flags < 0 || fcntl(opened.fd.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
      return ErrnoError(StrCat("set up descriptor ", net.tap), errno);
    }
  } else {
    opened.fd = SUMMON_TRY(AttachTap(net.tap));
  }
  device.mtu = SUMMON_TRY(MtuOf(interface));
  const MacAddress mac = net.mac ? *net.mac : SUMMON_TRY(RandomMac());
  std::copy(mac.octets.begin(), mac.octets.end(), device.mac);
  device.frame_check = FrameCheckOf(net.spoof_check);
  std::copy(net.address.octets.begin(), net.address.octets.end(), device.ipv4);
  return opened;
}

Result<ForegroundDevice> OpenBlock(const ForegroundBlock& block) {
  ForegroundDevice opened;
  JobDevice& device = opened.device;
  SUMMON_TRY(SetName(device, block.name));
  device.type = DeviceType::kBlock;
  device.sector_size = block.sector_size;
  std::optional<UniqueFd> given = SUMMON_TRY(ByNumber(block.file));
  if (given) {
    opened.fd = std::move(*given);
    const int flags = fcntl(opened.fd.get(), F_GETFL);
    device.read_only = flags >= 0 && (flags & O_ACCMODE) == O_RDONLY ? 1 : 0;
  } else {
    opened.fd = UniqueFd(open(block.file.c_str(), O_RDWR | O_CLOEXEC));
    if (!opened.fd.valid() && (errno == EACCES || errno == EROFS || errno == EPERM)) {
      opened.fd = UniqueFd(open(block.file.c_str(), O_RDONLY | O_CLOEXEC));
      device.read_only = 1;
    }
    if (!opened.fd.valid()) return ErrnoError(StrCat("open ", block.file), errno);
  }
  const off_t size = lseek(opened.fd.get(), 0, SEEK_END);
  if (size < 0) return ErrnoError(StrCat("read size of ", block.file), errno);
  SUMMON_TRY(CheckSizes(block, static_cast<std::uint64_t>(size)));
  device.capacity = static_cast<std::uint64_t>(size);
  return opened;
}

}  // namespace summon::launcher
