// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the stubs under test have in common: a name becomes an address. Plain C, because musl's
// compiler here has no C++.

#include <netinet/in.h>

// Looks `name` up for both families, as most programs do, and gives the first IPv4 address.
// Null when there is one, else why not.
const char* Lookup(const char* name, struct in_addr* address);
