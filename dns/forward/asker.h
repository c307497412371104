// SPDX-License-Identifier: Apache-2.0
#pragma once
// Asking the servers of a rule: what the forwarder wants done, without saying how. The real one has
// c-ares and sockets (ares_channel.h); tests have another.

#include <cstdint>
#include <optional>
#include <vector>

#include "dns/endpoint.h"
#include "dns/forward/question.h"
#include "dns/forward/reply.h"

namespace summon::dns::forward {

// One question in flight; chosen by who asks, never used twice.
enum class Ticket : std::uint64_t {};

// What became of a question.
struct Outcome {
  // NOERROR or NXDOMAIN. The message then holds the reply, its name in lower case.
  bool answered = false;
  std::vector<std::uint8_t> message;
  Reply reply;
  // Otherwise: why.
  EdeCode failure = EdeCode::kNoReachableAuthority;
  std::optional<std::uint16_t> upstream_error;  // what a server said about its failure (RFC 8914)
};

class AskerClient {
 public:
  virtual ~AskerClient() = default;
  // Never called from inside Ask or GiveUp.
  virtual void OnOutcome(Ticket ticket, Outcome outcome) = 0;
};

class Asker {
 public:
  virtual ~Asker() = default;
  // Asks the servers of rule number `rule`. False when there is none to ask or too much is in
  // flight there: then there will be no outcome.
  virtual bool Ask(Ticket ticket, std::size_t rule, const Question& question) = 0;
  // No outcome is wanted any more. Without effect for a ticket that has had its outcome.
  virtual void GiveUp(Ticket ticket) = 0;
  // True when the address (not the port) is that of a server of the rule.
  virtual bool IsUpstream(std::size_t rule, const Endpoint& address) const = 0;
  // True when the name is the one that is being asked for by the ticket, in just the letters that
  // one of the servers got. False when letters are not mixed: everybody asks so.
  virtual bool IsOurs(Ticket ticket, const Name& name) const = 0;
};

}  // namespace summon::dns::forward
