// SPDX-License-Identifier: Apache-2.0
#pragma once
// A made-up world around a guest, for the hypercalls' tests and their fuzzer: memory of 128 KiB,
// one net device (handle 1), one block device (handle 2), a read-only one (handle 3).
// The fakes touch guest memory as the kernel would beside a hostile writer: hence CopyToGuest().

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "hypervisor/hypercall/dispatcher.h"

namespace summon::hypervisor {

inline constexpr std::uint64_t kFakeMemorySize = 0x20000;
inline constexpr GuestRange kFakeReadOnly{0x10000, 0x11000};  // as a guest's text would be
inline constexpr std::uint64_t kFakeWritable = 0x11000;
inline constexpr std::uint64_t kFakeCapacity = 4096;
inline constexpr std::uint16_t kFakeMtu = 1500;

class FakeNet final : public NetDevice {
 public:
  std::size_t Read(std::span<std::uint8_t> into) override {
    const std::size_t size = std::min(into.size(), pending.size());
    CopyToGuest({pending.data(), size}, into.data());
    pending.clear();
    return size;
  }
  bool Write(Bytes frame) override {
    if (refuses) return false;
    sent.assign(frame.begin(), frame.end());
    return true;
  }
  std::vector<std::uint8_t> pending;
  std::vector<std::uint8_t> sent;
  bool refuses = false;
};

class FakeBlock final : public BlockDevice {
 public:
  bool Read(std::uint64_t offset, std::span<std::uint8_t> into) override {
    if (fails) return false;
    if (offset > bytes.size() || into.size() > bytes.size() - offset) std::abort();
    CopyToGuest({bytes.data() + offset, into.size()}, into.data());
    return true;
  }
  bool Write(std::uint64_t offset, Bytes from) override {
    if (fails) return false;
    if (offset > bytes.size() || from.size() > bytes.size() - offset) std::abort();
    CopyFromGuest(from, bytes.data() + offset);
    return true;
  }
  std::vector<std::uint8_t> bytes = std::vector<std::uint8_t>(kFakeCapacity);
  bool fails = false;
};

class FakeConsole final : public Console {
 public:
  std::size_t Write(Bytes text) override {
    const std::size_t size = std::min(text.size(), room);
    std::vector<std::uint8_t> copy(size);
    CopyFromGuest(text.first(size), copy.data());
    written.append(copy.begin(), copy.end());
    return size;
  }
  std::string written;
  std::size_t room = 1 << 20;
};

class FakeWaiter final : public PollWaiter {
 public:
  Result Wait(Instant deadline) override {
    asked = deadline - Now();
    return {.ready = ready, .leave = leave, .resumed = resumed};
  }
  Instant Now() override { return InstantFromNanos(1'000'000'000); }
  Duration asked{};
  std::uint64_t ready = 0;
  bool leave = false;
  bool resumed = false;
};

class FakeWallClock final : public WallClock {
 public:
  std::uint64_t Nanos() override { return nanos; }
  std::uint64_t nanos = 0x1122334455667788;
};

class FakeStages final : public StageListener {
 public:
  void Reached(Stage stage) override { reached.push_back(stage); }
  std::vector<Stage> reached;
};

struct FakeWorld {
  FakeWorld() {
    (void)memory.AddReadOnly(kFakeReadOnly);  // one range: there is room
    devices[1] = {.net = &net, .mtu = kFakeMtu};
    devices[2] = {.block = &block, .capacity = kFakeCapacity};
    devices[3] = {.block = &block, .capacity = kFakeCapacity, .read_only = true};
  }
  FakeWorld(const FakeWorld&) = delete;
  FakeWorld& operator=(const FakeWorld&) = delete;

  // Stores `value` in guest memory, past every check.
  template <typename T>
  void Put(std::uint64_t address, const T& value) {
    std::memcpy(bytes.data() + address, &value, sizeof value);
  }
  template <typename T>
  T Get(std::uint64_t address) const {
    T value;
    std::memcpy(&value, bytes.data() + address, sizeof value);
    return value;
  }
  std::optional<End> Call(Hypercall number, std::uint64_t argument) {
    return dispatcher.Dispatch(number, argument);
  }

  std::vector<std::uint8_t> bytes = std::vector<std::uint8_t>(kFakeMemorySize);
  GuestMemory memory{bytes};
  DeviceTable devices{};
  FakeNet net;
  FakeBlock block;
  FakeConsole console;
  FakeWaiter waiter;
  FakeWallClock wall_clock;
  FakeStages stages;
  FrameBuffer frame;
  HypercallDispatcher dispatcher{{memory, devices, console, waiter, wall_clock, stages, frame}};
};

}  // namespace summon::hypervisor
