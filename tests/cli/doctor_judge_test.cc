// SPDX-License-Identifier: Apache-2.0
// What `summon doctor` thinks of hosts that lack something.
#include "summoner/cli/doctor/judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

namespace summon::cli {
namespace {

using testing::HasSubstr;
using State = DeviceFacts::State;

// A host without any fault.
HostFacts GoodHost() {
  HostFacts facts;
  facts.kvm.state = facts.tun.state = State::kUsable;
  facts.probe = ProbeFacts{"ring0", 1.0, 2'400'000'000, {}};
  facts.kernel = {.release = "6.1.0-18-amd64", .seccomp_filters = true, .landlock_abi = 2,
                  .network_namespaces = true, .nx_huge_pages = "N"};
  facts.cgroup = {CgroupFacts::Version::kTwo, {"memory", "cpu", "pids", "io"}};
  facts.memory = {.available_mib = 4096, .swap_mib = 0, .huge_pages = "madvise"};
  facts.cpu.clock_source = "tsc";
  facts.limits = {1 << 20, 1 << 20, 1 << 22};
  facts.root = true;
  return facts;
}

TEST(Doctor, GoodHostPassesEverything) {
  for (const Finding& finding : JudgeHost(GoodHost())) {
    EXPECT_EQ(finding.grade, Grade::kPass) << finding.check << ": " << finding.found;
    EXPECT_TRUE(finding.mend.empty()) << finding.check;
  }
  EXPECT_EQ(DoctorStatus(JudgeHost(GoodHost())), 0);
}

// A host of which nothing could be read.
TEST(Doctor, WhateverIsAmissSaysHowToMendIt) {
  for (const Finding& finding : JudgeHost(HostFacts{})) {
    EXPECT_EQ(finding.mend.empty(), finding.grade == Grade::kPass) << finding.check;
  }
  EXPECT_EQ(DoctorStatus(JudgeHost(HostFacts{})), 1);
}

TEST(Doctor, WarningsAloneAreNoFailure) {
  HostFacts facts = GoodHost();
  facts.cpu.smt = true;
  EXPECT_EQ(DoctorStatus(JudgeHost(facts)), 0);
}

TEST(DoctorKvm, MissingSaysThatProcessImagesRun) {
  const Finding finding = JudgeKvm({State::kMissing, 0});
  EXPECT_EQ(finding.grade, Grade::kFail);
  EXPECT_THAT(finding.mend, HasSubstr("spt"));
}

TEST(DoctorKvm, PermissionNamesTheGroup) {
  const Finding finding = JudgeKvm({State::kFailed, EACCES});
  EXPECT_EQ(finding.grade, Grade::kFail);
  EXPECT_THAT(finding.found, HasSubstr("Permission denied"));
  EXPECT_THAT(finding.mend, HasSubstr("usermod -aG kvm"));
}

TEST(DoctorKvm, WrongNodeSaysWhichOneItShouldBe) {
  EXPECT_THAT(JudgeKvm({State::kWrongNode, 0}).mend, HasSubstr("mknod"));
}

TEST(DoctorKvm, BusyNamesTheOtherHypervisor) {
  EXPECT_THAT(JudgeKvm({State::kFailed, EBUSY}).mend, HasSubstr("another hypervisor"));
}

TEST(DoctorKvm, NodeWithoutAModuleAsksForIt) {
  EXPECT_THAT(JudgeKvm({State::kFailed, ENXIO}).mend, HasSubstr("modprobe"));
}

TEST(DoctorGuestMode, InterpretedRing0IsAWarningWithItsFigure) {
  const Finding finding = JudgeGuestMode(ProbeFacts{"ring3", 1506.7, 2'400'000'000, {}});
  EXPECT_EQ(finding.grade, Grade::kWarn);
  EXPECT_THAT(finding.found, HasSubstr("1506.7 cycles"));
}

TEST(DoctorGuestMode, FailedProbeIsAFailure) {
  const Finding finding = JudgeGuestMode(ProbeFacts{"", 0, 0, "create virtual machine: ..."});
  EXPECT_EQ(finding.grade, Grade::kFail);
  EXPECT_THAT(finding.found, HasSubstr("create virtual machine"));
}

TEST(DoctorGuestMode, BusyCpuNamesTheOtherHypervisor) {
  const Finding finding = JudgeGuestMode(
      ProbeFacts{"", 0, 0, "summon-monitor: create virtual machine: Device or resource busy"});
  EXPECT_EQ(finding.grade, Grade::kFail);
  EXPECT_THAT(finding.mend, HasSubstr("another hypervisor"));
}

TEST(DoctorTun, MissingAndForbiddenFail) {
  EXPECT_EQ(JudgeTun({State::kMissing, 0}).grade, Grade::kFail);
  EXPECT_EQ(JudgeTun({State::kFailed, EACCES}).grade, Grade::kFail);
  EXPECT_EQ(JudgeTun({State::kWrongNode, 0}).grade, Grade::kFail);
}

TEST(DoctorPrograms, MissingOnesAreNamed) {
  const Finding finding = JudgePrograms({"summon-monitor", "summon-spt"});
  EXPECT_EQ(finding.grade, Grade::kFail);
  EXPECT_THAT(finding.found, HasSubstr("summon-monitor, summon-spt"));
}

TEST(DoctorKernel, OldestThatWorksIsFiveNine) {
  EXPECT_EQ(JudgeKernel("5.8.0").grade, Grade::kFail);
  EXPECT_EQ(JudgeKernel("4.19.0-27-amd64").grade, Grade::kFail);
  EXPECT_EQ(JudgeKernel("5.9.1").grade, Grade::kPass);
  EXPECT_EQ(JudgeKernel("6.1.0-18-amd64").grade, Grade::kPass);
  EXPECT_EQ(JudgeKernel("strange").grade, Grade::kWarn);
}

TEST(DoctorSandbox, SeccompIsNeededAndTheRestIsDepth) {
  EXPECT_EQ(JudgeSeccomp({}).grade, Grade::kFail);
  EXPECT_EQ(JudgeLandlock({}).grade, Grade::kWarn);
  EXPECT_EQ(JudgeNetworkNamespaces({}).grade, Grade::kWarn);
}

TEST(DoctorMachineCreation, SlowOnlyWhereKernelAndSettingsMakeItSo) {
  KernelFacts kernel{.release = "6.1.0", .nx_huge_pages = "Y"};
  EXPECT_EQ(JudgeMachineCreation(kernel).grade, Grade::kWarn);
  kernel.favor_dynmods = true;
  EXPECT_EQ(JudgeMachineCreation(kernel).grade, Grade::kPass);
  kernel = {.release = "5.15.0", .nx_huge_pages = "Y"};
  EXPECT_EQ(JudgeMachineCreation(kernel).grade, Grade::kPass);
  kernel = {.release = "6.1.0", .nx_huge_pages = "never"};
  EXPECT_EQ(JudgeMachineCreation(kernel).grade, Grade::kPass);
}

TEST(DoctorCgroups, VersionTwoMustHaveAllThreeControllers) {
  EXPECT_EQ(JudgeCgroups({CgroupFacts::Version::kNone, {}}).grade, Grade::kWarn);
  EXPECT_EQ(JudgeCgroups({CgroupFacts::Version::kOne, {}}).grade, Grade::kWarn);
  const Finding finding = JudgeCgroups({CgroupFacts::Version::kTwo, {"cpu"}});
  EXPECT_EQ(finding.grade, Grade::kWarn);
  EXPECT_THAT(finding.found, HasSubstr("without memory, pids"));
}

TEST(DoctorMemory, LittleIsAWarningAndNoneAFailure) {
  EXPECT_EQ(JudgeMemory({.available_mib = 512}).grade, Grade::kPass);
  EXPECT_EQ(JudgeMemory({.available_mib = 511}).grade, Grade::kWarn);
  EXPECT_EQ(JudgeMemory({.available_mib = 63}).grade, Grade::kFail);
}

TEST(DoctorMemory, HugePagesOffPageMergingAndSwapAreWarnings) {
  EXPECT_EQ(JudgeHugePages({.huge_pages = "never"}).grade, Grade::kWarn);
  EXPECT_EQ(JudgeHugePages({.huge_pages = "always"}).grade, Grade::kPass);
  EXPECT_EQ(JudgePageMerging({.same_page_merging = true}).grade, Grade::kWarn);
  EXPECT_EQ(JudgeSwap({.swap_mib = 2048}).grade, Grade::kWarn);
}

TEST(DoctorClock, OnlySourcesOnAnInvariantCounterPass) {
  EXPECT_EQ(JudgeClock({.clock_source = "tsc"}).grade, Grade::kPass);
  EXPECT_EQ(JudgeClock({.clock_source = "kvm-clock"}).grade, Grade::kPass);
  EXPECT_EQ(JudgeClock({.clock_source = "hpet"}).grade, Grade::kWarn);
  EXPECT_EQ(JudgeClock({.clock_source = ""}).grade, Grade::kWarn);
}

TEST(DoctorLimits, FewDescriptorsOrProcessesAreToldWithTheNumber) {
  EXPECT_EQ(JudgeDescriptors({.descriptors = 4096}).grade, Grade::kPass);
  EXPECT_EQ(JudgeDescriptors({.descriptors = 1024}).grade, Grade::kWarn);
  EXPECT_EQ(JudgeDescriptors({.descriptors = 64}).grade, Grade::kFail);
  const Finding finding = JudgeProcesses({.processes = 1 << 20, .pid_max = 1000});
  EXPECT_EQ(finding.grade, Grade::kWarn);
  EXPECT_THAT(finding.found, HasSubstr("1000"));
}

TEST(DoctorUserIds, AnOwnerIsAFailureThatNamesIt) {
  const Finding finding = JudgeUserIds({"account \"bob\""});
  EXPECT_EQ(finding.grade, Grade::kFail);
  EXPECT_THAT(finding.found, HasSubstr("bob"));
  EXPECT_THAT(finding.found, HasSubstr("61184..65183"));
}

TEST(DoctorText, HasALineForEachFindingAndACount) {
  const std::string text = DoctorText(
      {{"kvm", Grade::kFail, "not there", "buy one"}, {"tun", Grade::kPass, "there", ""}});
  EXPECT_EQ(text,
            "FAIL  kvm           not there; mend: buy one\n"
            "PASS  tun           there\n"
            "1 passed, 0 warnings, 1 failed\n");
}

TEST(DoctorJson, IsOneObjectWithEveryField) {
  const std::string json = DoctorJson({{"kvm", Grade::kFail, "a \"quoted\" word", "mend it"}});
  EXPECT_EQ(json,
            "{\"ok\": false, \"checks\": [\n"
            "  {\"check\": \"kvm\", \"grade\": \"FAIL\", \"found\": \"a \\\"quoted\\\" word\", "
            "\"mend\": \"mend it\"}\n]}\n");
}

}  // namespace
}  // namespace summon::cli
