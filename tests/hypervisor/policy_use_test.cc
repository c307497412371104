// SPDX-License-Identifier: Apache-2.0
// Every line of the allow-lists is needed: the test programs of both monitors, with all their
// guests, run again under a recorder of system calls, and a line that no call made use of fails.
// Prints what each stage permits.
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "base/strings.h"
#include "hypervisor/kvm/ioctls.h"
#include "hypervisor/sandbox/monitor_policy.h"
#include "hypervisor/spt/policy.h"
#include "tests/hypervisor/syscall_names.h"

namespace summon::hypervisor {
namespace {

struct Recorded {
  int filters = 0;
  SyscallMade made;
};

class Records {
 public:
  // Runs test programs and takes what the monitors did in them.
  explicit Records(std::initializer_list<const char*> test_programs) {
    for (const char* const program : test_programs) Run(program);
  }

  bool empty() const { return records_.empty(); }

  // A line of `rules` that no call with at least `filters` installed made use of fails.
  void ExpectAllUsed(const char* table, std::span<const SyscallRule> rules, int filters) const {
    (void)printf("%s:\n", table);
    for (const SyscallRule& rule : rules) {
      const bool used = std::any_of(records_.begin(), records_.end(), [&](const Recorded& one) {
        return one.filters >= filters && Matches(rule, one.made);
      });
      (void)printf("  %-8s %-36s %s\n", used ? "used" : "unused", RuleText(rule).c_str(),
                   rule.reason);
      // Kernels before 5.17 have the one, later ones the other.
      const bool older = RuleText(rule).find("KVM_GET_XSAVE ") != std::string::npos ||
                         RuleText(rule).ends_with("KVM_GET_XSAVE");
      if (rule.use == RuleUse::kOrdinary && !older) {
        EXPECT_TRUE(used) << table << ": " << RuleText(rule) << " (" << rule.reason
                          << ") is permitted, and nothing needs it";
      }
    }
  }

 private:
  void Run(const char* test_program) {
    char path[] = "/tmp/summon-records-XXXXXX";
    const int file = mkstemp(path);
    EXPECT_GE(file, 0);
    (void)close(file);
    const pid_t child = fork();
    if (child == 0) {
      (void)setenv("SUMMON_RECORD_FILE", path, 1);
      (void)setenv("SUMMON_RECORDER", SUMMON_SYSCALL_RECORDER, 1);
      // What its tests say does not matter here: some look into the process, and find a recorder.
      if (freopen("/dev/null", "w", stdout) == nullptr) _exit(126);
      (void)execl(test_program, test_program, nullptr);
      _exit(126);
    }
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) <= 1) << test_program << " " << status;
    Read(path);
    (void)unlink(path);
  }

  void Read(const char* path) {
    std::ifstream lines(path);
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      Recorded one;
      words >> one.filters >> one.made.number;
      for (std::uint64_t& argument : one.made.arguments) words >> argument;
      if (one.filters > 0) records_.push_back(one);
    }
  }

  std::vector<Recorded> records_;
};

// A call that `rule` permits, at the low or at the high end of its ranges.
enum class End { kLow, kHigh };
SyscallMade CallFor(const SyscallRule& rule, End end) {
  SyscallMade made{rule.number, {}};
  for (const ArgumentCheck& check : rule.checks) {
    std::uint64_t& argument = made.arguments[check.index];
    if (check.test == ArgumentTest::kIs || check.test == ArgumentTest::kEqual) {
      argument = check.value;
    } else if (check.test == ArgumentTest::kWithin) {
      argument = end == End::kLow ? check.value & 0xffff'ffff : check.value >> 32;
    }
  }
  return made;
}

// Filters add up, so a call that only the second stage permits would end the process.
void ExpectPermitsAllOf(std::span<const SyscallRule> waiting,
                        std::span<const SyscallRule> running) {
  for (const SyscallRule& rule : running) {
    for (const End end : {End::kLow, End::kHigh}) {
      const SyscallMade made = CallFor(rule, end);
      EXPECT_TRUE(Matches(rule, made)) << RuleText(rule);
      EXPECT_TRUE(std::any_of(waiting.begin(), waiting.end(), [&made](const SyscallRule& other) {
        return Matches(other, made);
      })) << RuleText(rule);
    }
  }
}

TEST(PolicyUse, WaitingPermitsAllThatRunningDoes) {
  const MonitorPolicy waiting = MonitorPolicy::Waiting(IoctlsWithMachine());
  for (const auto ioctls : {IoctlsOfRing0GuestWithCore(), IoctlsOfRing3Guest()}) {
    MonitorNeeds needs{1, static_cast<std::uint32_t>(kDevicesMax) - 1, ioctls, true};
    needs.snapshot_ioctls = IoctlsOfSnapshot();
    needs.core_file = true;
    ExpectPermitsAllOf(waiting.rules(), MonitorPolicy::Running(needs).rules());
  }
  SptPolicy policy;
  policy.epoll_fd = 4;
  policy.timer_fd = 5;
  policy.nets.push_back({.fd = 8});
  policy.blocks.push_back({.fd = 9, .sector_size = 512, .capacity = 2048});
  policy.blocks.push_back({.fd = 70, .sector_size = 512, .capacity = 2048, .read_only = true});
  ExpectPermitsAllOf(SptWaitingRules(), SptRules(policy));
}

TEST(PolicyUse, EveryLineOfTheMonitorsPoliciesIsNeeded) {
  if (access("/dev/kvm", R_OK | W_OK) != 0) GTEST_SKIP() << "no usable /dev/kvm";
  const Records records({SUMMON_MONITOR_TESTS, SUMMON_CORE_TESTS, SUMMON_SNAPSHOT_TESTS});
  ASSERT_FALSE(records.empty());
  const auto ring0 = IoctlsOfRing0Guest();
  const auto ring3 = IoctlsOfRing3Guest();
  records.ExpectAllUsed("waiting, machine made",
                        MonitorPolicy::Waiting(IoctlsWithMachine()).rules(), 1);
  records.ExpectAllUsed("waiting, machine to come",
                        MonitorPolicy::Waiting(IoctlsWithoutMachine()).rules(), 1);
  records.ExpectAllUsed("running, a net device, ring 0",
                        MonitorPolicy::Running({1, 0, ring0}).rules(), 2);
  records.ExpectAllUsed("running, a block device, ring 0",
                        MonitorPolicy::Running({0, 1, ring0}).rules(), 2);
  records.ExpectAllUsed("running, a net device, ring 3",
                        MonitorPolicy::Running({1, 0, ring3}).rules(), 2);
  MonitorNeeds snapshots{0, 0, ring3, true};
  snapshots.snapshot_ioctls = IoctlsOfSnapshot();
  records.ExpectAllUsed("running, with snapshots", MonitorPolicy::Running(snapshots).rules(), 2);
  MonitorNeeds core{0, 0, IoctlsOfRing0GuestWithCore()};
  core.core_file = true;
  records.ExpectAllUsed("running, with a core file", MonitorPolicy::Running(core).rules(), 2);
}

TEST(PolicyUse, EveryLineOfTheProcessGuestsPoliciesIsNeeded) {
  const Records records({SUMMON_SPT_TESTS});
  ASSERT_FALSE(records.empty());
  records.ExpectAllUsed("process guest, waiting", SptWaitingRules(), 1);
  // The numbers that summon-spt arrives at: epoll, timer, image, console, first device.
  constexpr int kFirstDevice = 8;
  SptPolicy net;
  net.epoll_fd = 4;
  net.timer_fd = 5;
  net.nets.push_back({.fd = kFirstDevice});
  records.ExpectAllUsed("process guest with a net device", SptRules(net), 2);
  SptPolicy disk = net;
  disk.nets.clear();
  disk.blocks.push_back({.fd = kFirstDevice, .sector_size = 512, .capacity = 2048});
  records.ExpectAllUsed("process guest with a block device", SptRules(disk), 2);
}

}  // namespace
}  // namespace summon::hypervisor
