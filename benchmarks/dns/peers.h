// SPDX-License-Identifier: Apache-2.0
#pragma once
// Name servers side by side: ours, and those that tools/fetch_peers has unpacked, each with one
// worker on processor 0, the same zone, and no limit of answers where it has one.

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "dns/endpoint.h"
#include "tests/testbed/process.h"

namespace summon::benchmarks {

// What they are called: "summond", "nsd", "knot", "bind", "dnsmasq", "pdns".
std::vector<std::string> ServerNames();

struct ServerOptions {
  std::string name;
  std::size_t names = 1'000;  // of the zone
  std::uint16_t port = 0;
  std::string peers;  // the folder that tools/fetch_peers has made
};

class NameServer final {
 public:
  // Starts it and waits until it answers. Errors: kNotFound when it is not in the folder; kIo with
  // what it said when it does not come up.
  static Result<std::unique_ptr<NameServer>> Start(const ServerOptions& options);

  const std::string& name() const { return name_; }
  const dns::Endpoint& endpoint() const { return endpoint_; }
  // Of all its processes and threads, since they started.
  Duration ProcessorTime() const;
  // Proportional set size of all its processes.
  std::size_t MemoryKib() const;
  std::string VersionText() const { return version_; }

 private:
  NameServer() = default;
  std::vector<int> Processes() const;

  std::string name_;
  std::string version_;
  dns::Endpoint endpoint_;
  testbed::ScratchFolder folder_;
  std::unique_ptr<testbed::Daemon> daemon_;
};

}  // namespace summon::benchmarks
