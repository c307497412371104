// SPDX-License-Identifier: Apache-2.0
// Namespaces and the cable between them; see the header.
#include "tests/testbed/network.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <thread>

#include "base/strings.h"
#include "tests/testbed/process.h"

namespace summon::testbed {

namespace {

constexpr const char* kOwnNamespace = "/proc/thread-self/ns/net";

Result<UniqueFd> OpenNamespace(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoError(StrCat("open ", path), errno);
  return fd;
}

// A path to `fd` that other processes of ours can open.
std::string PathOf(int fd) { return StrCat("/proc/", getpid(), "/fd/", fd); }

}  // namespace

InNamespace::InNamespace(int namespace_fd) : home_(OpenNamespace(kOwnNamespace).value()) {
  SUMMON_CHECK(setns(namespace_fd, CLONE_NEWNET) == 0);
}

InNamespace::~InNamespace() { SUMMON_CHECK(setns(home_.get(), CLONE_NEWNET) == 0); }

Result<UniqueFd> NewNamespace() {
  Result<UniqueFd> made = Error(ErrorCode::kIo, "not made");
  // A thread of its own, so that this one stays where it is.
  std::thread([&made] {
    made = unshare(CLONE_NEWNET) == 0 ? OpenNamespace(kOwnNamespace)
                                      : Result<UniqueFd>(ErrnoError("make namespace", errno));
  }).join();
  if (!made.ok()) return made;
  SUMMON_TRY(RunIn(made->get(), {"ip", "link", "set", "lo", "up"}));
  return made;
}

Result<std::unique_ptr<Network>> Network::Create() {
  std::unique_ptr<Network> network(new Network);
  network->host_ = SUMMON_TRY(NewNamespace());
  network->client_ = SUMMON_TRY(NewNamespace());
  const int host = network->host();
  const int client = network->client();
  SUMMON_TRY(RunIn(host, {"ip", "link", "add", "cable", "type", "veth", "peer", "name", "eth0",
                          "netns", PathOf(client)}));
  SUMMON_TRY(RunIn(host, {"ip", "addr", "add", StrCat(kHostAddress, "/24"), "dev", "cable"}));
  SUMMON_TRY(RunIn(host, {"ip", "link", "set", "cable", "up"}));
  SUMMON_TRY(RunIn(client, {"ip", "addr", "add", StrCat(kClientAddress, "/24"), "dev", "eth0"}));
  SUMMON_TRY(RunIn(client, {"ip", "link", "set", "eth0", "up"}));
  SUMMON_TRY(RunIn(client, {"ip", "route", "add", "default", "via", kHostAddress}));
  const InNamespace there(host);
  std::ofstream("/proc/sys/net/ipv4/ip_forward") << "1";
  return network;
}

std::vector<std::string> Network::HostInterfaces() const {
  const InNamespace there(host());
  std::vector<std::string> names;
  struct if_nameindex* list = if_nameindex();
  for (auto* entry = list; entry != nullptr && entry->if_index != 0; ++entry) {
    names.emplace_back(entry->if_name);
  }
  if_freenameindex(list);
  return names;
}

}  // namespace summon::testbed
