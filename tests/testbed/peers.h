// SPDX-License-Identifier: Apache-2.0
#pragma once
// Other people's servers, which tools/fetch_peers unpacks beside the build.

#include <string>

namespace summon::testbed {

// Path of a program, or of another file of theirs ("usr/share/dns/root.key"). Whether it is there
// is another question.
std::string PeerPath(const std::string& program);
std::string PeerFile(const std::string& path);

// Why `program` cannot be run; empty when it can.
std::string WhyNoPeer(const std::string& program);

// A file of our source tree.
std::string SourcePath(const std::string& path);

}  // namespace summon::testbed
