// SPDX-License-Identifier: Apache-2.0
// Ids are slots: an answer says by its id which question it belongs to.
#include "benchmarks/dns/blast.h"

#include <sched.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "base/strings.h"
#include "base/unique_fd.h"

namespace summon::benchmarks {

namespace {

constexpr std::size_t kBatch = 64;
constexpr std::size_t kPacketMax = 512;
constexpr Duration kLostAfter = std::chrono::milliseconds(250);
constexpr int kReceiveBuffer = 4 * 1024 * 1024;

// One socket with its own ids.
class Port {
 public:
  Port(UniqueFd fd, unsigned slots) : fd_(std::move(fd)), slots_(slots) {
    for (unsigned id = 0; id < slots; ++id) free_.push_back(static_cast<std::uint16_t>(id));
    for (std::size_t i = 0; i < kBatch; ++i) {
      in_[i] = {in_octets_[i].data(), kPacketMax};
      out_[i] = {out_octets_[i].data(), 0};
      in_headers_[i].msg_hdr.msg_iov = &in_[i];
      out_headers_[i].msg_hdr.msg_iov = &out_[i];
      in_headers_[i].msg_hdr.msg_iovlen = out_headers_[i].msg_hdr.msg_iovlen = 1;
    }
  }

  std::size_t free() const { return free_.size(); }

  // Puts a question into the next batch. There is a free slot and room for it.
  void Add(const Question& question, Instant due) {
    const std::uint16_t id = free_.back();
    free_.pop_back();
    slots_[id] = {&question, due};
    std::memcpy(out_octets_[added_].data(), question.packet.data(), question.packet.size());
    out_octets_[added_][0] = static_cast<std::uint8_t>(id >> 8);
    out_octets_[added_][1] = static_cast<std::uint8_t>(id);
    out_[added_++].iov_len = question.packet.size();
  }
  bool full() const { return added_ == kBatch || free_.empty(); }

  Status Send(BlastResult& result) {
    std::size_t at = 0;
    while (at < added_) {
      const int sent =
          sendmmsg(fd_.get(), &out_headers_[at], static_cast<unsigned>(added_ - at), 0);
      if (sent < 0 && errno != EINTR && errno != ECONNREFUSED) {
        return ErrnoError("send questions", errno);
      }
      at += sent > 0 ? static_cast<std::size_t>(sent) : 0;
    }
    result.sent += added_;
    added_ = 0;
    return Ok();
  }

  // Takes what has come. Waits for the first answer up to the socket's time-out when told to.
  enum class Wait { kNo, kForOne };
  void Receive(Wait wait, Instant (*now)(), BlastResult& result) {
    const int flags = wait == Wait::kNo ? MSG_DONTWAIT : MSG_WAITFORONE;
    const int count = recvmmsg(fd_.get(), in_headers_.data(), kBatch, flags, nullptr);
    if (count <= 0) return;
    const Instant at = now ? now() : Instant{};
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
      Take(Bytes(in_octets_[i].data(), in_headers_[i].msg_len), at, result);
    }
  }

  void GiveUp(Instant before, BlastResult& result) {
    for (std::size_t id = 0; id < slots_.size(); ++id) {
      if (!slots_[id].question || slots_[id].due >= before) continue;
      slots_[id].question = nullptr;
      free_.push_back(static_cast<std::uint16_t>(id));
      ++result.lost;
    }
  }

 private:
  struct Slot {
    const Question* question = nullptr;
    Instant due{};
  };

  void Take(Bytes answer, Instant at, BlastResult& result) {
    if (answer.size() < 2) return;
    const auto id = static_cast<std::uint16_t>(answer[0] << 8 | answer[1]);
    if (id >= slots_.size() || !slots_[id].question) return;  // too late
    ++result.answered;
    if (!IsRight(*slots_[id].question, answer)) ++result.wrong;
    if (at != Instant{}) {
      result.latencies_us.push_back(
          std::chrono::duration<double, std::micro>(at - slots_[id].due).count());
    }
    slots_[id].question = nullptr;
    free_.push_back(id);
  }

  UniqueFd fd_;
  std::vector<Slot> slots_;
  std::vector<std::uint16_t> free_;
  std::size_t added_ = 0;
  std::array<mmsghdr, kBatch> in_headers_{};
  std::array<mmsghdr, kBatch> out_headers_{};
  std::array<iovec, kBatch> in_{};
  std::array<iovec, kBatch> out_{};
  std::array<std::array<std::uint8_t, kPacketMax>, kBatch> in_octets_;
  std::array<std::array<std::uint8_t, kPacketMax>, kBatch> out_octets_;
};

Instant Now() { return SystemClock().Now(); }

Result<std::unique_ptr<Port>> Open(const BlastOptions& options, unsigned slots) {
  const dns::SocketAddress address(options.server);
  UniqueFd fd(socket(address.get()->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return ErrnoError("open a socket to send from", errno);
  (void)setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &kReceiveBuffer, sizeof kReceiveBuffer);
  const timeval patience{0, 20'000};  // so that what is lost is noticed
  (void)setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (connect(fd.get(), address.get(), address.size) != 0) {
    return ErrnoError(StrCat("send to ", options.server.ToString()), errno);
  }
  return std::make_unique<Port>(std::move(fd), slots);
}

// All questions, one after the other.
class Cycle {
 public:
  explicit Cycle(std::span<const Question> questions) : questions_(questions) {}
  const Question& Next() {
    if (at_ == questions_.size()) at_ = 0;
    return questions_[at_++];
  }

 private:
  std::span<const Question> questions_;
  std::size_t at_ = 0;
};

using Ports = std::vector<std::unique_ptr<Port>>;

Status RunClosed(const BlastOptions& options, Ports& ports, BlastResult& result) {
  Cycle cycle(options.questions);
  const Instant end = Now() + options.duration;
  Instant swept = Now();
  for (Instant now = swept; now < end; now = Now()) {
    for (const auto& port : ports) {
      while (port->free() > 0) {
        while (!port->full()) port->Add(cycle.Next(), now);
        SUMMON_TRY(port->Send(result));
      }
      port->Receive(Port::Wait::kForOne, nullptr, result);
    }
    if (now - swept < kLostAfter / 4) continue;
    for (const auto& port : ports) port->GiveUp(now - kLostAfter, result);
    swept = now;
  }
  return Ok();
}

Status RunOpen(const BlastOptions& options, Ports& ports, BlastResult& result) {
  Cycle cycle(options.questions);
  const Duration gap = std::chrono::duration_cast<Duration>(
      std::chrono::duration<double>(1.0 / options.rate));
  result.latencies_us.reserve(static_cast<std::size_t>(
      options.rate * std::chrono::duration<double>(options.duration).count() * 1.1));
  const Instant begin = Now();
  const Instant end = begin + options.duration;
  Instant due = begin;
  Instant swept = begin;
  std::size_t turn = 0;
  // All that are due before the end leave, if it takes longer: a stall at the end counts, too.
  for (Instant now = begin; due < end; now = Now()) {
    Port& port = *ports[turn++ % ports.size()];
    while (due <= now && due < end && !port.full()) {
      port.Add(cycle.Next(), due);
      due += gap;
    }
    SUMMON_TRY(port.Send(result));
    for (const auto& each : ports) each->Receive(Port::Wait::kNo, &Now, result);
    if (now - swept < kLostAfter / 4) continue;
    for (const auto& each : ports) each->GiveUp(now - kLostAfter, result);
    swept = now;
  }
  return Ok();
}

}  // namespace

Result<BlastResult> Blast(const BlastOptions& options) {
  constexpr unsigned kOpenSlots = 16'384;
  const bool open = options.rate > 0;
  const unsigned sockets = std::clamp(options.sockets, 1u, BlastOptions::kSocketsMax);
  const unsigned outstanding = std::clamp(options.outstanding, sockets, options.kOutstandingMax);
  Ports ports;
  for (unsigned i = 0; i < sockets; ++i) {
    ports.push_back(SUMMON_TRY(Open(options, open ? kOpenSlots : outstanding / sockets)));
  }
  BlastResult result;
  const Instant begin = Now();
  SUMMON_TRY(open ? RunOpen(options, ports, result) : RunClosed(options, ports, result));
  result.elapsed = Now() - begin;
  // What is still on its way has time to come; what does not come is lost.
  while (open && result.answered + result.lost < result.sent &&
         Now() - begin < options.duration + kLostAfter) {
    for (const auto& port : ports) port->Receive(Port::Wait::kNo, &Now, result);
  }
  if (open) {
    for (const auto& port : ports) port->GiveUp(Instant::max(), result);
  }
  return result;
}

Status PinTo(unsigned processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  if (sched_setaffinity(0, sizeof set, &set) == 0) return Ok();
  return ErrnoError(StrCat("run on processor ", processor), errno);
}

}  // namespace summon::benchmarks
