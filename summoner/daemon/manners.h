// SPDX-License-Identifier: Apache-2.0
#pragma once
// How the DNS server speaks: made from the configuration, with cookie secrets that are rolled while
// the daemon runs or read from a file. One loop thread; files are read off it.

#include <functional>
#include <memory>
#include <string>

#include "base/log.h"
#include "base/loop/loop.h"
#include "configs/config.h"
#include "dns/server.h"

namespace summon::summoner {

// Reads a file of cookie secrets.
// Errors: kNotFound, kPermission; kInvalid for a file that others may read or that is malformed.
Result<dns::CookieSecrets> ReadCookieSecrets(const std::string& path);

class MannersKeeper final {
 public:
  using OnChange = std::function<void(const dns::Manners&)>;

  // A random secret makes cookies this long, and is taken for as long again.
  static constexpr Duration kRollAfter = std::chrono::hours(24);

  // Tells `on_change` at once, and again whenever something changes. `loop` and `log` outlive it,
  // and it outlives the last turn of the loop.
  // Errors: those of ReadCookieSecrets.
  static Result<std::unique_ptr<MannersKeeper>> Create(Loop& loop, Logger& log,
                                                       const configs::Dns& config,
                                                       OnChange on_change);
  MannersKeeper(const MannersKeeper&) = delete;
  MannersKeeper& operator=(const MannersKeeper&) = delete;

  // The configuration as it is now; reads the file again. One that cannot be read is logged, and
  // the former secrets stay.
  void Reload(const configs::Dns& config);

 private:
  MannersKeeper(Loop& loop, Logger& log, OnChange on_change);

  void Apply(const configs::Dns& config);
  void Roll();

  Loop& loop_;
  Logger& log_;
  OnChange on_change_;
  dns::Manners manners_;
  bool from_file_ = false;  // the secrets in `manners_`
  Timer roll_;
  std::uint64_t reloads_ = 0;  // only what the latest has read counts
};

}  // namespace summon::summoner
