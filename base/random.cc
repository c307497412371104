// SPDX-License-Identifier: Apache-2.0
// getrandom, once.
#include "base/random.h"

#include <sys/random.h>

#include <cstring>
#include <type_traits>

#include "base/check.h"

namespace summon {

SipKey RandomSipKey() {
  SipKey key;
  static_assert(std::is_trivially_copyable_v<SipKey>);
  const ssize_t got = getrandom(&key, sizeof key, 0);
  SUMMON_CHECK(got == static_cast<ssize_t>(sizeof key));  // never less up to 256 bytes: man page
  return key;
}

}  // namespace summon
