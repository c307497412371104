// SPDX-License-Identifier: Apache-2.0
// Reads /proc and uname.
#include "benchmarks/common/machine.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "base/strings.h"
#include "base/version.h"

namespace summon::benchmarks {

namespace {

std::string FirstLineWith(const char* path, std::string_view key) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    if (!line.starts_with(key)) continue;
    line.erase(0, line.find(':') + 1);
    line.erase(0, line.find_first_not_of(' '));
    return line;
  }
  return "?";
}

std::string FirstLine(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string KvmText() {
  std::string modules;
  for (const char* name : {"kvm_intel", "kvm_amd", "kvm_pvm"}) {
    if (std::filesystem::exists(StrCat("/sys/module/", name))) {
      modules += StrCat(modules.empty() ? "" : ", ", name);
    }
  }
  if (!std::filesystem::exists("/dev/kvm")) return "no /dev/kvm";
  return StrCat("/dev/kvm, ", modules.empty() ? "built in or unknown" : modules,
                FirstLineWith("/proc/cpuinfo", "flags").find(" hypervisor") == std::string::npos
                    ? ", on the hardware"
                    : ", inside a virtual machine");
}

}  // namespace

std::string MachineText() {
  utsname system{};
  (void)uname(&system);  // fails only for a bad pointer
  return StrCat(
      "machine: ", FirstLineWith("/proc/cpuinfo", "model name"), ", ",
      sysconf(_SC_NPROCESSORS_ONLN), " processors, ", FirstLineWith("/proc/meminfo", "MemTotal"),
      "\nkvm:     ", KvmText(), "\nsystem:  ", system.sysname, " ", system.release, ", load ",
      FirstLine("/proc/loadavg"), "\nsummon:  ", kVersion, ", compiled by ", __VERSION__, "\n");
}

std::string BuildFolder() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path().string();
}

Holdings LookAtOurselves() {
  Holdings holdings;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    (void)entry;
    ++holdings.descriptors;
  }
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream children(thread.path() / "children");
    int pid = 0;
    while (children >> pid) ++holdings.children;
  }
  return holdings;
}

int ReportLeftovers(const Holdings& before) {
  const Holdings after = LookAtOurselves();
  std::printf("left over: %+ld descriptors, %+ld processes\n",
              static_cast<long>(after.descriptors) - static_cast<long>(before.descriptors),
              static_cast<long>(after.children) - static_cast<long>(before.children));
  return after == before ? 0 : 1;
}

}  // namespace summon::benchmarks
