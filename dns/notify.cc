// SPDX-License-Identifier: Apache-2.0
// Notifications and their answers; see the header.
#include "dns/notify.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/check.h"
#include "base/random.h"
#include "base/strings.h"
#include "dns/message.h"
#include "dns/types.h"

namespace summon::dns {

namespace {

constexpr std::uint16_t kResponseBit = 0x8000;
constexpr std::uint16_t kAuthoritativeBit = 0x0400;
constexpr int kOpcodeShift = 11;
constexpr std::uint16_t kOpcodeMask = 0x0f;
constexpr std::uint16_t kNotifyOpcode = static_cast<std::uint16_t>(Opcode::kNotify);

}  // namespace

std::size_t WriteNotify(const Name& apex, std::uint16_t id, std::span<std::uint8_t> space) {
  ByteWriter writer(space);
  const std::uint16_t flags = kNotifyOpcode << kOpcodeShift | kAuthoritativeBit;
  bool fits = writer.Be16(id) && writer.Be16(flags) && writer.Be16(1);
  for (int count = 0; count < 3; ++count) fits = fits && writer.Be16(0);
  fits = fits && writer.Put(apex.wire()) &&
         writer.Be16(static_cast<std::uint16_t>(RrType::kSoa)) &&
         writer.Be16(static_cast<std::uint16_t>(RrClass::kIn));
  SUMMON_CHECK(fits);  // a name of 255 octets leaves half of the space
  return writer.position();
}

std::optional<Rcode> ReadNotifyAnswer(Bytes packet, const Name& apex, std::uint16_t id) {
  ByteReader reader(packet);
  const auto got_id = reader.Be16();
  const auto flags = reader.Be16();
  const auto questions = reader.Be16();
  if (!questions || *got_id != id || (*flags & kResponseBit) == 0) return std::nullopt;
  if ((*flags >> kOpcodeShift & kOpcodeMask) != kNotifyOpcode) return std::nullopt;
  const auto rcode = static_cast<Rcode>(*flags & kOpcodeMask);
  // Some errors come without the question.
  if (*questions == 0 && rcode != Rcode::kNoError) return rcode;
  if (*questions != 1 || !reader.Seek(kHeaderSize)) return std::nullopt;
  const auto name = ReadName(reader);
  const auto type = reader.Be16();
  if (!name || !(*name == apex) || type != static_cast<std::uint16_t>(RrType::kSoa)) {
    return std::nullopt;
  }
  return rcode;
}

struct Notifier::Pending {
  Notice notice;
  UniqueFd fd;
  std::uint16_t id = 0;
  int tries = 0;
  bool ended = false;
  std::unique_ptr<FdWatcher> watcher;
  std::unique_ptr<Timer> timer;
};

Notifier::Notifier(Loop& loop, OnResult on_result)
    : loop_(loop), on_result_(std::move(on_result)), sweep_(loop, [this] {
        ended_.clear();
        StartQueued();
      }) {}

Notifier::~Notifier() = default;

void Notifier::UseSource(const Endpoint& source) {
  (source.family == Endpoint::Family::kIpv6 ? source_v6_ : source_v4_) = source;
}

void Notifier::Notify(const Notice& notice) {
  const auto is_same = [&notice](const Notice& other) {
    return other.apex == notice.apex && other.secondary == notice.secondary;
  };
  for (const auto& pending : pending_) {
    if (!is_same(pending->notice)) continue;
    // It does not say which serial, so it tells this change as well; its patience begins anew.
    pending->notice = notice;
    pending->tries = 0;
    return;
  }
  if (std::any_of(queue_.begin(), queue_.end(), is_same)) return;
  if (queue_.size() >= kQueuedMax) {
    ++counters_.dropped;
    return;
  }
  queue_.push_back(notice);
  sweep_.Set(loop_.Now());
}

void Notifier::StartQueued() {
  while (!queue_.empty() && pending_.size() < kInFlightMax) {
    const Notice notice = queue_.front();
    queue_.pop_front();
    const Status started = Start(notice);
    if (started.ok()) continue;
    ++counters_.given_up;
    on_result_(notice, started.error().message());
  }
}

Status Notifier::Start(const Notice& notice) {
  const bool is_v6 = notice.secondary.family == Endpoint::Family::kIpv6;
  auto pending = std::make_unique<Pending>();
  pending->notice = notice;
  pending->id = static_cast<std::uint16_t>(RandomSipKey().k0);
  pending->fd = UniqueFd(socket(is_v6 ? AF_INET6 : AF_INET,
                                SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!pending->fd.valid()) return ErrnoError("make a socket for NOTIFY", errno);
  const auto& source = is_v6 ? source_v6_ : source_v4_;
  if (source) {
    Endpoint any_port = *source;
    any_port.port = 0;
    const SocketAddress from(any_port);
    if (bind(pending->fd.get(), from.get(), from.size) != 0) {
      return ErrnoError(StrCat("send NOTIFY from ", any_port.ToString()), errno);
    }
  }
  const SocketAddress to(notice.secondary);
  if (connect(pending->fd.get(), to.get(), to.size) != 0) {
    return ErrnoError(StrCat("send NOTIFY to ", notice.secondary.ToString()), errno);
  }
  Pending* raw = pending.get();
  pending->watcher = SUMMON_TRY(
      FdWatcher::Create(loop_, raw->fd.get(), [this, raw](FdWatcher::Ready ready) {
        OnReadable(*raw);
        if (!ready.disconnected || raw->ended) return;
        // "Port unreachable" has ended the watch; the secondary may be up at the next try.
        raw->watcher->Watch(FdWatcher::Interest::kNone);
        raw->watcher->Watch(FdWatcher::Interest::kRead);
      }));
  pending->watcher->Watch(FdWatcher::Interest::kRead);
  pending->timer = std::make_unique<Timer>(loop_, [this, raw] { OnDue(*raw); });
  pending_.push_back(std::move(pending));
  Transmit(*raw);
  return Ok();
}

void Notifier::Transmit(Pending& pending) {
  std::array<std::uint8_t, kUdpSizeMin> space;
  const std::size_t size = WriteNotify(pending.notice.apex, pending.id, space);
  (void)send(pending.fd.get(), space.data(), size, MSG_DONTWAIT);  // tried again when it is lost
  ++counters_.sent;
  pending.timer->Set(loop_.Now() + kFirstWait * (1 << pending.tries++));
}

void Notifier::OnDue(Pending& pending) {
  if (pending.ended) return;
  if (pending.tries < kTriesMax) return Transmit(pending);
  ++counters_.given_up;
  End(pending, StrCat("no answer to ", kTriesMax, " messages"));
}

void Notifier::OnReadable(Pending& pending) {
  std::array<std::uint8_t, kUdpSizeMin> space;
  while (!pending.ended) {
    const ssize_t count = recv(pending.fd.get(), space.data(), space.size(), MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return;  // nothing there, or an ICMP error: the timer tries again
    const Bytes packet(space.data(), static_cast<std::size_t>(count));
    const auto rcode = ReadNotifyAnswer(packet, pending.notice.apex, pending.id);
    if (!rcode) {
      ++counters_.unmatched;
    } else if (*rcode == Rcode::kNoError) {
      ++counters_.answered;
      End(pending, "");
    } else {
      ++counters_.refused;
      End(pending, StrCat("it answered ", RcodeText(*rcode)));
    }
  }
}

void Notifier::End(Pending& pending, const std::string& what) {
  pending.ended = true;
  pending.watcher->Watch(FdWatcher::Interest::kNone);
  pending.timer->Clear();
  const auto place = std::find_if(pending_.begin(), pending_.end(),
                                  [&](const auto& one) { return one.get() == &pending; });
  SUMMON_CHECK(place != pending_.end());
  ended_.splice(ended_.end(), pending_, place);
  sweep_.Set(loop_.Now());
  on_result_(pending.notice, what);
}

}  // namespace summon::dns
