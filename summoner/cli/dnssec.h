// SPDX-License-Identifier: Apache-2.0
#pragma once
// `summon dnssec`: makes keys that sign zones, and shows what the zone above must know of them.
// Needs no daemon. Each prints and returns the exit status.

#include <string>

#include "summoner/cli/commands.h"

namespace summon::cli {

struct DnssecOptions {
  std::string zone;      // its apex
  std::string key_path;  // the file to make, or to read
  Output output = Output::kText;
};

// Makes a key in a new file, and shows it as ShowDnssecKey does.
int MakeDnssecKey(const DnssecOptions& options);
// Prints the key's DS and DNSKEY records, a line each.
int ShowDnssecKey(const DnssecOptions& options);

}  // namespace summon::cli
