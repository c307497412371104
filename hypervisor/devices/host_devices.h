// SPDX-License-Identifier: Apache-2.0
#pragma once
// The devices on real descriptors: tap, block file, console, and the wait for frames.
//
// All work on descriptors that the job brought (borrowed here) with one system call an operation,
// straight between the descriptor and guest memory. They run inside the sandbox: each call they
// make stands in the monitor's policy, and none allocates.

#include <poll.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "hypervisor/control/protocol.h"
#include "hypervisor/devices/device.h"

namespace summon::hypervisor {

// A tap (or any non-blocking datagram-like descriptor that carries one frame a call).
class TapDevice final : public NetDevice {
 public:
  TapDevice() = default;
  explicit TapDevice(int fd) : fd_(fd) {}
  std::size_t Read(std::span<std::uint8_t> into) override;
  bool Write(Bytes frame) override;

 private:
  int fd_ = -1;
};

// A regular file or block device.
class FileBlockDevice final : public BlockDevice {
 public:
  FileBlockDevice() = default;
  explicit FileBlockDevice(int fd) : fd_(fd) {}
  bool Read(std::uint64_t offset, std::span<std::uint8_t> into) override;
  bool Write(std::uint64_t offset, Bytes from) override;

 private:
  int fd_ = -1;
};

// A pipe, socket, terminal or file. A pipe or socket has been made non-blocking; others take what
// they are given.
class FdConsole final : public Console {
 public:
  // Bytes of one write(2). A pipe takes up to PIPE_BUF whole or not at all, so lines of a usual
  // length are not torn.
  static constexpr std::size_t kChunkBytes = 4096;

  explicit FdConsole(int fd) : fd_(fd) {}
  std::size_t Write(Bytes text) override;

 private:
  const int fd_;
};

// What comes over the control socket while the guest waits.
class ControlInbox {
 public:
  virtual ~ControlInbox() = default;
  // Takes all that has come. Does not return when the other end is gone.
  virtual void Drain() = 0;
  // Whether the guest is to be put away.
  virtual bool leave_wanted() const = 0;
  // Whether there are reports that were held back while the guest was busy, and sending them.
  virtual bool has_unsaid() const = 0;
  virtual void SayAll() = 0;
  // Whether the guest was told to go on since this was asked last.
  virtual bool TakeResumed() = 0;
};

// Waits for frames on up to kDevicesMax taps, and for orders.
class TapWaiter final : public PollWaiter {
 public:
  // `inbox` reads `control_fd`; both are borrowed.
  TapWaiter(int control_fd, ControlInbox& inbox, const Clock& clock);

  // `handle` is the device's index in the manifest.
  struct Tap {
    std::size_t handle;
    int fd;
  };
  void Add(const Tap& tap);

  Result Wait(Instant deadline) override;
  Instant Now() override { return clock_.Now(); }

 private:
  // The handles of the taps that have frames; takes taps that are broken out of the set, so that
  // they do not wake us for ever.
  std::uint64_t Collect();

  ControlInbox& inbox_;
  const Clock& clock_;
  std::array<pollfd, kDevicesMax + 1> polls_{};        // [0] is the control socket
  std::array<std::size_t, kDevicesMax + 1> handles_{};  // of the same index in polls_
  nfds_t count_ = 1;
};

class SystemWallClock final : public WallClock {
 public:
  std::uint64_t Nanos() override;
};

}  // namespace summon::hypervisor
