// SPDX-License-Identifier: Apache-2.0
#pragma once
// Facts in, verdicts out: what `summon doctor` thinks of a host. Pure.

#include <string>
#include <vector>

#include "summoner/cli/doctor/facts.h"

namespace summon::cli {

// kWarn: it works, and something is slower or less safe than it could be. kFail: something that
// Summon promises does not work here.
enum class Grade { kPass, kWarn, kFail };

struct Finding {
  std::string check;  // a stable name, for scripts
  Grade grade = Grade::kPass;
  std::string found;
  std::string mend;  // empty for kPass
};

Finding JudgeKvm(const DeviceFacts& kvm);
Finding JudgeGuestMode(const std::optional<ProbeFacts>& probe);
Finding JudgeTun(const DeviceFacts& tun);
Finding JudgePrograms(const std::vector<std::string>& missing);
Finding JudgeKernel(const std::string& release);
Finding JudgeSeccomp(const KernelFacts& kernel);
Finding JudgeLandlock(const KernelFacts& kernel);
Finding JudgeNetworkNamespaces(const KernelFacts& kernel);
Finding JudgeMachineCreation(const KernelFacts& kernel);
Finding JudgeCgroups(const CgroupFacts& cgroup);
Finding JudgeMemory(const MemoryFacts& memory);
Finding JudgeHugePages(const MemoryFacts& memory);
Finding JudgePageMerging(const MemoryFacts& memory);
Finding JudgeSwap(const MemoryFacts& memory);
Finding JudgeClock(const CpuFacts& cpu);
Finding JudgeSmt(const CpuFacts& cpu);
Finding JudgeDescriptors(const LimitFacts& limits);
Finding JudgeProcesses(const LimitFacts& limits);
Finding JudgeUserIds(const std::vector<std::string>& owners);
Finding JudgeRoot(const HostFacts& facts);

// All of them, in the order in which a person would mend things.
std::vector<Finding> JudgeHost(const HostFacts& facts);

// 0, or 1 when something FAILs.
int DoctorStatus(const std::vector<Finding>& findings);

// One line for each finding, and one that counts them.
std::string DoctorText(const std::vector<Finding>& findings);
// {"ok": ..., "checks": [{"check", "grade", "found", "mend"}]}. Fields are only ever added.
std::string DoctorJson(const std::vector<Finding>& findings);

}  // namespace summon::cli
