// SPDX-License-Identifier: Apache-2.0
// The machine on the hvt target: hypercalls, and a clock from the cycle counter.

#include "guests/runtime/hypercall.h"
#include "guests/runtime/image.h"
#include "guests/runtime/runtime.h"

namespace summon::guest {

namespace {

std::uint64_t ReadCycles() {
  std::uint32_t low, high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high));
  return std::uint64_t{high} << 32 | low;
}

}  // namespace

Machine::Machine(const abi::HvtBootInfo& info, std::uint64_t entry_cycles)
    : command_line_(image::ApplicationWords(info.cmdline)),
      devices_(image::Devices(info.manifest)),
      heap_(image::Heap(info.mem_size)),
      entry_time_(entry_cycles),
      // Nanoseconds per cycle with 32 fractional bits: wrong by less than 1 in 2^31 above 1 GHz.
      ns_per_cycle_q32_((1'000'000'000ull << 32) / info.cpu_cycle_freq) {}

std::uint64_t Machine::MonotonicNs() const {
  const std::uint64_t cycles = ReadCycles() - entry_time_;
  return static_cast<std::uint64_t>(static_cast<unsigned __int128>(cycles) * ns_per_cycle_q32_ >>
                                    32);
}

std::uint64_t Machine::WallNs() const {
  abi::Walltime call{};
  Hypercall(abi::Call::kWalltime, &call);
  return call.nsecs;
}

ReadySet Machine::Poll(std::uint64_t deadline_ns) {
  const std::uint64_t now = MonotonicNs();
  abi::Poll call{.timeout_nsecs = deadline_ns > now ? deadline_ns - now : 0};
  Hypercall(abi::Call::kPoll, &call);
  return ReadySet{call.ready_set};
}

Io Machine::NetRead(Handle handle, std::span<std::uint8_t> buffer, std::size_t& length) const {
  abi::NetIo call{.handle = static_cast<std::uint64_t>(handle),
                  .data = buffer.data(),
                  .len = buffer.size()};
  Hypercall(abi::Call::kNetRead, &call);
  length = call.len;
  return Io{call.ret};
}

Io Machine::NetWrite(Handle handle, std::span<const std::uint8_t> frame) const {
  abi::NetIo call{.handle = static_cast<std::uint64_t>(handle),
                  .data = frame.data(),
                  .len = frame.size()};
  Hypercall(abi::Call::kNetWrite, &call);
  return Io{call.ret};
}

Io Machine::BlockRead(Handle handle, std::uint64_t offset, std::span<std::uint8_t> data) const {
  abi::BlockIo call{.handle = static_cast<std::uint64_t>(handle),
                    .offset = offset,
                    .data = data.data(),
                    .len = data.size()};
  Hypercall(abi::Call::kBlockRead, &call);
  return Io{call.ret};
}

Io Machine::BlockWrite(Handle handle, std::uint64_t offset,
                       std::span<const std::uint8_t> data) const {
  abi::BlockIo call{.handle = static_cast<std::uint64_t>(handle),
                    .offset = offset,
                    .data = data.data(),
                    .len = data.size()};
  Hypercall(abi::Call::kBlockWrite, &call);
  return Io{call.ret};
}

void Print(std::string_view text) {
  abi::Puts call{.data = text.data(), .len = text.size()};
  Hypercall(abi::Call::kPuts, &call);
}

void Exit(int status) {
  abi::Halt call{.cookie = nullptr, .exit_status = status};
  while (true) Hypercall(abi::Call::kHalt, &call);
}

}  // namespace summon::guest
