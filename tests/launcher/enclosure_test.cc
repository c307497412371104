// SPDX-License-Identifier: Apache-2.0
// What stands around a waiting monitor: looked at from outside, as root sees it in /proc; and
// control groups, in a plain folder that stands for the file system, and in the real one.
#include "launcher/monitor/enclosure.h"

#include <dirent.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/strings.h"
#include "launcher/monitor/spawn.h"

namespace summon::launcher {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr unsigned kUid = 61'200;

std::string FileText(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string LinkText(const std::string& path) {
  char text[256];
  const ssize_t size = readlink(path.c_str(), text, sizeof text);
  return size < 0 ? std::string() : std::string(text, static_cast<std::size_t>(size));
}

// The value of `field` in /proc/pid/status.
std::string StatusField(int pid, const std::string& field) {
  std::ifstream lines(StrCat("/proc/", pid, "/status"));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(field + ":")) return line.substr(line.find('\t') + 1);
  }
  return "?";
}

class Folder {
 public:
  explicit Folder(const char* pattern) : path_(pattern) {
    EXPECT_NE(mkdtemp(path_.data()), nullptr) << strerror(errno);
  }
  ~Folder() {
    std::error_code ignored;  // cgroupfs keeps its files and lets folders be removed
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A process guest's monitor that waits in its first stage, as the pool starts it.
class WaitingMonitor : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "must be root to make namespaces and change the user id";
    auto made = EmptyNamespaces::Create();
    if (!made.ok()) GTEST_SKIP() << made.error().message();
    namespaces_ = std::move(made).value();
    const auto fds = namespaces_->fds();
    auto spawned = SpawnMonitor({.program = SUMMON_PROGRAMS "/summon-spt",
                                 .arguments = {StrCat("--uid=", kUid),
                                               StrCat("--namespaces=", kMonitorNamespacesFd)},
                                 .namespaces = {fds.begin(), fds.end()}});
    ASSERT_TRUE(spawned.ok()) << spawned.error().message();
    monitor_ = std::move(spawned).value();
    // Its filter is the last that it puts on.
    for (int i = 0; i < 2000 && StatusField(monitor_.pid, "Seccomp") != "2"; ++i) usleep(1000);
    ASSERT_EQ(StatusField(monitor_.pid, "Seccomp"), "2") << Diagnostics();
  }
  void TearDown() override {
    if (monitor_.pid < 0) return;
    (void)kill(monitor_.pid, SIGKILL);
    (void)waitpid(monitor_.pid, nullptr, 0);
  }
  std::string Diagnostics() {
    char text[1024];
    const ssize_t size = read(monitor_.control.get(), text, sizeof text);
    return size <= 0 ? std::string() : std::string(text, static_cast<std::size_t>(size));
  }
  std::string Proc(const char* name) { return StrCat("/proc/", monitor_.pid, "/", name); }

  std::optional<EmptyNamespaces> namespaces_;
  Spawned monitor_;
};

TEST_F(WaitingMonitor, HasNamespacesOfItsOwn) {
  for (const char* name : {"net", "ipc", "uts", "cgroup", "mnt"}) {
    const std::string theirs = LinkText(Proc("ns/") + name);
    EXPECT_NE(theirs, "") << name;
    EXPECT_NE(theirs, LinkText(StrCat("/proc/self/ns/", name))) << name;
  }
}

TEST_F(WaitingMonitor, HasAnEmptyRootAndNoInterface) {
  DIR* const root = opendir(Proc("root/").c_str());
  ASSERT_NE(root, nullptr) << strerror(errno);
  std::vector<std::string> names;
  while (const dirent* entry = readdir(root)) {
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  (void)closedir(root);
  EXPECT_THAT(names, IsEmpty());
  struct stat status {};
  ASSERT_EQ(stat(Proc("root/").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0u);
  const std::string mounts = FileText(Proc("mounts"));
  EXPECT_EQ(std::count(mounts.begin(), mounts.end(), '\n'), 1) << mounts;
  EXPECT_THAT(mounts, HasSubstr("ro,"));
  const std::string interfaces = FileText(Proc("net/dev"));
  EXPECT_THAT(interfaces, HasSubstr("lo:"));
  EXPECT_EQ(std::count(interfaces.begin(), interfaces.end(), ':'), 1) << interfaces;
}

TEST_F(WaitingMonitor, HasNoPrivilegeAndNoWayToOne) {
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"}) {
    EXPECT_EQ(StatusField(monitor_.pid, set), "0000000000000000") << set;
  }
  EXPECT_EQ(StatusField(monitor_.pid, "NoNewPrivs"), "1");
  EXPECT_EQ(StatusField(monitor_.pid, "Uid"), StrCat(kUid, "\t", kUid, "\t", kUid, "\t", kUid));
  EXPECT_EQ(StatusField(monitor_.pid, "Gid"), StrCat(kUid, "\t", kUid, "\t", kUid, "\t", kUid));
  EXPECT_THAT(StatusField(monitor_.pid, "Groups"), testing::MatchesRegex(" *"));
}

TEST_F(WaitingMonitor, HasBoundedResources) {
  const std::string limits = FileText(Proc("limits"));
  EXPECT_THAT(limits, testing::ContainsRegex("Max core file size +0 +0"));
  EXPECT_THAT(limits, testing::ContainsRegex("Max locked memory +0 +0"));
  EXPECT_THAT(limits, testing::ContainsRegex("Max msgqueue size +0 +0"));
  EXPECT_THAT(limits, testing::ContainsRegex("Max open files +256 +256"));
  EXPECT_THAT(limits, testing::ContainsRegex("Max processes +64 +64"));
  EXPECT_THAT(limits, testing::ContainsRegex("Max stack size +524288 +524288"));
}

TEST_F(WaitingMonitor, EndsWhenItsLauncherIsGone) {
  monitor_.control.Reset();
  int status = 0;
  ASSERT_EQ(waitpid(monitor_.pid, &status, 0), monitor_.pid);
  monitor_.pid = -1;
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

TEST(Cgroups, MountAndOwnGroupAreFoundAmongVersion1) {
  EXPECT_EQ(CgroupMountIn("30 25 0:26 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
                          "31 25 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"),
            "/sys/fs/cgroup/unified");
  EXPECT_EQ(CgroupMountIn("30 25 0:26 / /proc rw - proc proc rw\n"), "");
  EXPECT_EQ(OwnCgroupIn("4:memory:/x\n0::/system.slice/summon.service\n"),
            "/system.slice/summon.service");
  EXPECT_EQ(OwnCgroupIn("4:memory:/x\n"), "");
}

TEST(Cgroups, LeafHasItsBounds) {
  const Folder folder("/tmp/summon-cgroup-XXXXXX");
  std::ofstream(folder.path() + "/cgroup.controllers") << "cpuset cpu io memory pids\n";
  (void)mkdir((folder.path() + "/monitor-1").c_str(), 0755);  // left behind by a predecessor
  const auto tree = CgroupTree::CreateIn({.folder = folder.path()});
  ASSERT_TRUE(tree.ok()) << tree.error().message();
  EXPECT_EQ(FileText(folder.path() + "/cgroup.subtree_control"), "+memory +pids +cpu");
  EXPECT_EQ(FileText(folder.path() + "/launcherd/cgroup.procs"), StrCat(getpid()));
  EXPECT_NE(access((folder.path() + "/monitor-1").c_str(), F_OK), 0);

  const auto leaf = tree->Put(4711);
  ASSERT_TRUE(leaf.ok()) << leaf.error().message();
  const std::string path = folder.path() + "/monitor-4711";
  EXPECT_EQ(FileText(path + "/cgroup.procs"), "4711");
  EXPECT_EQ(FileText(path + "/pids.max"), "8");
  EXPECT_EQ(FileText(path + "/cpu.weight"), "50");
  (*leaf)->LimitMemory(512ull << 20);
  EXPECT_EQ(FileText(path + "/memory.max"), StrCat((512ull + 32 + 64) << 20));
}

TEST(Cgroups, FolderWithoutOurControllersIsRefusedWithTheReason) {
  const Folder folder("/tmp/summon-cgroup-XXXXXX");
  std::ofstream(folder.path() + "/cgroup.controllers") << "hugetlb rdma\n";
  const auto tree = CgroupTree::CreateIn({.folder = folder.path()});
  ASSERT_FALSE(tree.ok());
  EXPECT_THAT(tree.error().message(), HasSubstr("none of the controllers memory pids cpu"));
}

// On whatever version 2 this host has, with whatever controller is left for it.
TEST(Cgroups, ProcessIsPutIntoARealGroupAndTheGroupGoes) {
  const std::string mount = CgroupMountIn(FileText("/proc/self/mountinfo"));
  if (geteuid() != 0 || mount.empty()) GTEST_SKIP() << "not root, or no cgroup version 2 mounted";
  const std::string controllers = FileText(mount + "/cgroup.controllers");
  if (controllers.size() < 2) GTEST_SKIP() << "cgroup version 2 has no controller here";
  const Folder folder((mount + "/summon-test-XXXXXX").c_str());
  std::ofstream(mount + "/cgroup.subtree_control")
      << "+" << controllers.substr(0, controllers.find_first_of(" \n"));
  // In a child: CreateIn moves its process, and this one is to stay where it is.
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto tree = CgroupTree::CreateIn({.folder = folder.path(), .controllers = controllers});
    if (!tree.ok()) _exit(1);
    const pid_t member = fork();
    if (member == 0) {
      (void)pause();
      _exit(0);
    }
    std::string path;
    int problem = 0;
    {
      const auto leaf = tree->Put(member);
      if (!leaf.ok()) problem = 2;
      path = leaf.ok() ? (*leaf)->path() : "";
      if (FileText(path + "/cgroup.procs") != StrCat(member, "\n")) problem = 3;
      (void)kill(member, SIGKILL);
      (void)waitpid(member, nullptr, 0);
    }
    if (problem == 0 && access(path.c_str(), F_OK) == 0) problem = 4;
    _exit(problem);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << status;
  EXPECT_EQ(WEXITSTATUS(status), 0);
  (void)rmdir((folder.path() + "/launcherd").c_str());
  EXPECT_EQ(rmdir(folder.path().c_str()), 0) << strerror(errno);
}

}  // namespace
}  // namespace summon::launcher
