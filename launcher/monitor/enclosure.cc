// SPDX-License-Identifier: Apache-2.0
// Tries each wall once.
#include "launcher/monitor/enclosure.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <string>

#include "base/strings.h"

namespace summon::launcher {

namespace {

// landlock_create_ruleset(2), by number and flag: C libraries do not have it.
std::string LandlockState() {
  constexpr long kCreateRuleset = 444;
  constexpr unsigned kAskVersion = 1;
  const long version = syscall(kCreateRuleset, nullptr, 0, kAskVersion);
  return version < 1 ? std::string("not in this kernel") : StrCat("version ", version);
}

}  // namespace

Enclosure::Enclosure(Logger& log) : log_(log) {
  std::string namespaces = "yes";
  std::string cgroups = "yes";
  if (geteuid() != 0) {
    namespaces = cgroups = "not as an ordinary user";
  } else {
    Result<EmptyNamespaces> made = EmptyNamespaces::Create();
    if (made.ok()) {
      namespaces_ = std::move(made).value();
    } else {
      namespaces = StrCat("no: ", made.error().message());
    }
    Result<CgroupTree> tree = CgroupTree::Create();
    if (tree.ok()) {
      cgroups_ = std::move(tree).value();
    } else {
      cgroups = StrCat("no: ", tree.error().message());
    }
  }
  log_.Info("around monitors, besides their own user id and system call filters",
            {{"namespaces", namespaces}, {"cgroups", cgroups}, {"landlock", LandlockState()}});
}

std::vector<int> Enclosure::namespaces() const {
  if (!namespaces_) return {};
  const auto fds = namespaces_->fds();
  return {fds.begin(), fds.end()};
}

std::unique_ptr<CgroupLeaf> Enclosure::GroupFor(int pid) {
  if (!cgroups_) return nullptr;
  Result<std::unique_ptr<CgroupLeaf>> leaf = cgroups_->Put(pid);
  if (leaf.ok()) return std::move(leaf).value();
  log_.Warning("a monitor runs without a control group", {{"why", leaf.error().message()}});
  return nullptr;
}

}  // namespace summon::launcher
