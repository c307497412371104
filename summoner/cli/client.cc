// SPDX-License-Identifier: Apache-2.0
// Asking summond; see the header.
#include "summoner/cli/client.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>

#include "base/seqpacket.h"
#include "base/strings.h"
#include "summoner/cli/exit_status.h"
#include "summoner/control/control.h"

namespace summon::cli {

namespace {

// Waits until `socket` is readable or `deadline` has passed.
Status AwaitAnswer(int socket, Instant deadline) {
  const SystemClock clock;
  while (true) {
    const Duration left = deadline - clock.Now();
    if (left <= Duration::zero()) {
      return Error(ErrorCode::kTimeout, "summond did not answer in time");
    }
    pollfd wait{socket, POLLIN, 0};
    const auto left_ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    const int ready = poll(&wait, 1, static_cast<int>(std::min<std::int64_t>(left_ms, 60'000)));
    if (ready > 0) return Ok();
    if (ready < 0 && errno != EINTR) return ErrnoError("wait for summond", errno);
  }
}

}  // namespace

Result<control::Response> Ask(const std::string& socket_path, const control::Request& request,
                              Duration patience) {
  auto socket = ConnectSeqpacket(socket_path);
  if (!socket.ok()) {
    const char* mend = socket.error().code() == ErrorCode::kPermission
                           ? "ask as the user that summond runs as, or as root"
                           : "is summond running? start it, or name its socket with --socket";
    return Error(socket.error().code(), StrCat(socket.error().message(), " (", mend, ')'));
  }
  const std::string bytes = request.SerializeAsString();
  // SAFETY: char and uint8_t have the same representation.
  SUMMON_TRY(SendPacket(socket->get(), Bytes(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                             bytes.size())));
  const Instant deadline = SystemClock().Now() + patience;
  while (true) {
    SUMMON_TRY(AwaitAnswer(socket->get(), deadline));
    auto packet =
        SUMMON_TRY(ReceivePacket(socket->get(), control::kMessageBytesMax).Wrap("ask summond"));
    if (!packet.has_value()) continue;
    control::Response response;
    if (!response.ParseFromArray(packet->bytes.data(), static_cast<int>(packet->bytes.size()))) {
      return Error(ErrorCode::kInvalid,
                   "summond's answer is not understood; do summon and summond have the same "
                   "version?");
    }
    return response;
  }
}

int ExitStatusOf(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kNotFound:  // the socket itself: Ask makes no other such error
    case ErrorCode::kUnavailable: return kExitUnreachable;
    case ErrorCode::kPermission: return kExitPermission;
    case ErrorCode::kTimeout: return kExitTimeout;
    default: return kExitFailed;
  }
}

int ExitStatusOf(const control::Response& response) {
  if (response.code() == "ok") return kExitOk;
  if (response.code() == "not_found") return kExitNotFound;
  if (response.code() == "timeout") return kExitTimeout;
  return kExitFailed;
}

}  // namespace summon::cli
