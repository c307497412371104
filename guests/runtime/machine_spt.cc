// SPDX-License-Identifier: Apache-2.0
// The machine on the spt target: system calls on descriptors that the tender opened.

#include <cstddef>
#include <cstdint>

#include "guests/runtime/image.h"
#include "guests/runtime/runtime.h"
#include "guests/runtime/syscalls.h"

// The tender jumps here with the boot information in RDI and the stack aligned as after a call.
asm(R"(
  .pushsection .text.start, "ax", @progbits
  .globl _start
_start:
  cld
  jmp GuestStart
  .popsection
)");

namespace summon::guest {

namespace {

constexpr int kConsoleFd = 1;
constexpr int kClockRealtime = 0;
constexpr int kClockMonotonic = 1;
constexpr int kTimerAbsolute = 1;  // TFD_TIMER_ABSTIME
constexpr std::uint64_t kNsPerSecond = 1'000'000'000;
constexpr int kEventsMax = 64;  // manifest entries

struct TimeSpec {
  std::int64_t seconds;
  std::int64_t nanoseconds;
};
struct TimerSpec {
  TimeSpec interval;
  TimeSpec value;
};
struct [[gnu::packed]] EpollEvent {
  std::uint32_t events;
  std::uint64_t data;
};
static_assert(sizeof(EpollEvent) == 12);

std::uint64_t ClockNs(int clock) {
  TimeSpec time{};
  (void)Invoke(SystemCall::kClockGettime, clock, &time);  // cannot fail with these clocks
  return static_cast<std::uint64_t>(time.seconds) * kNsPerSecond +
         static_cast<std::uint64_t>(time.nanoseconds);
}

}  // namespace

Machine::Machine(const abi::SptBootInfo& info)
    : command_line_(image::ApplicationWords(info.cmdline)),
      devices_(image::Devices(info.manifest)),
      heap_(image::Heap(info.mem_size)),
      entry_time_(ClockNs(kClockMonotonic)),
      epoll_fd_(info.epoll_fd),
      timer_fd_(info.timer_fd) {}

std::uint64_t Machine::MonotonicNs() const { return ClockNs(kClockMonotonic) - entry_time_; }

std::uint64_t Machine::WallNs() const { return ClockNs(kClockRealtime); }

ReadySet Machine::Poll(std::uint64_t deadline_ns) {
  long timeout_ms = -1;
  if (deadline_ns != kForever && deadline_ns <= MonotonicNs()) {
    timeout_ms = 0;
  } else if (deadline_ns != timer_deadline_ns_) {
    // A timer set to zero is off, which is what "forever" wants.
    const std::uint64_t at = deadline_ns == kForever ? 0 : deadline_ns + entry_time_;
    const TimerSpec spec{.interval = {},
                         .value = {static_cast<std::int64_t>(at / kNsPerSecond),
                                   static_cast<std::int64_t>(at % kNsPerSecond)}};
    if (Invoke(SystemCall::kTimerfdSettime, timer_fd_, kTimerAbsolute, &spec) < 0) {
      Panic("timerfd_settime failed");
    }
    timer_deadline_ns_ = deadline_ns;
  }
  EpollEvent events[kEventsMax];
  long count;
  do {
    count = Invoke(SystemCall::kEpollPwait, epoll_fd_, events, kEventsMax, timeout_ms);
  } while (count == kErrorInterrupted);
  if (count < 0) Panic("epoll_pwait failed");
  ReadySet ready;
  for (long i = 0; i < count; ++i) {
    if (events[i].data < kEventsMax) ready.bits |= std::uint64_t{1} << events[i].data;
    // An expired timer stays readable until it is set again.
    if (events[i].data == abi::kSptTimerEvent) timer_deadline_ns_ = 0;
  }
  return ready;
}

Io Machine::NetRead(Handle handle, std::span<std::uint8_t> buffer, std::size_t& length) const {
  const abi::ManifestEntry* device = Device(handle, abi::DeviceType::kNet);
  if (device == nullptr) return Io::kInvalid;
  const long got = Invoke(SystemCall::kRead, device->host_fd, buffer.data(), buffer.size());
  if (got == 0 || got == kErrorAgain) return Io::kAgain;
  if (got < 0) return Io::kFailed;
  length = static_cast<std::size_t>(got);
  return Io::kOk;
}

Io Machine::NetWrite(Handle handle, std::span<const std::uint8_t> frame) const {
  const abi::ManifestEntry* device = Device(handle, abi::DeviceType::kNet);
  if (device == nullptr) return Io::kInvalid;
  // A frame that the host does not take is lost, as on a wire.
  (void)Invoke(SystemCall::kWrite, device->host_fd, frame.data(), frame.size());
  return Io::kOk;
}

Io Machine::BlockRead(Handle handle, std::uint64_t offset, std::span<std::uint8_t> data) const {
  const abi::ManifestEntry* device = Device(handle, abi::DeviceType::kBlock);
  if (device == nullptr) return Io::kInvalid;
  const std::uint64_t capacity = device->block.capacity;
  // The tender's filter ends a guest that asks for more; the ABI wants an error.
  if (offset >= capacity || data.size() > capacity - offset) return Io::kInvalid;
  const long got =
      Invoke(SystemCall::kPread64, device->host_fd, data.data(), data.size(), offset);
  return got == static_cast<long>(data.size()) ? Io::kOk : Io::kFailed;
}

Io Machine::BlockWrite(Handle handle, std::uint64_t offset,
                       std::span<const std::uint8_t> data) const {
  const abi::ManifestEntry* device = Device(handle, abi::DeviceType::kBlock);
  if (device == nullptr) return Io::kInvalid;
  const std::uint64_t capacity = device->block.capacity;
  if (offset >= capacity || data.size() > capacity - offset) return Io::kInvalid;
  const long put =
      Invoke(SystemCall::kPwrite64, device->host_fd, data.data(), data.size(), offset);
  return put == static_cast<long>(data.size()) ? Io::kOk : Io::kFailed;
}

void Print(std::string_view text) {
  (void)Invoke(SystemCall::kWrite, kConsoleFd, text.data(), text.size());  // best effort
}

void Exit(int status) {
  while (true) (void)Invoke(SystemCall::kExitGroup, status);
}

extern "C" [[noreturn, gnu::used]] void GuestStart(const abi::SptBootInfo* info) {
  Machine machine(*info);
  Exit(Main(machine));
}

}  // namespace summon::guest
