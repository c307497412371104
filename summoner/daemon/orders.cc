// SPDX-License-Identifier: Apache-2.0
// Opening what a service is made of; see the header.
#include "summoner/daemon/orders.h"

#include <fcntl.h>

#include <cerrno>

#include "base/strings.h"

namespace summon::summoner {

namespace {

Result<UniqueFd> OpenFile(const std::string& path, int mode) {
  // O_NONBLOCK: opening a FIFO that somebody put there must not hang.
  UniqueFd file(open(path.c_str(), mode | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid()) return ErrnoError(StrCat("open ", path), errno);
  return file;
}

// The image for `kind`, when the service has one and its launcher choice wants it.
Status AddImage(launcher::LaunchOrder& order, launcher::Kind kind, const std::string& path) {
  if (path.empty()) return Ok();
  launcher::ImageFile image;
  image.kind = kind;
  image.file = SUMMON_TRY(OpenFile(path, O_RDONLY));
  image.path = path;
  order.images.push_back(std::move(image));
  return Ok();
}

launcher::SpoofCheck SpoofCheckOf(const configs::NetDevice& net) {
  switch (net.spoof_check) {
    case configs::SpoofCheck::kAddress: break;
    case configs::SpoofCheck::kMac: return launcher::SpoofCheck::kMac;
    case configs::SpoofCheck::kOff: return launcher::SpoofCheck::kOff;
  }
  return launcher::SpoofCheck::kAddress;
}

}  // namespace

Result<launcher::LaunchOrder> MakeOrder(const configs::Service& service,
                                        const configs::Network& network) {
  launcher::LaunchOrder order;
  order.service = service.name;
  if (service.launcher != configs::LauncherChoice::kProcess) {
    SUMMON_TRY(AddImage(order, launcher::Kind::kKvm, service.image));
  }
  if (service.launcher != configs::LauncherChoice::kKvm) {
    SUMMON_TRY(AddImage(order, launcher::Kind::kProcess, service.process_image));
  }
  order.command_line = service.command_line;
  order.memory_mib = service.memory_mib;
  order.snapshots = service.policy.snapshots();
  order.address = service.address;
  order.gateway = network.gateway;
  order.tap_name = service.net.tap_name;
  if (service.net.present) {
    order.nets.push_back({service.net.name, service.net.mac, SpoofCheckOf(service.net)});
  }
  for (const configs::BlockDevice& device : service.blocks) {
    launcher::BlockOrder block;
    block.name = device.name;
    block.file = SUMMON_TRY(OpenFile(device.path, device.read_only ? O_RDONLY : O_RDWR));
    block.path = device.path;
    block.sector_size = device.sector_size;
    block.read_only = device.read_only;
    order.blocks.push_back(std::move(block));
  }
  return order;
}

}  // namespace summon::summoner
