// SPDX-License-Identifier: Apache-2.0
// getaddrinfo of whichever C library this is built with.
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>

#include "lookup.h"

const char* Lookup(const char* name, struct in_addr* address) {
  struct addrinfo hints;
  memset(&hints, 0, sizeof hints);
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  struct addrinfo* found = NULL;
  const int failure = getaddrinfo(name, "80", &hints, &found);
  if (failure != 0) return gai_strerror(failure);
  for (const struct addrinfo* each = found; each != NULL; each = each->ai_next) {
    if (each->ai_family != AF_INET) continue;
    *address = ((const struct sockaddr_in*)each->ai_addr)->sin_addr;
    freeaddrinfo(found);
    return NULL;
  }
  freeaddrinfo(found);
  return "no IPv4 address";
}
