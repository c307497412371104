// SPDX-License-Identifier: Apache-2.0
#pragma once
// The commands of `summon`. Each prints and returns the exit status.

#include <cstdint>
#include <string>

namespace summon::cli {

enum class Output { kText, kJson };

struct CommonOptions {
  std::string socket_path;
  Output output = Output::kText;
};

int List(const CommonOptions& common);
int ShowStatus(const CommonOptions& common, const std::string& service);
int Logs(const CommonOptions& common, const std::string& service);

struct WaitOptions {
  bool wait = true;
  std::uint32_t timeout_ms = 30'000;
};
int Summon(const CommonOptions& common, const std::string& service, const WaitOptions& wait);
// `rung`: where it shall rest.
int Reclaim(const CommonOptions& common, const std::string& service, const std::string& rung,
            const WaitOptions& wait);

}  // namespace summon::cli
