// SPDX-License-Identifier: Apache-2.0
// What a program does that opens http://NAME/: looks the name up, once, connects, gets the page.
//
// Prints what it saw on one line. Exit status 0: the page came. 1: no address. 2: no page.
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lookup.h"

enum { kPatienceS = 30, kHttpPort = 80, kPageMax = 16384 };

static long NowMs(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000L + now.tv_nsec / 1000000L;
}

static const char* FetchPage(const char* name, struct in_addr address, char* page, size_t size) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in to;
  memset(&to, 0, sizeof to);
  to.sin_family = AF_INET;
  to.sin_port = htons(kHttpPort);
  to.sin_addr = address;
  if (fd < 0 || connect(fd, (const struct sockaddr*)&to, sizeof to) != 0) return "cannot connect";
  char request[512];
  const int length = snprintf(request, sizeof request,
                              "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", name);
  if (write(fd, request, (size_t)length) != length) return "cannot send";
  size_t held = 0;
  ssize_t got = 0;
  while (held + 1 < size && (got = read(fd, page + held, size - 1 - held)) > 0) held += (size_t)got;
  page[held] = 0;
  (void)close(fd);
  return strncmp(page, "HTTP/1.1 200", 12) == 0 ? NULL : "no page";
}

int main(int count, char** arguments) {
  static char page[kPageMax];
  if (count != 2) return 64;
  alarm(kPatienceS);  // ends a client that waits for ever
  const long begun = NowMs();
  struct in_addr address;
  const char* wrong = Lookup(arguments[1], &address);
  const long looked_up = NowMs();
  if (wrong != NULL) {
    printf("lookup after %ld ms: %s\n", looked_up - begun, wrong);
    return 1;
  }
  wrong = FetchPage(arguments[1], address, page, sizeof page);
  printf("lookup %ld ms: %s, page %ld ms: %s\n", looked_up - begun, inet_ntoa(address),
         NowMs() - looked_up, wrong == NULL ? "ok" : wrong);
  return wrong == NULL ? 0 : 2;
}
