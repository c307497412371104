// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a unikernel may use: console, clock, network, block devices, sleep, and the end.
//
// The same application source builds for both Solo5 targets: hvt (a virtual machine) and spt (a
// sandboxed process). An application defines Main() and declares its devices once with
// SUMMON_GUEST_DEVICES; there are no threads, no interrupts and no heap but the span heap().
// Booting is kept short: nothing here is set up before it is used.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "guests/runtime/abi.h"
#include "guests/runtime/manifest.h"

namespace summon::guest {

// Exit status for a command line that cannot be understood (EX_USAGE of sysexits.h).
inline constexpr int kExitUsage = 64;

// Writes `text` to the console. Best effort. One call is one hypercall: build lines first.
void Print(std::string_view text);

// Ends the guest. 0 is success, 255 is an abort.
[[noreturn]] void Exit(int status);

// Reports a bug in the guest itself on the console and ends with status 255.
[[noreturn]] void Panic(std::string_view what);

// Outcome of an input or output operation; the numbers are the ABI's.
enum class Io : std::int32_t { kOk = 0, kAgain = 1, kInvalid = 2, kFailed = 3 };

// Index of a device in the manifest, 1..63.
enum class Handle : std::uint64_t {};

struct NetDevice {
  Handle handle;
  std::array<std::uint8_t, 6> mac;
  std::uint16_t mtu;  // without the Ethernet header
};

struct BlockDevice {
  Handle handle;
  std::uint64_t capacity_bytes;
  std::uint32_t block_bytes;
};

// Devices that can be read without waiting: bit i is the device with handle i.
struct ReadySet {
  std::uint64_t bits = 0;
  bool Has(Handle handle) const { return bits >> static_cast<std::uint64_t>(handle) & 1; }
};

// The machine that the guest runs on. There is one; Main() gets it.
class Machine final {
 public:
  static constexpr std::uint64_t kForever = ~std::uint64_t{0};

  explicit Machine(const abi::HvtBootInfo& info, std::uint64_t entry_cycles);
  explicit Machine(const abi::SptBootInfo& info);
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  // The command line without words for the runtime (--solo5:...).
  std::string_view command_line() const { return command_line_; }

  // Memory that nothing else uses, between the image and the stack. Zeroed by the tender.
  std::span<std::byte> heap() const { return heap_; }

  // Nanoseconds since the guest's first instruction. Never goes back.
  std::uint64_t MonotonicNs() const;

  // Nanoseconds since 1970-01-01 00:00 UTC. A hypercall on hvt.
  std::uint64_t WallNs() const;

  // The device that the manifest calls `name`; nothing when there is none of that type, or
  // when the tender attached none. No hypercall.
  std::optional<NetDevice> FindNet(std::string_view name) const;
  std::optional<BlockDevice> FindBlock(std::string_view name) const;

  // Waits until a network device is readable or MonotonicNs() reaches `deadline_ns`. A deadline
  // in the past only looks. May return early with nothing, when clocks of guest and host differ.
  // The first call tells the tender that the guest is ready.
  ReadySet Poll(std::uint64_t deadline_ns);

  // Returns once MonotonicNs() has reached `deadline_ns`.
  void SleepUntil(std::uint64_t deadline_ns);

  // Reads one Ethernet frame into `buffer` and sets `length`; kAgain when none waits.
  Io NetRead(Handle handle, std::span<std::uint8_t> buffer, std::size_t& length) const;

  // Sends one Ethernet frame. Frames that the host has no room for are lost silently.
  Io NetWrite(Handle handle, std::span<const std::uint8_t> frame) const;

  // All or nothing; kInvalid, without any effect, when the range leaves the device.
  Io BlockRead(Handle handle, std::uint64_t offset, std::span<std::uint8_t> data) const;
  Io BlockWrite(Handle handle, std::uint64_t offset, std::span<const std::uint8_t> data) const;

 private:
  const abi::ManifestEntry* FindDevice(std::string_view name, abi::DeviceType type) const;
  const abi::ManifestEntry* Device(Handle handle, abi::DeviceType type) const;

  std::string_view command_line_;
  std::span<const abi::ManifestEntry> devices_;
  std::span<std::byte> heap_;
  std::uint64_t entry_time_ = 0;  // hvt: cycle counter; spt: CLOCK_MONOTONIC in ns
  std::uint64_t ns_per_cycle_q32_ = 0;
  std::uint64_t timer_deadline_ns_ = kForever;  // spt: what the timer descriptor is set to
  int epoll_fd_ = -1;
  int timer_fd_ = -1;
};

// The application. Its return value is the guest's exit status.
int Main(Machine& machine);

}  // namespace summon::guest
