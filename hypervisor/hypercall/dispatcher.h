// SPDX-License-Identifier: Apache-2.0
#pragma once
// The eight hypercalls of the Solo5 hvt ABI, on checked guest memory and abstract devices.
//
// This is what a hostile guest talks to. Each call copies its argument structure once, checks the
// copy and uses the copy; each buffer is a checked span; each call does a bounded amount of work.
// A wrong pointer or number ends the guest; a wrong handle, offset or length is an answer to it.
// Nothing here allocates or knows of KVM, so all of it runs in unit tests and under the fuzzer.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "hypervisor/abi/hypercall.h"
#include "hypervisor/abi/manifest.h"
#include "hypervisor/control/detail.h"
#include "hypervisor/control/protocol.h"
#include "hypervisor/devices/device.h"
#include "hypervisor/devices/frame_check.h"
#include "hypervisor/memory/guest_memory.h"

namespace summon::hypervisor {

// What stands behind one handle. At most one of `net` and `block` is set. Borrowed.
struct DeviceSlot {
  NetDevice* net = nullptr;
  std::uint16_t mtu = 0;
  FrameRules rules;
  BlockDevice* block = nullptr;
  std::uint64_t capacity = 0;
  bool read_only = false;
};

// Indexed by handle, which is the index in the manifest: 0 is never a device.
using DeviceTable = std::array<DeviceSlot, kManifestEntriesMax>;

// Hears of the stages that a guest reaches by its hypercalls, each at most once.
class StageListener {
 public:
  virtual ~StageListener() = default;
  virtual void Reached(Stage stage) = 0;
};

// Where a frame stands while it is checked and sent: a header and the largest MTU (16 bits).
struct FrameBuffer {
  std::array<std::uint8_t, kEthernetHeaderSize + 0xffff> bytes;
};

// The world around the guest. Borrowed; all of it outlives the dispatcher.
struct HypercallWorld {
  GuestMemory& memory;
  DeviceTable& devices;
  Console& console;
  PollWaiter& waiter;
  WallClock& wall_clock;
  StageListener& stages;
  FrameBuffer& frame;
};

struct HypercallCounters {
  std::uint64_t frames_dropped = 0;  // of a wrong size, or refused by the host
  std::uint64_t frames_forged = 0;   // in another's name (CheckFrame): not in frames_dropped
  std::uint64_t console_bytes_lost = 0;
};

class HypercallDispatcher final {
 public:
  // A guest that waits "for ever" passes a huge number; a year is as good, and fits a timespec.
  static constexpr std::uint64_t kPollNanosMax = 365ull * 24 * 3600 * 1'000'000'000;
  // Bounds the time of one PUTS to a console that takes everything; the rest counts as lost.
  static constexpr std::uint64_t kPutsBytesMax = 1 << 20;

  explicit HypercallDispatcher(const HypercallWorld& world) : world_(world) {}

  // Serves hypercall `number` with the argument structure at guest address `argument`. Nothing
  // when the guest goes on; its end when it halted or did what it must not.
  std::optional<End> Dispatch(Hypercall number, std::uint64_t argument);

  // The POLL that the guest was in when it was put away (Dispatch gave kSnapshotTaken).
  struct PendingPoll {
    std::uint64_t argument = 0;
    Instant deadline{};
  };
  const PendingPoll& pending_poll() const { return pending_poll_; }
  // Goes on waiting in `poll`, as the guest's POLL would have. Reaches kReady at once: the guest
  // has set itself up long ago.
  std::optional<End> ResumePoll(const PendingPoll& poll);

  const HypercallCounters& counters() const { return counters_; }

 private:
  std::optional<End> WallTime(std::uint64_t argument);
  std::optional<End> Puts(std::uint64_t argument);
  std::optional<End> Poll(std::uint64_t argument);
  std::optional<End> BlockWrite(std::uint64_t argument);
  std::optional<End> BlockRead(std::uint64_t argument);
  std::optional<End> NetWrite(std::uint64_t argument);
  // Sends the frame, unless it is dropped for one of the counted reasons.
  void Send(const DeviceSlot& slot, Bytes guest_frame);
  std::optional<End> NetRead(std::uint64_t argument);
  End Halt(std::uint64_t argument);

  DeviceSlot* SlotOf(std::uint64_t handle);
  std::optional<End> FinishPoll(const PendingPoll& poll);
  void ReachOnce(Stage stage);

  const HypercallWorld world_;
  HypercallCounters counters_;
  PendingPoll pending_poll_;
  std::uint32_t stages_reached_ = 0;  // bit per Stage
};

}  // namespace summon::hypervisor
