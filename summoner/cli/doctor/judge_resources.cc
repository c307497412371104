// SPDX-License-Identifier: Apache-2.0
// The verdicts on memory, CPU, limits and accounts; all of them together, and how they are shown.
#include <algorithm>

#include "base/strings.h"
#include "launcher/monitor/pool.h"
#include "summoner/cli/exit_status.h"
#include "summoner/cli/doctor/judge.h"

namespace summon::cli {

namespace {

// A guest of the demo has 16 MiB; below the first bound not even a few start, below the second a
// handful of services may not.
constexpr std::uint64_t kMemoryMibLeast = 64;
constexpr std::uint64_t kMemoryMibGood = 512;

// An instance has two processes' worth of ids (itself and KVM's helper) and its starter four
// descriptors for it: these are bounds for 500 instances and the daemons.
constexpr std::uint64_t kProcessesGood = 2'048;
constexpr std::uint64_t kDescriptorsGood = 4'096;
constexpr std::uint64_t kDescriptorsLeast = 256;  // what a single monitor may need

Finding Pass(std::string check, std::string found) {
  return {std::move(check), Grade::kPass, std::move(found), {}};
}
Finding Warn(std::string check, std::string found) {
  return {std::move(check), Grade::kWarn, std::move(found), {}};
}
Finding With(Finding finding, std::string mend) {
  finding.mend = std::move(mend);
  return finding;
}

std::string_view GradeName(Grade grade) {
  switch (grade) {
    case Grade::kPass: return "PASS";
    case Grade::kWarn: return "WARN";
    case Grade::kFail: return "FAIL";
  }
  return "FAIL";
}

std::size_t CountOf(const std::vector<Finding>& findings, Grade grade) {
  return static_cast<std::size_t>(
      std::count_if(findings.begin(), findings.end(),
                    [grade](const Finding& finding) { return finding.grade == grade; }));
}

}  // namespace

Finding JudgeMemory(const MemoryFacts& memory) {
  const std::string found = StrCat(memory.available_mib, " MiB available");
  if (memory.available_mib >= kMemoryMibGood) return Pass("memory", found);
  Finding finding = With(Warn("memory", found), "free some, or give services less memory_mib");
  if (memory.available_mib < kMemoryMibLeast) finding.grade = Grade::kFail;
  return finding;
}

Finding JudgeHugePages(const MemoryFacts& memory) {
  const std::string check = "huge-pages";
  if (memory.huge_pages == "always" || memory.huge_pages == "madvise") {
    return Pass(check, StrCat("transparent huge pages: ", memory.huge_pages));
  }
  return With(Warn(check, memory.huge_pages.empty() ? "the kernel has no transparent huge pages"
                                                    : "transparent huge pages are off"),
              "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled; guests' memory is "
              "then ready many times faster");
}

Finding JudgePageMerging(const MemoryFacts& memory) {
  if (!memory.same_page_merging) return Pass("ksm", "same-page merging is off");
  return With(Warn("ksm", "same-page merging is on: one guest can learn of another's memory by "
                          "timing"),
              "echo 2 > /sys/kernel/mm/ksm/run");
}

Finding JudgeSwap(const MemoryFacts& memory) {
  if (memory.swap_mib == 0) return Pass("swap", "there is none");
  return With(Warn("swap", StrCat(memory.swap_mib, " MiB: a guest's memory may reach the disk, and "
                                                   "waking one may wait for it")),
              "swapoff -a, or encrypt it");
}

Finding JudgeClock(const CpuFacts& cpu) {
  // Others are used where the time-stamp counter is not to be trusted; kvm-clock is built on it.
  if (cpu.clock_source == "tsc" || cpu.clock_source == "kvm-clock" ||
      cpu.clock_source == "arch_sys_counter" || cpu.clock_source.starts_with("hyperv")) {
    return Pass("clock", StrCat("clock source ", cpu.clock_source));
  }
  return With(Warn("clock", StrCat("clock source ", Quote(cpu.clock_source),
                                   ": the time-stamp counter, which guests use, is not "
                                   "invariant")),
              "see dmesg for why the kernel gave up tsc (firmware, clocksource=tsc)");
}

Finding JudgeSmt(const CpuFacts& cpu) {
  if (!cpu.smt) return Pass("smt", "no CPU shares its core");
  return With(Warn("smt", "hyper-threads share cores: a guest may learn of its neighbour by "
                          "timing"),
              "echo off > /sys/devices/system/cpu/smt/control when guests do not trust each "
              "other");
}

Finding JudgeDescriptors(const LimitFacts& limits) {
  const std::string found = StrCat("at most ", limits.descriptors, " a process");
  if (limits.descriptors >= kDescriptorsGood) return Pass("descriptors", found);
  Finding finding = With(Warn("descriptors", found),
                         StrCat("LimitNOFILE=65536 in the unit, or ulimit -Hn ", kDescriptorsGood));
  if (limits.descriptors < kDescriptorsLeast) finding.grade = Grade::kFail;
  return finding;
}

Finding JudgeProcesses(const LimitFacts& limits) {
  const std::uint64_t least = std::min(limits.processes, limits.pid_max);
  const std::string found = StrCat("at most ", least);
  if (least >= kProcessesGood) return Pass("processes", found);
  return With(Warn("processes", found), "LimitNPROC= and TasksMax= of the unit, ulimit -u, or "
                                        "sysctl kernel.pid_max");
}

Finding JudgeUserIds(const std::vector<std::string>& owners) {
  using launcher::UidRange;
  const std::string range =
      StrCat(UidRange::kFirst, "..", UidRange::kFirst + UidRange::kCount - 1);
  if (owners.empty()) return Pass("user-ids", StrCat(range, " are free for monitors"));
  std::string names;
  for (const std::string& owner : owners) names += StrCat(names.empty() ? "" : ", ", owner);
  return {"user-ids", Grade::kFail,
          StrCat(names, " has ids of ", range, ", which monitors run under"),
          "give it other ids: a monitor must own nothing"};
}

Finding JudgeRoot(const HostFacts& facts) {
  if (facts.root) return Pass("root", "we are root: what is said above is what daemons will see");
  return With(Warn("root", "we are not root: summon-launcherd is, and may see more than we do"),
              "run summon doctor as root too");
}

std::vector<Finding> JudgeHost(const HostFacts& facts) {
  return {JudgeKernel(facts.kernel.release),
          JudgePrograms(facts.missing_programs),
          JudgeKvm(facts.kvm),
          JudgeGuestMode(facts.probe),
          JudgeTun(facts.tun),
          JudgeSeccomp(facts.kernel),
          JudgeUserIds(facts.uid_owners),
          JudgeMemory(facts.memory),
          JudgeDescriptors(facts.limits),
          JudgeProcesses(facts.limits),
          JudgeClock(facts.cpu),
          JudgeLandlock(facts.kernel),
          JudgeNetworkNamespaces(facts.kernel),
          JudgeCgroups(facts.cgroup),
          JudgeMachineCreation(facts.kernel),
          JudgeHugePages(facts.memory),
          JudgeSmt(facts.cpu),
          JudgePageMerging(facts.memory),
          JudgeSwap(facts.memory),
          JudgeRoot(facts)};
}

int DoctorStatus(const std::vector<Finding>& findings) {
  return CountOf(findings, Grade::kFail) == 0 ? kExitOk : kExitFailed;
}

std::string DoctorText(const std::vector<Finding>& findings) {
  constexpr std::size_t kCheckWidth = 14;
  std::string text;
  for (const Finding& finding : findings) {
    std::string check = finding.check;
    check.resize(std::max(check.size(), kCheckWidth), ' ');
    text += StrCat(GradeName(finding.grade), "  ", check, finding.found);
    if (!finding.mend.empty()) text += StrCat("; mend: ", finding.mend);
    text += '\n';
  }
  return text + StrCat(CountOf(findings, Grade::kPass), " passed, ",
                       CountOf(findings, Grade::kWarn), " warnings, ",
                       CountOf(findings, Grade::kFail), " failed\n");
}

std::string DoctorJson(const std::vector<Finding>& findings) {
  std::string json = StrCat("{\"ok\": ", DoctorStatus(findings) == kExitOk, ", \"checks\": [");
  for (const Finding& finding : findings) {
    json += StrCat(&finding == findings.data() ? "" : ",", "\n  {\"check\": ",
                   Quote(finding.check), ", \"grade\": ", Quote(GradeName(finding.grade)),
                   ", \"found\": ", Quote(finding.found), ", \"mend\": ", Quote(finding.mend),
                   '}');
  }
  return json + "\n]}\n";
}

}  // namespace summon::cli
