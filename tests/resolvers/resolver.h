// SPDX-License-Identifier: Apache-2.0
#pragma once
// Other people's resolvers in front of a house, configured by the snippets of docs/integrations.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "tests/testbed/house.h"
#include "tests/testbed/process.h"

namespace summon::resolvers {

// Where the pages of docs/integrations say that Summon is.
inline constexpr const char* kPagesAddress = "192.0.2.53";

// The block of docs/integrations/<page> that stands below "<!-- tested: <name> -->".
// Errors: kNotFound.
Result<std::string> Snippet(const std::string& page, const std::string& name);

// A resolver, and what it is configured with besides its snippet.
struct ResolverKind {
  std::string name;     // "unbound"
  std::string program;  // as tools/fetch_peers has it
  std::string address;  // on the loopback of the client's namespace, port 53
};
const std::vector<ResolverKind>& ResolverKinds();
const ResolverKind& KindOf(const std::string& name);

// What its own file says of Summon's zone; "" for nothing. BIND has two places for it.
struct ZonePart {
  std::string options;  // named only: inside of options { }
  std::string text;
  std::string hosts;  // systemd-resolved only: for /etc/hosts
};
// From the page of `kind`, as it stands there.
Result<ZonePart> ZonePartOf(const ResolverKind& kind);

class Resolver final {
 public:
  // Starts it in a namespace without any way out to the world, and waits until it takes
  // connections. It protects against rebinding and validates, where it can.
  static Result<std::unique_ptr<Resolver>> Start(int namespace_fd, const ResolverKind& kind,
                                                 const ZonePart& zone);

  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  const std::string& name() const { return kind_.name; }
  const std::string& address() const { return kind_.address; }
  std::string Log() const { return daemon_->Log(); }

 private:
  explicit Resolver(const ResolverKind& kind) : kind_(kind) {}
  const ResolverKind kind_;
  testbed::ScratchFolder folder_;
  std::unique_ptr<testbed::Daemon> daemon_;
};

// A command line that runs `arguments` with an /etc that has only what a client needs, in which
// `name_server` is the one to ask. `folder` keeps the files.
testbed::Arguments WithNameServer(const testbed::ScratchFolder& folder,
                                  const std::string& name_server,
                                  const testbed::Arguments& arguments);

// A house whose DNS can be reached as the pages say, and on port 53. The client's machine is ready
// for resolvers.
Result<std::unique_ptr<testbed::House>> StartHouse(const std::string& services);

// Gives the loopback of a namespace the addresses of all kinds: BIND listens only on addresses that
// an interface has, by name.
Status AddResolverAddresses(int namespace_fd);

}  // namespace summon::resolvers
