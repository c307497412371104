// SPDX-License-Identifier: Apache-2.0
// Measuring clients; see the header.
#include "tests/testbed/clients.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/bytes.h"
#include "base/strings.h"

namespace summon::testbed {

namespace {

constexpr std::uint16_t kQueryId = 0x5a17;
constexpr std::uint16_t kTypeA = 1;
constexpr std::uint16_t kTypeOpt = 41;
constexpr std::uint16_t kOptionExtendedError = 15;  // RFC 8914 section 2

Instant Now() { return SystemClock().Now(); }

Status AwaitReady(int fd, short events, Instant deadline) {
  while (true) {
    const Duration left = deadline - Now();
    if (left <= Duration::zero()) return Error(ErrorCode::kTimeout, "no answer in time");
    pollfd wait{fd, events, 0};
    const timespec limit{left.count() / 1'000'000'000, left.count() % 1'000'000'000};
    const int ready = ppoll(&wait, 1, &limit, nullptr);
    if (ready > 0) return Ok();
    if (ready < 0 && errno != EINTR) return ErrnoError("wait for socket", errno);
  }
}

Status BindPort(int fd, std::uint16_t port) {
  const int yes = 1;
  sockaddr_in from{};
  from.sin_family = AF_INET;
  from.sin_port = htons(port);
  // SAFETY: every sockaddr_* type may be passed to the socket calls as a sockaddr (POSIX).
  const auto* address = reinterpret_cast<const sockaddr*>(&from);
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
      bind(fd, address, sizeof from) != 0) {
    return ErrnoError(StrCat("bind to port ", port), errno);
  }
  return Ok();
}

Result<UniqueFd> OpenSocket(int type, const std::string& address, std::uint16_t port,
                            Instant deadline, std::uint16_t source_port = 0) {
  UniqueFd fd(socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return ErrnoError("make socket", errno);
  if (source_port != 0) SUMMON_TRY(BindPort(fd.get(), source_port));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  if (inet_pton(AF_INET, address.c_str(), &to.sin_addr) != 1) {
    return Error(ErrorCode::kInvalid, StrCat("not an IPv4 address: ", Quote(address)));
  }
  // SAFETY: every sockaddr_* type may be passed to the socket calls as a sockaddr (POSIX).
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    if (errno != EINPROGRESS) return ErrnoError(StrCat("connect to ", address), errno);
    SUMMON_TRY(AwaitReady(fd.get(), POLLOUT, deadline));
    int failure = 0;
    socklen_t size = sizeof failure;
    (void)getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &failure, &size);  // 0 when it cannot tell
    if (failure != 0) return ErrnoError(StrCat("connect to ", address), failure);
  }
  return fd;
}

bool PutName(ByteWriter& writer, const std::string& name) {
  for (const std::string_view label : Split(name, '.')) {
    if (label.empty()) continue;
    // SAFETY: char and uint8_t have the same representation.
    const Bytes bytes(reinterpret_cast<const std::uint8_t*>(label.data()), label.size());
    if (!writer.U8(static_cast<std::uint8_t>(label.size())) || !writer.Put(bytes)) return false;
  }
  return writer.U8(0);
}

bool SkipName(ByteReader& reader) {
  while (true) {
    const auto length = reader.U8();
    if (!length) return false;
    if ((*length & 0xc0) == 0xc0) return reader.Skip(1);
    if (*length == 0) return true;
    if (!reader.Skip(*length)) return false;
  }
}

void ReadOptions(ByteReader data, DnsAnswer& answer) {
  while (data.remaining() >= 4) {
    const std::uint16_t code = *data.Be16();
    const auto value = data.Take(*data.Be16());
    if (!value) return;
    if (code == kOptionExtendedError && value->size() >= 2) {
      answer.extended_error = (*value)[0] << 8 | (*value)[1];
    }
  }
}

bool ReadRecord(ByteReader& reader, bool in_answer_section, DnsAnswer& answer) {
  if (!SkipName(reader)) return false;
  const auto type = reader.Be16();
  const auto rr_class = reader.Be16();
  const auto ttl = reader.Be32();
  const auto length = reader.Be16();
  if (!type || !rr_class || !ttl || !length) return false;
  const auto data = reader.Take(*length);
  if (!data) return false;
  if (*type == kTypeOpt) ReadOptions(ByteReader(*data), answer);
  if (in_answer_section && *type == kTypeA && data->size() == 4 && !answer.address) {
    answer.address.emplace();
    std::memcpy(answer.address->octets.data(), data->data(), 4);
    answer.ttl_s = *ttl;
  }
  return true;
}

bool ReadAnswer(Bytes bytes, DnsAnswer& answer) {
  ByteReader reader(bytes);
  const auto id = reader.Be16();
  const auto flags = reader.Be16();
  const auto questions = reader.Be16();
  const auto answers = reader.Be16();
  const auto authorities = reader.Be16();
  const auto additionals = reader.Be16();
  if (!additionals || *id != kQueryId || !(*flags & 0x8000) || *questions != 1) return false;
  answer.rcode = *flags & 0xf;
  answer.answers = *answers;
  if (!SkipName(reader) || !reader.Skip(4)) return false;
  const int records = *answers + *authorities + *additionals;
  for (int i = 0; i < records; ++i) {
    if (!ReadRecord(reader, i < *answers, answer)) return false;
  }
  return true;
}

Status SendAll(int socket, const std::string& text, Instant deadline) {
  std::size_t sent = 0;
  while (sent < text.size()) {
    const ssize_t put = send(socket, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (put > 0) {
      sent += static_cast<std::size_t>(put);
    } else if (errno == EAGAIN) {
      SUMMON_TRY(AwaitReady(socket, POLLOUT, deadline));
    } else if (errno != EINTR) {
      return ErrnoError("send request", errno);
    }
  }
  return Ok();
}

// Appends what came to `text`; false at the end of the connection.
Result<bool> ReceiveSome(int socket, std::string& text, Instant deadline) {
  std::array<char, 16384> buffer;
  while (true) {
    SUMMON_TRY(AwaitReady(socket, POLLIN, deadline));
    const ssize_t got = recv(socket, buffer.data(), buffer.size(), 0);
    if (got > 0) text.append(buffer.data(), static_cast<std::size_t>(got));
    if (got >= 0) return got > 0;
    if (errno != EINTR && errno != EAGAIN) return ErrnoError("receive", errno);
  }
}

}  // namespace

Result<DnsAnswer> AskDns(const DnsQuestion& question, Duration patience) {
  const Instant deadline = Now() + patience;
  const UniqueFd socket =
      SUMMON_TRY(OpenSocket(SOCK_DGRAM, question.server, question.port, deadline));
  std::array<std::uint8_t, 512> space;
  ByteWriter writer(space);
  const bool written = writer.Be16(kQueryId) && writer.Be16(0x0100) && writer.Be16(1) &&
                       writer.Be32(0) && writer.Be16(1) && PutName(writer, question.name) &&
                       writer.Be16(question.type) && writer.Be16(1) && writer.U8(0) &&
                       writer.Be16(kTypeOpt) && writer.Be16(1232) && writer.Be32(0) &&
                       writer.Be16(0);
  if (!written) return Error(ErrorCode::kInvalid, StrCat("name too long: ", question.name));
  DnsAnswer answer;
  answer.asked = Now();
  if (send(socket.get(), space.data(), writer.position(), 0) < 0) {
    return ErrnoError("send query", errno);
  }
  SUMMON_TRY(AwaitReady(socket.get(), POLLIN, deadline));
  std::array<std::uint8_t, 4096> reply;
  const ssize_t got = recv(socket.get(), reply.data(), reply.size(), 0);
  answer.answered = Now();
  if (got < 0) return ErrnoError("receive answer", errno);
  if (!ReadAnswer(Bytes(reply.data(), static_cast<std::size_t>(got)), answer)) {
    return Error(ErrorCode::kInvalid, "the DNS answer makes no sense");
  }
  return answer;
}

Result<HttpAnswer> FetchHttp(const HttpTarget& target, Duration patience) {
  HttpAnswer answer;
  answer.connecting = Now();
  const Instant deadline = answer.connecting + patience;
  const UniqueFd socket =
      SUMMON_TRY(OpenSocket(SOCK_STREAM, target.address, target.port, deadline,
                                              target.source_port));
  answer.connected = Now();
  // Now, not at the end: a request that a busy machine answers after 200 ms is sent again, too.
  tcp_info info{};
  socklen_t size = sizeof info;
  if (getsockopt(socket.get(), IPPROTO_TCP, TCP_INFO, &info, &size) == 0) {
    answer.retransmits = info.tcpi_total_retrans;
  }
  SUMMON_TRY(SendAll(socket.get(), StrCat("GET ", target.path, " HTTP/1.1\r\nHost: ",
                                          target.address, "\r\nConnection: close\r\n\r\n"),
                     deadline));
  std::string text;
  bool more = SUMMON_TRY(ReceiveSome(socket.get(), text, deadline));
  answer.first_byte = Now();
  while (more) more = SUMMON_TRY(ReceiveSome(socket.get(), text, deadline));
  answer.complete = Now();
  const std::size_t head_end = text.find("\r\n\r\n");
  constexpr std::size_t kStatusAt = 9;  // after "HTTP/1.1 "
  if (head_end == std::string::npos || !text.starts_with("HTTP/1.")) {
    return Error(ErrorCode::kInvalid, StrCat("not an HTTP answer: ", Quote(text.substr(0, 80))));
  }
  answer.status = static_cast<int>(ParseUnsigned(text.substr(kStatusAt, 3)).value_or(0));
  answer.body = text.substr(head_end + 4);
  return answer;
}

Result<UniqueFd> ConnectTcp(const HttpTarget& target, Duration patience) {
  return OpenSocket(SOCK_STREAM, target.address, target.port, Now() + patience);
}

Result<std::string> Converse(int socket, const std::string& request, const std::string& until,
                             Duration patience) {
  const Instant deadline = Now() + patience;
  SUMMON_TRY(SendAll(socket, request, deadline));
  std::string text;
  while (text.find(until) == std::string::npos) {
    if (!SUMMON_TRY(ReceiveSome(socket, text, deadline))) {
      return Error(ErrorCode::kIo, StrCat("the connection ended after ", Quote(text)));
    }
  }
  return text;
}

}  // namespace summon::testbed
