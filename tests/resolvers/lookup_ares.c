// SPDX-License-Identifier: Apache-2.0
// c-ares with the settings that it has by itself.
#include <ares.h>
#include <netdb.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>

#include "lookup.h"

struct Outcome {
  int status;
  int done;
  int found;
  struct in_addr address;
};

static void OnAddresses(void* argument, int status, int timeouts, struct ares_addrinfo* result) {
  struct Outcome* outcome = argument;
  (void)timeouts;
  outcome->status = status;
  outcome->done = 1;
  if (status != ARES_SUCCESS) return;
  for (const struct ares_addrinfo_node* each = result->nodes; each; each = each->ai_next) {
    if (each->ai_family != AF_INET || outcome->found) continue;
    outcome->found = 1;
    outcome->address = ((const struct sockaddr_in*)(const void*)each->ai_addr)->sin_addr;
  }
  ares_freeaddrinfo(result);
}

static void Run(ares_channel channel, const struct Outcome* outcome) {
  while (!outcome->done) {
    fd_set readers;
    fd_set writers;
    FD_ZERO(&readers);
    FD_ZERO(&writers);
    const int count = ares_fds(channel, &readers, &writers);
    struct timeval space;
    struct timeval* wait = ares_timeout(channel, NULL, &space);
    (void)select(count, &readers, &writers, NULL, wait);  // ares looks at what became of it
    ares_process(channel, &readers, &writers);
  }
}

const char* Lookup(const char* name, struct in_addr* address) {
  ares_channel channel;
  if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) return "no c-ares";
  if (ares_init(&channel) != ARES_SUCCESS) return "no channel of c-ares";
  struct Outcome outcome;
  memset(&outcome, 0, sizeof outcome);
  struct ares_addrinfo_hints hints;
  memset(&hints, 0, sizeof hints);
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  ares_getaddrinfo(channel, name, "80", &hints, OnAddresses, &outcome);
  Run(channel, &outcome);
  ares_destroy(channel);
  if (outcome.status != ARES_SUCCESS) return ares_strerror(outcome.status);
  if (!outcome.found) return "no IPv4 address";
  *address = outcome.address;
  return NULL;
}
