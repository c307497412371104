// SPDX-License-Identifier: Apache-2.0
#pragma once
// The file that names a host's own servers, read by us and read again when it changes.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/loop/loop.h"
#include "dns/endpoint.h"

namespace summon::dns::forward {

inline constexpr std::size_t kResolvConfBytesMax = 64 * 1024;
inline constexpr std::size_t kResolvConfServersMax = 8;

// The servers of the "nameserver" lines, port 53, in their order and each once; at most
// kResolvConfServersMax. Lines that cannot be understood are passed over, as libc does. Pure.
std::vector<Endpoint> ParseResolvConf(std::string_view text);

// Looks at the file now and then. Reads it off the loop's thread.
class ResolvConfWatch final {
 public:
  static constexpr Duration kPeriod = std::chrono::seconds(2);

  // `on_servers` runs on the loop's thread at the first reading and after each change, with an
  // empty list while the file cannot be read. All outlive it.
  ResolvConfWatch(Loop& loop, Logger& log, std::string path,
                  std::function<void(const std::vector<Endpoint>&)> on_servers);
  ~ResolvConfWatch();
  ResolvConfWatch(const ResolvConfWatch&) = delete;
  ResolvConfWatch& operator=(const ResolvConfWatch&) = delete;

 private:
  struct Reading;
  void Look();
  void OnRead(const Reading& reading);

  Loop& loop_;
  Logger& log_;
  const std::string path_;
  std::function<void(const std::vector<Endpoint>&)> on_servers_;
  // Null once this is gone: a reading may come back later. Shared with it; loop thread only.
  std::shared_ptr<ResolvConfWatch*> self_;
  bool known_ = false;
  std::vector<Endpoint> servers_;
  std::string problem_;  // as it was logged
  Timer timer_;
};

}  // namespace summon::dns::forward
