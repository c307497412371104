// SPDX-License-Identifier: Apache-2.0
// A batch: read, handed out one by one, and what was answered sent.
#include "dns/udp.h"

#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace summon::dns {

namespace {

bool IsUnspecified(const Endpoint& endpoint) {
  return std::all_of(endpoint.octets.begin(), endpoint.octets.end(),
                     [](std::uint8_t octet) { return octet == 0; });
}

}  // namespace

Result<std::unique_ptr<UdpListener>> UdpListener::Create(const Shared& shared,
                                                         const Options& options,
                                                         OnMessage on_message) {
  UniqueFd fd = SUMMON_TRY(ListenSocket(options.endpoint, Transport::kUdp, options.sharing));
  const Endpoint bound = SUMMON_TRY(BoundEndpoint(fd.get()));
  std::unique_ptr<UdpListener> listener(new UdpListener(std::move(fd), bound, shared, options));
  listener->on_message_ = std::move(on_message);
  UdpListener* raw = listener.get();
  listener->watcher_ = SUMMON_TRY(FdWatcher::Create(
      shared.loop, raw->fd_.get(), [raw](FdWatcher::Ready) { raw->ReadBatch(); }));
  listener->watcher_->Watch(FdWatcher::Interest::kRead);
  return listener;
}

UdpListener::UdpListener(UniqueFd fd, const Endpoint& bound, const Shared& shared,
                         const Options& options)
    : fd_(std::move(fd)),
      bound_(bound),
      index_(options.index),
      source_(IsUnspecified(bound) ? UdpBatch::Source::kAsAsked : UdpBatch::Source::kOfSocket),
      shared_(shared) {}

UdpListener::~UdpListener() = default;

void UdpListener::ReadBatch() {
  const int count = shared_.batch.Receive(fd_.get());
  if (count < 0) {
    if (errno != EAGAIN && errno != EWOULDBLOCK) ++shared_.counters.receive_failed;
    return;
  }
  const Instant received = shared_.loop.Now();
  in_batch_ = true;
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) Receive(i, received);
  Flush();
  in_batch_ = false;
  // Only where many come can some be lost.
  const bool is_full = static_cast<std::size_t>(count) == UdpBatch::kMax;
  if (was_full_ && !is_full) CountOverflow();
  was_full_ = is_full;
}

// SO_RXQ_OVFL would tell with each datagram, and adds 3 % to what each costs us (perf, 2026-11);
// asking now and then costs nothing.
void UdpListener::CountOverflow() {
  std::array<std::uint32_t, SK_MEMINFO_VARS> info{};
  socklen_t size = sizeof info;
  if (getsockopt(fd_.get(), SOL_SOCKET, SO_MEMINFO, info.data(), &size) != 0) return;
  const std::uint32_t lost = info[SK_MEMINFO_DROPS];  // since the socket was made; wraps
  shared_.counters.receive_overflow += lost - overflow_seen_;
  overflow_seen_ = lost;
}

void UdpListener::Receive(std::size_t i, Instant received) {
  const auto endpoint = shared_.batch.client(i).ToEndpoint();
  if (!endpoint) return;  // not IP: cannot be, and could not be answered
  ReplyTo from;
  from.transport = Transport::kUdp;
  from.client = *endpoint;
  from.local = bound_;
  from.listener = index_;
  msghdr& header = shared_.batch.header(i);
  if (header.msg_controllen > 0) ReadControl(header, from);
  on_message_(shared_.batch.packet(i), from, received);
}

void UdpListener::Flush() { shared_.counters.send_failed += shared_.batch.Flush(fd_.get()); }

SendOutcome UdpListener::Send(const ReplyTo& to, Bytes message) {
  if (!in_batch_) return SendSingly(to, message);
  if (shared_.batch.Add(to, message, source_)) return SendOutcome::kSent;
  Flush();
  return shared_.batch.Add(to, message, source_) ? SendOutcome::kSent : SendSingly(to, message);
}

SendOutcome UdpListener::SendSingly(const ReplyTo& to, Bytes bytes) {
  SocketAddress client(to.client);
  DatagramControl control;
  // SAFETY: sendmsg only reads what the iovec points to.
  iovec content{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_name = client.get();
  message.msg_namelen = client.size;
  message.msg_iov = &content;
  message.msg_iovlen = 1;
  if (source_ == UdpBatch::Source::kAsAsked) {
    message.msg_control = control.octets.data();
    message.msg_controllen = control.octets.size();
    WriteSource(message, to);
  }
  ssize_t sent = 0;
  do {
    sent = sendmsg(fd_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  // A full queue loses the datagram: the client asks again, and we keep no queue of our own.
  if (sent < 0) ++shared_.counters.send_failed;
  return sent < 0 ? SendOutcome::kLost : SendOutcome::kSent;
}

}  // namespace summon::dns
