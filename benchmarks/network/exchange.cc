// SPDX-License-Identifier: Apache-2.0
// Blocking sockets with a time limit.
#include "benchmarks/network/exchange.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <vector>

#include "base/strings.h"
#include "tests/testbed/clients.h"

namespace summon::benchmarks {

namespace {

constexpr std::uint16_t kEchoPort = 7;  // RFC 862

Result<UniqueFd> Connected(int type, int protocol, const std::string& address) {
  UniqueFd fd(socket(AF_INET, type | SOCK_CLOEXEC, protocol));
  if (!fd.valid()) return ErrnoError("make socket (needs root)", errno);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(kEchoPort);  // a raw socket ignores it
  if (inet_pton(AF_INET, address.c_str(), &to.sin_addr) != 1) {
    return Error(ErrorCode::kInvalid, StrCat("not an IPv4 address: ", Quote(address)));
  }
  // SAFETY: every sockaddr_* type may be passed to the socket calls as a sockaddr (POSIX).
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    return ErrnoError(StrCat("connect to ", address), errno);
  }
  return fd;
}

Status AwaitReadable(int fd, Instant deadline) {
  const Duration left = deadline - SystemClock().Now();
  if (left <= Duration::zero()) return Error(ErrorCode::kTimeout, "no reply in time");
  pollfd wait{fd, POLLIN, 0};
  const timespec limit{left.count() / 1'000'000'000, left.count() % 1'000'000'000};
  const int ready = ppoll(&wait, 1, &limit, nullptr);
  if (ready > 0) return Ok();
  return ready == 0 ? Error(ErrorCode::kTimeout, "no reply in time")
                    : ErrnoError("wait for a reply", errno);
}

// RFC 1071, of an even number of bytes.
std::uint16_t Checksum(const std::uint8_t* bytes, std::size_t size) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < size; i += 2) {
    sum += static_cast<std::uint32_t>(bytes[i] | bytes[i + 1] << 8);
  }
  sum = (sum >> 16) + (sum & 0xffff);
  return static_cast<std::uint16_t>(~(sum + (sum >> 16)));
}

}  // namespace

Result<Pinger> Pinger::Create(const std::string& address) {
  return Pinger(SUMMON_TRY(Connected(SOCK_RAW, IPPROTO_ICMP, address)));
}

Result<Duration> Pinger::Ping(Duration patience) {
  constexpr std::size_t kPayloadBytes = 56;  // as ping(8) has it
  std::uint8_t request[sizeof(icmphdr) + kPayloadBytes] = {};
  icmphdr header{};
  header.type = ICMP_ECHO;
  header.un.echo.id = htons(static_cast<std::uint16_t>(getpid()));
  header.un.echo.sequence = htons(++sequence_);
  // SAFETY: the request has room for the header.
  std::memcpy(request, &header, sizeof header);
  header.checksum = Checksum(request, sizeof request);
  std::memcpy(request, &header, sizeof header);

  const SystemClock clock;
  const Instant started = clock.Now();
  if (send(socket_.get(), request, sizeof request, 0) < 0) return ErrnoError("ping", errno);
  while (true) {
    SUMMON_TRY(AwaitReadable(socket_.get(), started + patience));
    std::uint8_t packet[1500];
    const ssize_t got = recv(socket_.get(), packet, sizeof packet, 0);
    const Instant now = clock.Now();
    const std::size_t ip_bytes = got > 0 ? (packet[0] & 0xfu) * 4 : 0;
    icmphdr reply{};
    if (got < 0 || static_cast<std::size_t>(got) < ip_bytes + sizeof reply) continue;
    // SAFETY: the packet was just seen to hold the header there.
    std::memcpy(&reply, packet + ip_bytes, sizeof reply);
    const bool ours = reply.type == ICMP_ECHOREPLY && reply.un.echo.id == header.un.echo.id &&
                      reply.un.echo.sequence == header.un.echo.sequence;
    if (ours) return now - started;
  }
}

Result<UdpEcho> UdpEcho::Create(const std::string& address) {
  return UdpEcho(SUMMON_TRY(Connected(SOCK_DGRAM, 0, address)));
}

Result<Duration> UdpEcho::Exchange() {
  constexpr std::size_t kWords = 16;  // 64 bytes
  std::uint32_t request[kWords] = {++sequence_};
  const SystemClock clock;
  const Instant started = clock.Now();
  if (send(socket_.get(), request, sizeof request, 0) < 0) return ErrnoError("send", errno);
  while (true) {
    SUMMON_TRY(AwaitReadable(socket_.get(), started + kReplyPatience));
    std::uint32_t reply[kWords] = {};
    const ssize_t got = recv(socket_.get(), reply, sizeof reply, 0);
    const Instant now = clock.Now();
    if (got == sizeof reply && reply[0] == sequence_) return now - started;
    if (got < 0) return ErrnoError("receive", errno);
  }
}

Result<Delivery> FetchBody(const BodyRequest& request) {
  const SystemClock clock;
  const Instant started = clock.Now();
  const UniqueFd socket = SUMMON_TRY(testbed::ConnectTcp(
      {.address = request.address, .port = request.port, .path = {}}, kBodyLimit));
  const std::string text =
      StrCat("GET /bytes/", request.bytes, " HTTP/1.1\r\nHost: ", request.address,
             "\r\nConnection: close\r\n\r\n");
  if (send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(text.size())) {
    return ErrnoError("send request", errno);
  }
  constexpr std::string_view kGood = "HTTP/1.1 200";
  std::vector<char> buffer(256 * 1024);
  Delivery delivery;
  while (AwaitReadable(socket.get(), started + kBodyLimit).ok()) {
    const ssize_t got = recv(socket.get(), buffer.data(), buffer.size(), 0);
    if (got < 0) return ErrnoError("receive", errno);
    if (delivery.bytes == 0 &&
        !std::string_view(buffer.data(), static_cast<std::size_t>(got)).starts_with(kGood)) {
      return Error(ErrorCode::kIo, "the answer does not begin with HTTP/1.1 200");
    }
    if (got == 0) break;
    delivery.bytes += static_cast<std::uint64_t>(got);
  }
  delivery.time = clock.Now() - started;
  if (delivery.bytes < request.bytes && delivery.time < kBodyLimit) {
    return Error(ErrorCode::kIo, StrCat("the connection ended after ", delivery.bytes, " of ",
                                        request.bytes, " bytes"));
  }
  return delivery;
}

}  // namespace summon::benchmarks
