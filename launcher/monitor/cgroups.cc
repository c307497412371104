// SPDX-License-Identifier: Apache-2.0
// Files of cgroupfs (Documentation/admin-guide/cgroup-v2.rst).
#include "launcher/monitor/cgroups.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <sstream>

#include "base/strings.h"

namespace summon::launcher {

namespace {

constexpr mode_t kFolderMode = 0755;
constexpr const char* kLeafPrefix = "monitor-";

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

Error Unavailable(std::string why) { return Error(ErrorCode::kUnavailable, std::move(why)); }

// Whether systemd gave us this group (systemd.resource-control(5), Delegate=).
bool Delegated(const std::string& folder) {
  char value = 0;
  return getxattr(folder.c_str(), "trusted.delegate", &value, 1) == 1 ||
         getxattr(folder.c_str(), "user.delegate", &value, 1) == 1;
}

// Those of `wanted` that `folder` has, as "+memory +pids".
std::string Request(const std::string& folder, const std::string& wanted) {
  const std::string has = " " + ReadFile(folder + "/cgroup.controllers") + " ";
  std::string request;
  std::istringstream words(wanted);
  for (std::string word; words >> word;) {
    if (has.find(word + " ") == std::string::npos && has.find(word + "\n") == std::string::npos) {
      continue;
    }
    request += StrCat(request.empty() ? "+" : " +", word);
  }
  return request;
}

// Groups that a killed predecessor left behind. One that still holds a process stays.
void RemoveEmptyLeaves(const std::string& folder) {
  DIR* const entries = opendir(folder.c_str());
  if (entries == nullptr) return;
  while (const dirent* entry = readdir(entries)) {
    const std::string name = entry->d_name;
    if (name.starts_with(kLeafPrefix)) (void)rmdir(StrCat(folder, "/", name).c_str());
  }
  (void)closedir(entries);
}

}  // namespace

std::string CgroupMountIn(const std::string& mountinfo) {
  std::istringstream lines(mountinfo);
  for (std::string line; std::getline(lines, line);) {
    // proc(5): number, parent, device, root, mount point, options, ..., "-", type, ...
    std::istringstream words(line);
    std::string skip;
    std::string mount_point;
    words >> skip >> skip >> skip >> skip >> mount_point;
    if (line.find(" - cgroup2 ") != std::string::npos) return mount_point;
  }
  return {};
}

std::string OwnCgroupIn(const std::string& cgroup) {
  std::istringstream lines(cgroup);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("0::")) return line.substr(3);
  }
  return {};
}

Result<CgroupTree> CgroupTree::Create() {
  const std::string mount_point = CgroupMountIn(ReadFile("/proc/self/mountinfo"));
  const std::string own = OwnCgroupIn(ReadFile("/proc/self/cgroup"));
  if (mount_point.empty() || own.empty()) return Unavailable("cgroup version 2 is not mounted");
  const std::string folder = own == "/" ? mount_point : mount_point + own;
  if (own != "/" && !Delegated(folder)) {
    return Unavailable(StrCat("the control group ", own, " is not ours (Delegate=yes in the unit "
                              "gives it to us)"));
  }
  return CreateIn(Place{.folder = folder});
}

Result<CgroupTree> CgroupTree::CreateIn(const Place& place) {
  const std::string request = Request(place.folder, place.controllers);
  if (request.empty()) {
    return Unavailable(StrCat("the control group ", place.folder, " has none of the controllers ",
                              place.controllers, " (version 1 may have taken them)"));
  }
  RemoveEmptyLeaves(place.folder);
  const std::string ours = place.folder + "/launcherd";
  if (mkdir(ours.c_str(), kFolderMode) != 0 && errno != EEXIST) {
    return ErrnoError(StrCat("make control group ", ours), errno);
  }
  SUMMON_TRY(WriteGroupFile(ours + "/cgroup.procs", StrCat(getpid())));
  SUMMON_TRY(WriteGroupFile(place.folder + "/cgroup.subtree_control", request));
  return CgroupTree(place.folder);
}

Result<std::unique_ptr<CgroupLeaf>> CgroupTree::Put(int pid) const {
  const std::string path = StrCat(folder_, "/", kLeafPrefix, pid);
  if (mkdir(path.c_str(), kFolderMode) != 0 && errno != EEXIST) {
    return ErrnoError(StrCat("make control group ", path), errno);
  }
  auto leaf = std::make_unique<CgroupLeaf>(path);
  // Best effort: a controller that this host lacks has no file.
  (void)WriteGroupFile(path + "/pids.max", StrCat(kProcessesMax));
  (void)WriteGroupFile(path + "/cpu.weight", StrCat(kCpuWeight));
  SUMMON_TRY(WriteGroupFile(path + "/cgroup.procs", StrCat(pid)));
  return leaf;
}

}  // namespace summon::launcher
