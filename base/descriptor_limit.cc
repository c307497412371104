// SPDX-License-Identifier: Apache-2.0
// setrlimit(2): anybody may raise the soft limit to the hard one.
#include "base/descriptor_limit.h"

#include <sys/resource.h>

namespace summon {

void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);  // see the header
}

std::uint64_t DescriptorLimit() {
  rlimit limit{};
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

}  // namespace summon
