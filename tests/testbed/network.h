// SPDX-License-Identifier: Apache-2.0
#pragma once
// Two hosts on one machine: network namespaces without names, joined by a veth pair.
//
// Nothing can be left behind: the namespaces live as long as the descriptors in this object (and
// the processes started in them), even when a test is killed. Needs root.

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace summon::testbed {

// The calling thread is in another network namespace while this exists. Sockets made meanwhile
// stay there.
class InNamespace final {
 public:
  explicit InNamespace(int namespace_fd);
  ~InNamespace();
  InNamespace(const InNamespace&) = delete;
  InNamespace& operator=(const InNamespace&) = delete;

 private:
  UniqueFd home_;
};

class Network final {
 public:
  // The host's address towards the client, and the client's own. Services are in 10.77.0.0/24.
  static constexpr const char* kHostAddress = "10.77.255.1";
  static constexpr const char* kClientAddress = "10.77.255.2";

  // Errors: kPermission without root; what `ip` said, when it fails.
  static Result<std::unique_ptr<Network>> Create();

  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  int host() const { return host_.get(); }
  int client() const { return client_.get(); }

  // Names of the interfaces in the host's namespace.
  std::vector<std::string> HostInterfaces() const;

 private:
  Network() = default;
  UniqueFd host_;
  UniqueFd client_;
};

// A new network namespace with its loopback up.
Result<UniqueFd> NewNamespace();

}  // namespace summon::testbed
