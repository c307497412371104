// SPDX-License-Identifier: Apache-2.0
#pragma once
// The certificate that DNS over TLS shows: read at the start, and again whenever the configuration
// is. Files are read off the loop. One loop thread.

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/log.h"
#include "base/loop/loop.h"
#include "configs/config.h"
#include "dns/server.h"
#include "dns/tcp_limits.h"
#include "dns/tls/source.h"

namespace summon::summoner {

class SecureDns final {
 public:
  // Told when the certificate ends, in seconds since 1970.
  using OnChange = std::function<void(std::int64_t expires_s)>;

  // Tells `on_change` at once, and again for each new certificate. `loop` and `log` outlive it,
  // and it outlives the last turn of the loop.
  // Errors: what is wrong with the certificate or its key.
  static Result<std::unique_ptr<SecureDns>> Create(Loop& loop, Logger& log,
                                                   const configs::Tls& config,
                                                   OnChange on_change);
  SecureDns(const SecureDns&) = delete;
  SecureDns& operator=(const SecureDns&) = delete;

  // Where to listen, for the server's options.
  std::vector<dns::SecureListen> Listen(const configs::Tls& config);

  // Reads the files again. What cannot be used is logged, and the former certificate stays.
  void Reload(const configs::Tls& config);

 private:
  SecureDns(Loop& loop, Logger& log, OnChange on_change, dns::tls::Identity identity);
  void Announce(const configs::Tls& config);

  Loop& loop_;
  Logger& log_;
  const OnChange on_change_;
  dns::tls::Source source_;
  std::uint64_t reloads_ = 0;  // only what the latest has read counts
};

// Says so when `descriptors` do not suffice for the connections that are configured: beyond them
// none is accepted until another ends.
void WarnOfDescriptors(Logger& log, const configs::Tcp& tcp, std::uint64_t descriptors);

// What the configuration says about connections.
dns::TcpLimits TcpLimitsOf(const configs::Config& config);

}  // namespace summon::summoner
