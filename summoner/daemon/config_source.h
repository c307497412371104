// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where summond's configuration comes from: a file, or zone files named on the command line.

#include <string>
#include <vector>

#include "summoner/daemon/registrar.h"

namespace summon::summoner {

// What the command line says instead of the configuration; empty: what is configured.
struct ConfigOverrides {
  std::vector<std::string> listen;
  std::string metrics_listen;
  std::string control_socket;
  std::string launcher_socket;
};

// The configuration file at `path`.
Registrar::ConfigSource FileSource(const std::string& path, const ConfigOverrides& overrides);

// No configuration: the zones of `zone_files`, each "APEX=FILE", and no services. There is no
// launcher, and neither metrics nor a control socket unless `overrides` ask for them.
Registrar::ConfigSource ZoneFilesSource(const std::vector<std::string>& zone_files,
                                        const ConfigOverrides& overrides);

}  // namespace summon::summoner
