// SPDX-License-Identifier: Apache-2.0
#pragma once
// The real devices behind a guest's handles. Fixed in size: nothing is allocated once it runs.

#include <algorithm>
#include <array>

#include "hypervisor/control/job.h"
#include "hypervisor/devices/host_devices.h"
#include "hypervisor/hypercall/dispatcher.h"
#include "hypervisor/layout/layout.h"
#include "hypervisor/monitor/descriptors.h"

namespace summon::hypervisor {

class DeviceSet final {
 public:
  DeviceSet(const Job& job, const DeviceHandles& handles, const PlacedDescriptors& placed,
            TapWaiter& waiter) {
    for (std::size_t i = 0; i < job.devices().size(); ++i) {
      const JobDevice& device = job.devices()[i];
      const int fd = placed.device_fd[i];
      DeviceSlot& slot = table_[handles[i]];
      if (device.type == DeviceType::kNet) {
        taps_[i] = TapDevice(fd);
        waiter.Add({handles[i], fd});
        slot.net = &taps_[i];
        slot.mtu = device.mtu;
        slot.rules.check = device.frame_check;
        std::copy_n(device.mac, slot.rules.mac.size(), slot.rules.mac.begin());
        std::copy_n(device.ipv4, slot.rules.ipv4.size(), slot.rules.ipv4.begin());
      } else {
        blocks_[i] = FileBlockDevice(fd);
        slot.block = &blocks_[i];
        slot.capacity = device.capacity;
        slot.read_only = device.read_only != 0;
      }
    }
  }
  DeviceSet(const DeviceSet&) = delete;
  DeviceSet& operator=(const DeviceSet&) = delete;

  DeviceTable& table() { return table_; }

 private:
  std::array<TapDevice, kDevicesMax> taps_;
  std::array<FileBlockDevice, kDevicesMax> blocks_;
  DeviceTable table_{};
};

}  // namespace summon::hypervisor
