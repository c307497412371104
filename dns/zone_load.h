// SPDX-License-Identifier: Apache-2.0
#pragma once
// Zone files from the disk into a table that is being built.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "dns/name.h"
#include "dns/zone.h"
#include "dns/zone_file.h"

namespace summon::dns {

struct ZoneFileSource {
  Name apex;
  std::string path;
  std::optional<std::uint32_t> serial;  // in place of the file's
  // Asked about each record before it is added; may be empty. An error is reported at its place.
  std::function<Status(const ZoneTable::Builder::Record& record)> check;
};

// Reads the zone `apex` from the file: the SOA first, then its records. $INCLUDE reads files that
// lie in the folder of `path`, or below it. Blocks on file reads: not for the loop thread.
//
// False when anything is wrong; `problems` has it then, and `builder` is of no use any more. A zone
// without NS is found by the builder, in the end.
bool LoadZoneFile(const ZoneFileSource& source, ZoneTable::Builder& builder,
                  ZoneFileProblems& problems);

}  // namespace summon::dns
