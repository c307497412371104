// SPDX-License-Identifier: Apache-2.0
// Messages and descriptors over SOCK_SEQPACKET.
#include "base/seqpacket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

#include "base/strings.h"

namespace summon {

namespace {

Result<sockaddr_un> SocketAddress(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return Error(ErrorCode::kInvalid,
                 StrCat("socket path ", Quote(path), " has ", path.size(),
                        " bytes; must be 1..", sizeof address.sun_path - 1));
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

Result<UniqueFd> NewSocket(int flags) {
  UniqueFd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0));
  if (!fd.valid()) return ErrnoError("create unix socket", errno);
  return fd;
}

// SAFETY: every sockaddr_* type may be passed to the socket calls as a sockaddr (POSIX).
const sockaddr* Generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

}  // namespace

Result<std::pair<UniqueFd, UniqueFd>> SeqpacketPair(Blocking blocking) {
  int fds[2];
  const int flags = blocking == Blocking::kNo ? SOCK_NONBLOCK : 0;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0, fds) != 0) {
    return ErrnoError("create socket pair", errno);
  }
  return std::make_pair(UniqueFd(fds[0]), UniqueFd(fds[1]));
}

Result<UniqueFd> ListenSeqpacket(const std::string& path) {
  const sockaddr_un address = SUMMON_TRY(SocketAddress(path));
  UniqueFd fd = SUMMON_TRY(NewSocket(SOCK_NONBLOCK));
  struct stat existing {};
  if (lstat(path.c_str(), &existing) == 0) {
    if (!S_ISSOCK(existing.st_mode)) {
      return Error(ErrorCode::kBusy, StrCat("listen on ", path, ": a file that is not a socket "
                                            "has this name; remove it or choose another path"));
    }
    UniqueFd probe = SUMMON_TRY(NewSocket(SOCK_NONBLOCK));
    if (connect(probe.get(), Generic(address), sizeof address) == 0 || errno != ECONNREFUSED) {
      return Error(ErrorCode::kBusy,
                   StrCat("listen on ", path, ": another process already listens there"));
    }
    (void)unlink(path.c_str());  // stale; bind() below tells if this failed
  }
  const mode_t old_mask = umask(0177);
  const int bound = bind(fd.get(), Generic(address), sizeof address);
  const int bind_errno = errno;
  (void)umask(old_mask);
  if (bound != 0) return ErrnoError(StrCat("listen on ", path), bind_errno);
  constexpr int kBacklog = 64;
  if (listen(fd.get(), kBacklog) != 0) return ErrnoError(StrCat("listen on ", path), errno);
  return fd;
}

Result<UniqueFd> ConnectSeqpacket(const std::string& path) {
  const sockaddr_un address = SUMMON_TRY(SocketAddress(path));
  UniqueFd fd = SUMMON_TRY(NewSocket(SOCK_NONBLOCK));
  if (connect(fd.get(), Generic(address), sizeof address) != 0) {
    const int connect_errno = errno;
    if (connect_errno == ECONNREFUSED) {
      return Error(ErrorCode::kUnavailable, StrCat("connect to ", path, ": nobody listens there"));
    }
    return ErrnoError(StrCat("connect to ", path), connect_errno);
  }
  return fd;
}

Result<std::optional<UniqueFd>> AcceptSeqpacket(int listener) {
  UniqueFd fd(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (fd.valid()) return std::optional<UniqueFd>(std::move(fd));
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ECONNABORTED || errno == EINTR) {
    return std::optional<UniqueFd>();
  }
  return ErrnoError("accept connection", errno);
}

Result<PeerCredentials> GetPeerCredentials(int socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return ErrnoError("read peer credentials", errno);
  }
  return PeerCredentials{credentials.pid, credentials.uid, credentials.gid};
}

Status SendPacket(int socket, Bytes bytes, std::span<const int> fds) {
  SUMMON_CHECK(fds.size() <= kPacketFdsMax);
  iovec data{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(kPacketFdsMax * sizeof(int))];
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
  }
  while (sendmsg(socket, &message, MSG_NOSIGNAL) < 0) {
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return Error(ErrorCode::kBusy, "send message: the peer's queue is full");
    }
    if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN) {
      return Error(ErrorCode::kUnavailable, "send message: the peer is gone");
    }
    return ErrnoError("send message", errno);
  }
  return Ok();
}

namespace {

void TakeDescriptors(const msghdr& message, std::vector<UniqueFd>& fds) {
  msghdr* mutable_message = const_cast<msghdr*>(&message);
  for (cmsghdr* header = CMSG_FIRSTHDR(mutable_message); header != nullptr;
       header = CMSG_NXTHDR(mutable_message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
      fds.emplace_back(fd);
    }
  }
}

}  // namespace

Result<std::optional<Packet>> ReceivePacket(int socket, std::size_t bytes_max) {
  Packet packet;
  // Not cleared: most messages are far shorter than they may be, and what no message fills is
  // never touched.
  const auto space = std::make_unique_for_overwrite<std::uint8_t[]>(bytes_max);
  iovec data{space.get(), bytes_max};
  alignas(cmsghdr) char control[CMSG_SPACE(kPacketFdsMax * sizeof(int))];
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t received = 0;
  while ((received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC)) < 0) {
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return std::optional<Packet>();
    if (errno == ECONNRESET) return Error(ErrorCode::kUnavailable, "the peer is gone");
    return ErrnoError("receive message", errno);
  }
  TakeDescriptors(message, packet.fds);
  if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
    return Error(ErrorCode::kInvalid,
                 StrCat("receive message: longer than ", bytes_max, " bytes or more than ",
                        kPacketFdsMax, " descriptors"));
  }
  // No message of ours is empty: zero bytes is the end of the connection.
  if (received == 0) return Error(ErrorCode::kUnavailable, "the peer is gone");
  packet.bytes.assign(space.get(), space.get() + received);
  return std::optional<Packet>(std::move(packet));
}

}  // namespace summon
