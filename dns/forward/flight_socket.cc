// SPDX-License-Identifier: Apache-2.0
// Sending one question and judging what comes back; see the header.
#include "dns/forward/flight_socket.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "base/strings.h"

namespace summon::dns::forward {

namespace {

// More than we say that we take, so that a server that sends more is heard and one that sends too
// much is seen.
constexpr std::size_t kReadMax = 4'096;
constexpr std::size_t kAdditionalCountAt = 10;  // RFC 1035 section 4.1.1

}  // namespace

Result<std::unique_ptr<FlightSocket>> FlightSocket::Create(Loop& loop, const Options& options,
                                                           Random& random, Counters& counters,
                                                           std::function<void(Event)> on_event) {
  const SocketAddress address(options.upstream);
  const int family = options.upstream.family == Endpoint::Family::kIpv4 ? AF_INET : AF_INET6;
  UniqueFd fd(socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const std::string doing = StrCat("ask upstream ", options.upstream.ToString());
  if (!fd.valid()) return ErrnoError(doing, errno);
  // The kernel chooses the port here, at random.
  if (connect(fd.get(), address.get(), address.size) != 0) return ErrnoError(doing, errno);
  std::unique_ptr<FlightSocket> made(
      new FlightSocket(loop, std::move(fd), counters, std::move(on_event)));
  made->Prepare(options, random);
  FlightSocket* raw = made.get();
  made->watcher_ = SUMMON_TRY(
      FdWatcher::Create(loop, raw->fd_.get(), [raw](FdWatcher::Ready) { raw->OnReadable(); }));
  made->watcher_->Watch(FdWatcher::Interest::kRead);
  return made;
}

void FlightSocket::Prepare(const Options& options, Random& random) {
  plain_name_ = options.question.name;
  expected_.id = random.Number16();
  expected_.type = options.question.type;
  packet_size_ = WriteQuestion(options.question, expected_.id, packet_);
  const auto name = std::span(packet_).subspan(kHeaderSize, plain_name_.wire().size());
  if (options.mix_case) {
    CaseBits bits;
    random.Fill(bits);
    MixCase(name, bits);
  }
  expected_.name = *Name::FromWire(name);  // it was a name, and only letters have changed
  expected_.exact_case = options.mix_case;
}

bool FlightSocket::Send() {
  const Bytes packet(packet_.data(), packet_size_);
  // An error of an earlier datagram is reported here and loses this one: once more, then.
  for (int i = 0; i < 2; ++i) {
    if (send(fd_.get(), packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
      ++counters_.sent;
      sent_at_ = loop_.Now();
      return true;
    }
    if (errno != ECONNREFUSED && errno != EINTR) return false;
  }
  return false;
}

bool FlightSocket::LeaveOutEdns() {
  if (!with_edns_) return false;
  with_edns_ = false;
  packet_size_ -= kOptSize;
  packet_[kAdditionalCountAt + 1] = 0;
  return true;
}

void FlightSocket::OnReadable() {
  std::vector<std::uint8_t> space(kReadMax);
  for (int i = 0; i < kBatchMax; ++i) {
    if (!ReadOne(space)) return;
  }
}

bool FlightSocket::ReadOne(std::vector<std::uint8_t>& space) {
  const ssize_t count = recv(fd_.get(), space.data(), space.size(), MSG_DONTWAIT | MSG_TRUNC);
  if (count < 0) {
    if (errno == EINTR) return true;
    if (errno != EAGAIN && errno != EWOULDBLOCK) on_event_(Unreachable{});
    return false;
  }
  const auto size = static_cast<std::size_t>(count);
  if (size > space.size()) {
    ++forged_;
    counters_.CountForgery(Forgery::kMalformed);
    return true;
  }
  return Judge(Bytes(space.data(), size));
}

bool FlightSocket::Judge(Bytes message) {
  if (distrusted_) {
    ++counters_.late;  // TCP has been asked already
    return true;
  }
  const ReplyVerdict verdict = ParseReply(message, expected_);
  if (const Forgery* forgery = std::get_if<Forgery>(&verdict)) {
    counters_.CountForgery(*forgery);
    ++forged_;
    // The right id with the wrong letters: a server that changes them, or a very lucky forger.
    if (*forgery != Forgery::kWrongCase && forged_ < kForgedMax) return true;
    distrusted_ = true;
    on_event_(Distrusted{});
    return false;
  }
  Heard heard{std::vector<std::uint8_t>(message.begin(), message.end()),
              std::get<Reply>(verdict)};
  std::copy(plain_name_.wire().begin(), plain_name_.wire().end(),
            heard.message.begin() + kHeaderSize);
  on_event_(std::move(heard));
  return false;
}

}  // namespace summon::dns::forward
