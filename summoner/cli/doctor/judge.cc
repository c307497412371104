// SPDX-License-Identifier: Apache-2.0
// The verdicts on devices and on the kernel; see the header.
#include "summoner/cli/doctor/judge.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/strings.h"

namespace summon::cli {

namespace {

Finding Pass(std::string check, std::string found) {
  return {std::move(check), Grade::kPass, std::move(found), {}};
}

struct Trouble {
  Grade grade;
  std::string found;
  std::string mend;
};
Finding Bad(std::string check, Trouble trouble) {
  return {std::move(check), trouble.grade, std::move(trouble.found), std::move(trouble.mend)};
}

struct KernelVersion {
  unsigned major = 0;
  unsigned minor = 0;
};

std::optional<KernelVersion> ParseRelease(const std::string& release) {
  KernelVersion version;
  if (std::sscanf(release.c_str(), "%u.%u", &version.major, &version.minor) != 2) {
    return std::nullopt;
  }
  return version;
}

bool AtLeast(const KernelVersion& version, const KernelVersion& least) {
  return version.major != least.major ? version.major > least.major
                                      : version.minor >= least.minor;
}

// close_range (5.9) and P_PIDFD (5.4) are the newest calls without which nothing starts.
constexpr KernelVersion kOldestKernel{5, 9};
// From here on KVM_CREATE_VM may wait milliseconds for cgroups (Firecracker's production host
// setup, "Linux 6.1 boot time regressions").
constexpr KernelVersion kSlowCreation{6, 1};

// KVM opens while another has the CPU; only making a machine shows it.
constexpr const char* kMendBusy =
    "another hypervisor has the CPU's virtualization: stop it (VirtualBox, VMware), or unload its "
    "module";

}  // namespace

Finding JudgeKvm(const DeviceFacts& kvm) {
  const std::string check = "kvm";
  switch (kvm.state) {
    case DeviceFacts::State::kUsable: return Pass(check, "/dev/kvm can be used");
    case DeviceFacts::State::kMissing:
      return Bad(check, {Grade::kFail, "there is no /dev/kvm: images built for hvt cannot run",
                         "enable virtualization in the firmware (or nested virtualization), then "
                         "modprobe kvm_intel or kvm_amd; images built for spt run without"});
    case DeviceFacts::State::kWrongNode:
      return Bad(check, {Grade::kFail, "/dev/kvm is not the device 10:232",
                         "rm /dev/kvm; mknod -m 660 /dev/kvm c 10 232; chgrp kvm /dev/kvm"});
    case DeviceFacts::State::kFailed: break;
  }
  const std::string found = StrCat("open /dev/kvm: ", std::strerror(kvm.open_errno));
  switch (kvm.open_errno) {
    case EACCES:
    case EPERM:
      return Bad(check, {Grade::kFail, found,
                         "usermod -aG kvm YOU and log in again; in a container give it --device "
                         "/dev/kvm"});
    case EBUSY:
      return Bad(check, {Grade::kFail, found, kMendBusy});
    case ENODEV:
    case ENXIO:
      return Bad(check, {Grade::kFail, found,
                         "no module is behind it: modprobe kvm_intel or kvm_amd, and look into "
                         "dmesg"});
    default:
      return Bad(check, {Grade::kFail, found, "look into dmesg for what KVM says"});
  }
}

Finding JudgeGuestMode(const std::optional<ProbeFacts>& probe) {
  const std::string check = "guest-mode";
  if (!probe) {
    return Bad(check, {Grade::kWarn, "not known without /dev/kvm", "mend kvm first"});
  }
  if (!probe->error.empty()) {
    const bool busy = probe->error.find(std::strerror(EBUSY)) != std::string::npos;
    return Bad(check, {Grade::kFail, StrCat("the monitor's probe failed: ", probe->error),
                       busy ? kMendBusy
                            : "run it by hand: summon-monitor --probe --kvm-fd=4 4<>/dev/kvm"});
  }
  char numbers[96];
  (void)std::snprintf(numbers, sizeof numbers, "%.1f cycles an instruction there, TSC %.0f MHz",
                      probe->cycles_per_instruction, static_cast<double>(probe->tsc_hz) / 1e6);
  if (probe->guest_mode == "ring0") return Pass(check, StrCat("ring0: ", numbers));
  return Bad(check, {Grade::kWarn,
                     StrCat(probe->guest_mode, ": this KVM interprets ring 0 (", numbers, ')'),
                     "use a host with hardware virtualization; until then all works, with slow "
                     "hypercalls"});
}

Finding JudgeTun(const DeviceFacts& tun) {
  const std::string check = "tun";
  switch (tun.state) {
    case DeviceFacts::State::kUsable: return Pass(check, "/dev/net/tun can be used");
    case DeviceFacts::State::kMissing:
      return Bad(check, {Grade::kFail, "there is no /dev/net/tun: no service gets a network",
                         "modprobe tun; in a container give it --device /dev/net/tun"});
    case DeviceFacts::State::kWrongNode:
      return Bad(check, {Grade::kFail, "/dev/net/tun is not the device 10:200",
                         "rm /dev/net/tun; mknod -m 666 /dev/net/tun c 10 200"});
    case DeviceFacts::State::kFailed: break;
  }
  return Bad(check, {Grade::kFail, StrCat("open /dev/net/tun: ", std::strerror(tun.open_errno)),
                     "chmod 666 /dev/net/tun (making interfaces still needs CAP_NET_ADMIN), or "
                     "modprobe tun"});
}

Finding JudgePrograms(const std::vector<std::string>& missing) {
  const std::string check = "programs";
  if (missing.empty()) return Pass(check, "summon-monitor and summon-spt are there");
  std::string names;
  for (const std::string& name : missing) names += StrCat(names.empty() ? "" : ", ", name);
  return Bad(check, {Grade::kFail, StrCat("not found or not executable: ", names),
                     "they belong into the folder of summon itself: install them all together"});
}

Finding JudgeKernel(const std::string& release) {
  const std::string check = "kernel";
  const auto version = ParseRelease(release);
  if (version && AtLeast(*version, kOldestKernel)) return Pass(check, StrCat("Linux ", release));
  return Bad(check, {version ? Grade::kFail : Grade::kWarn,
                     StrCat("Linux ", release, version ? " is too old" : ": an unknown version"),
                     StrCat("at least Linux ", kOldestKernel.major, '.', kOldestKernel.minor,
                            " is needed")});
}

Finding JudgeSeccomp(const KernelFacts& kernel) {
  const std::string check = "seccomp";
  if (kernel.seccomp_filters) return Pass(check, "system call filters work");
  return Bad(check, {Grade::kFail, "the kernel has no seccomp filters: no guest can be confined",
                     "use a kernel with CONFIG_SECCOMP_FILTER"});
}

Finding JudgeLandlock(const KernelFacts& kernel) {
  const std::string check = "landlock";
  if (kernel.landlock_abi > 0) return Pass(check, StrCat("ABI ", kernel.landlock_abi));
  return Bad(check, {Grade::kWarn, "not available; one layer of the sandbox is missing",
                     "use Linux 5.13 or newer, with landlock in the kernel's lsm= list"});
}

Finding JudgeNetworkNamespaces(const KernelFacts& kernel) {
  const std::string check = "netns";
  if (kernel.network_namespaces) return Pass(check, "network namespaces are there");
  return Bad(check, {Grade::kWarn, "the kernel has no network namespaces",
                     "use a kernel with CONFIG_NET_NS; monitors then run without any network"});
}

Finding JudgeMachineCreation(const KernelFacts& kernel) {
  const std::string check = "kvm-creation";
  if (kernel.nx_huge_pages.empty()) return Pass(check, "kvm.nx_huge_pages does not apply");
  const auto version = ParseRelease(kernel.release);
  const bool off = kernel.nx_huge_pages == "N" || kernel.nx_huge_pages == "never" ||
                   kernel.nx_huge_pages == "0" || kernel.nx_huge_pages == "off";
  if (off) return Pass(check, StrCat("kvm.nx_huge_pages is ", kernel.nx_huge_pages));
  if (kernel.favor_dynmods) return Pass(check, "cgroups are mounted with favordynmods");
  if (!version || !AtLeast(*version, kSlowCreation)) {
    return Pass(check, "this kernel makes machines without delay");
  }
  return Bad(check, {Grade::kWarn,
                     StrCat("kvm.nx_huge_pages is ", kernel.nx_huge_pages,
                            ": making a machine may wait milliseconds for cgroups"),
                     "mount -o remount,favordynmods /sys/fs/cgroup; or, on a CPU without the "
                     "iTLB multihit fault, kvm.nx_huge_pages=never"});
}

Finding JudgeCgroups(const CgroupFacts& cgroup) {
  const std::string check = "cgroups";
  if (cgroup.version == CgroupFacts::Version::kNone) {
    return Bad(check, {Grade::kWarn, "no cgroups: nothing bounds all instances together",
                       "mount -t cgroup2 none /sys/fs/cgroup"});
  }
  if (cgroup.version == CgroupFacts::Version::kOne) {
    return Bad(check, {Grade::kWarn, "version 1, which cannot be delegated safely",
                       "boot with systemd.unified_cgroup_hierarchy=1 for version 2"});
  }
  std::string lacking;
  for (const char* wanted : {"memory", "cpu", "pids"}) {
    if (!cgroup.controllers.contains(wanted)) {
      lacking += StrCat(lacking.empty() ? "" : ", ", wanted);
    }
  }
  if (lacking.empty()) return Pass(check, "version 2 with memory, cpu and pids");
  return Bad(check, {Grade::kWarn, StrCat("version 2 without ", lacking),
                     "let the unit have Delegate=yes, or write +memory +cpu +pids into "
                     "cgroup.subtree_control of the parent; a controller that version 1 holds "
                     "is not there"});
}

}  // namespace summon::cli
