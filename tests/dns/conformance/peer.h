// SPDX-License-Identifier: Apache-2.0
#pragma once
// Name servers as programs, with the zones of a test, on a port of loopback.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dns/endpoint.h"
#include "tests/dns/conformance/zones.h"
#include "tests/testbed/process.h"

namespace summon::dns::test {

// The last is ours, as a user starts it: `summond --listen ... --zone-file ...`.
enum class PeerKind { kNsd, kKnot, kBind, kSummond };
std::string_view PeerName(PeerKind kind);

class Peer {
 public:
  // Starts one and waits until it answers.
  // Errors: kNotFound when tools/fetch_peers has not fetched it; else what went wrong, with its
  // log.
  static Result<std::unique_ptr<Peer>> Start(PeerKind kind, const std::vector<SourceZone>& zones);
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  const Endpoint& address() const { return address_; }

 private:
  explicit Peer(const Endpoint& address) : address_(address) {}
  testbed::Arguments WriteConfiguration(PeerKind kind, const std::vector<SourceZone>& zones);
  Status AwaitAnswer();

  testbed::ScratchFolder folder_;
  Endpoint address_;
  std::unique_ptr<testbed::Daemon> daemon_;
};

}  // namespace summon::dns::test
