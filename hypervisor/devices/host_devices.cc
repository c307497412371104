// SPDX-License-Identifier: Apache-2.0
// System calls on the job's descriptors.
#include "hypervisor/devices/host_devices.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "base/check.h"

namespace summon::hypervisor {

namespace {

timespec ToTimespec(Duration duration) {
  constexpr std::int64_t kNanosPerSecond = 1'000'000'000;
  const std::int64_t nanos = std::max<std::int64_t>(duration.count(), 0);
  return {nanos / kNanosPerSecond, nanos % kNanosPerSecond};
}

}  // namespace

std::size_t TapDevice::Read(std::span<std::uint8_t> into) {
  // A frame is cut to the buffer by the tap itself. Errors are "nothing there" to the guest:
  // EAGAIN is just that, and a tap that is down or gone brings no frames either.
  const ssize_t size = read(fd_, into.data(), into.size());
  return size > 0 ? static_cast<std::size_t>(size) : 0;
}

bool TapDevice::Write(Bytes frame) {
  return write(fd_, frame.data(), frame.size()) == static_cast<ssize_t>(frame.size());
}

bool FileBlockDevice::Read(std::uint64_t offset, std::span<std::uint8_t> into) {
  while (!into.empty()) {
    const ssize_t size = pread(fd_, into.data(), into.size(), static_cast<off_t>(offset));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return false;  // an error, or a file that became shorter than its capacity
    offset += static_cast<std::uint64_t>(size);
    into = into.subspan(static_cast<std::size_t>(size));
  }
  return true;
}

bool FileBlockDevice::Write(std::uint64_t offset, Bytes from) {
  while (!from.empty()) {
    const ssize_t size = pwrite(fd_, from.data(), from.size(), static_cast<off_t>(offset));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return false;
    offset += static_cast<std::uint64_t>(size);
    from = from.subspan(static_cast<std::size_t>(size));
  }
  return true;
}

std::size_t FdConsole::Write(Bytes text) {
  std::size_t written = 0;
  while (written < text.size()) {
    const std::size_t chunk = std::min(kChunkBytes, text.size() - written);
    const ssize_t size = write(fd_, text.data() + written, chunk);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;  // full, or nobody reads: the guest must not care, and the rest is lost
    written += static_cast<std::size_t>(size);
  }
  return written;
}

TapWaiter::TapWaiter(int control_fd, ControlInbox& inbox, const Clock& clock)
    : inbox_(inbox), clock_(clock) {
  polls_[0] = {control_fd, POLLIN, 0};
}

void TapWaiter::Add(const Tap& tap) {
  SUMMON_CHECK(count_ < polls_.size());
  polls_[count_] = {tap.fd, POLLIN, 0};
  handles_[count_] = tap.handle;
  ++count_;
}

std::uint64_t TapWaiter::Collect() {
  std::uint64_t ready = 0;
  for (nfds_t i = 1; i < count_; ++i) {
    if ((polls_[i].revents & POLLIN) != 0) {
      ready |= std::uint64_t{1} << handles_[i];
    } else if (polls_[i].revents != 0) {
      polls_[i].fd = -1;  // POLLERR, POLLHUP or POLLNVAL: the tap is gone; poll(2) skips -1
    }
    polls_[i].revents = 0;
  }
  return ready;
}

PollWaiter::Result TapWaiter::Wait(Instant deadline) {
  Result result;
  for (;;) {
    // An order to leave may have come while the guest ran: then only look what is ready.
    const bool leave = inbox_.leave_wanted();
    // Reports are sent when the guest would have waited anyway.
    const bool look_only = leave || inbox_.has_unsaid();
    const timespec wait = ToTimespec(look_only ? Duration::zero() : deadline - clock_.Now());
    const int events = ppoll(polls_.data(), count_, &wait, nullptr);
    if (events < 0) continue;  // EINTR; the other errors cannot happen on our arguments
    if (polls_[0].revents != 0) {
      polls_[0].revents = 0;
      inbox_.Drain();
    }
    result.ready = Collect();
    result.resumed = inbox_.TakeResumed() || result.resumed;
    result.leave = leave && result.ready == 0;
    if (result.ready != 0 || result.leave) return result;
    if (inbox_.has_unsaid()) inbox_.SayAll();
    if (clock_.Now() >= deadline) return result;
  }
}

std::uint64_t SystemWallClock::Nanos() { return static_cast<std::uint64_t>(WallNanos()); }

}  // namespace summon::hypervisor
