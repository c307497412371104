// SPDX-License-Identifier: Apache-2.0
#pragma once
// A flood of DNS questions that claim to come from everywhere: one thread, raw packets.

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace summon::testbed {

struct FloodOptions {
  std::string server;  // IPv4
  std::uint16_t port = 5300;
  std::uint32_t per_second = 100'000;
  std::string zone = "summon.test";
  // Asked for in turn, type A; between two of them a name in the zone that nobody has.
  std::vector<std::string> names;
};

// Every packet has a source of its own in 198.18.0.0/15, the networks of RFC 2544 for measuring.
class Flood final {
 public:
  // Sends from the namespace until it is destroyed. Needs root.
  // Errors: kPermission, kInvalid for an address.
  static Result<std::unique_ptr<Flood>> Start(int namespace_fd, const FloodOptions& options);
  ~Flood();
  Flood(const Flood&) = delete;
  Flood& operator=(const Flood&) = delete;

  // Packets that the kernel took so far.
  std::uint64_t sent() const { return sent_.load(std::memory_order_relaxed); }

 private:
  Flood(UniqueFd socket, FloodOptions options);
  void Run();

  const UniqueFd socket_;
  const FloodOptions options_;
  std::atomic<std::uint64_t> sent_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace summon::testbed
