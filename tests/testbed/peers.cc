// SPDX-License-Identifier: Apache-2.0
// Where other people's servers are; see the header.
#include "tests/testbed/peers.h"

#include <unistd.h>

#include "base/strings.h"

namespace summon::testbed {

std::string SourcePath(const std::string& path) { return StrCat(SUMMON_SOURCE_DIR, "/", path); }

std::string PeerFile(const std::string& path) {
  return SourcePath(StrCat("build/third_party/peers/", path));
}

std::string PeerPath(const std::string& program) { return PeerFile(StrCat("bin/", program)); }

std::string WhyNoPeer(const std::string& program) {
  if (access(PeerPath(program).c_str(), X_OK) == 0) return "";
  return StrCat("no ", program, " (tools/fetch_peers gets it)");
}

}  // namespace summon::testbed
