// SPDX-License-Identifier: Apache-2.0
// The peer of guests/echo: an ordinary program that sends every datagram back. `network_echo PORT`.
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
  if (argc != 2) {
    (void)std::fprintf(stderr, "usage: %s PORT\n", argv[0]);
    return 2;
  }
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[1])));
  // SAFETY: every sockaddr_* type may be passed to the socket calls as a sockaddr (POSIX).
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    std::perror("bind");
    return 1;
  }
  while (true) {
    char datagram[2048];
    sockaddr_in from{};
    socklen_t size = sizeof from;
    // SAFETY: as above.
    auto* const peer = reinterpret_cast<sockaddr*>(&from);
    const ssize_t got = recvfrom(fd, datagram, sizeof datagram, 0, peer, &size);
    if (got >= 0) (void)!sendto(fd, datagram, static_cast<std::size_t>(got), 0, peer, size);
  }
}
