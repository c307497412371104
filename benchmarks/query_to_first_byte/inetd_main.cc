// SPDX-License-Identifier: Apache-2.0
// The peer in this comparison: an ordinary program that is started for each connection, as inetd
// does. `query_to_first_byte_inetd PORT PROGRAM` listens and runs PROGRAM with the connection as
// its standard input and output.
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

extern char** environ;

namespace {

int Listen(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);  // bind tells if it mattered
  // SAFETY: every sockaddr_* type may be passed to the socket calls as a sockaddr (POSIX).
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(fd, SOMAXCONN) != 0) {
    std::perror("listen");
    std::exit(1);
  }
  return fd;
}

// posix_spawn uses vfork semantics: the cheapest way there is to start a program.
void Start(char* program, int connection) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, connection, 0);
  posix_spawn_file_actions_adddup2(&actions, connection, 1);
  char* argv[] = {program, nullptr};
  pid_t pid = 0;
  if (posix_spawn(&pid, program, &actions, nullptr, argv, environ) != 0) std::perror(program);
  posix_spawn_file_actions_destroy(&actions);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s PORT PROGRAM\n", argv[0]);
    return 2;
  }
  signal(SIGCHLD, SIG_IGN);  // children are reaped by the kernel
  const int listener = Listen(std::atoi(argv[1]));
  while (true) {
    const int connection = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    Start(argv[2], connection);
    (void)close(connection);
  }
}
