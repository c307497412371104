// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a guest's devices are to the hypercalls: small interfaces, so that the hypercalls can be
// tested, and fuzzed, on plain memory with made-up devices.
//
// None of these calls blocks but PollWaiter::Wait(), none allocates, and none fails in a way that
// ends the guest: what the host cannot do is an answer, and is counted by whoever serves the call.

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "base/clock.h"

namespace summon::hypervisor {

// A network device: whole Ethernet frames.
class NetDevice {
 public:
  virtual ~NetDevice() = default;
  // Takes the next frame into `into` (cut to its size); 0 when none is pending.
  virtual std::size_t Read(std::span<std::uint8_t> into) = 0;
  // False when the host refused the frame: it is lost.
  virtual bool Write(Bytes frame) = 0;
};

// A block device. The caller has checked `offset` and the size against the capacity.
class BlockDevice {
 public:
  virtual ~BlockDevice() = default;
  // All of `into` from `offset`; false when the host could not read it.
  virtual bool Read(std::uint64_t offset, std::span<std::uint8_t> into) = 0;
  virtual bool Write(std::uint64_t offset, Bytes from) = 0;
};

class Console {
 public:
  virtual ~Console() = default;
  // Writes what the other side takes without blocking; gives how many bytes that was.
  virtual std::size_t Write(Bytes text) = 0;
};

// Waits for frames.
class PollWaiter {
 public:
  virtual ~PollWaiter() = default;

  struct Result {
    std::uint64_t ready = 0;  // devices that have a frame: bit i is that at manifest index i
    bool leave = false;       // the guest is to be put away; only when nothing is ready
    bool resumed = false;     // it had been stopped meanwhile and goes on
  };
  // Waits until a network device has a frame, until `deadline` and never less than that, or until
  // the guest is to be put away.
  virtual Result Wait(Instant deadline) = 0;
  // The clock of deadlines.
  virtual Instant Now() = 0;
};

class WallClock {
 public:
  virtual ~WallClock() = default;
  // CLOCK_REALTIME in nanoseconds.
  virtual std::uint64_t Nanos() = 0;
};

}  // namespace summon::hypervisor
