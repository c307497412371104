// SPDX-License-Identifier: Apache-2.0
// Every known way out of a monitor's sandbox is tried from every stage, each in a process of its
// own, and must end it or be refused. A control run without the sandbox shows that the same calls
// get through there: a test that cannot fail proves nothing.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <optional>

#include "base/strings.h"
#include "launcher/monitor/namespaces.h"
#include "launcher/monitor/spawn.h"
#include "tests/hypervisor/escapes.h"

namespace summon::hypervisor {
namespace {

constexpr unsigned kUid = 61'300;
// Of the calls in the list, so many at least must succeed where nothing stops them, as root.
constexpr int kControlSuccessesMin = 60;
// Of a call that blocks where it should have ended the process.
constexpr int kPatienceMs = 5'000;

struct Outcome {
  enum class Kind { kKilled, kRefused, kEscaped, kBroken } kind = Kind::kBroken;
  int code = 0;  // errno, signal or wait status
};

std::string Text(const Outcome& outcome) {
  switch (outcome.kind) {
    case Outcome::Kind::kKilled: return "killed by SIGSYS";
    case Outcome::Kind::kRefused: return StrCat("refused: ", strerrorname_np(outcome.code));
    case Outcome::Kind::kEscaped: return "SUCCEEDS";
    case Outcome::Kind::kBroken: break;
  }
  return StrCat("broken: wait status ", outcome.code);
}

Outcome::Kind Wanted(Expect expect) {
  switch (expect) {
    case Expect::kKilled: return Outcome::Kind::kKilled;
    case Expect::kRefused: return Outcome::Kind::kRefused;
    case Expect::kPermitted: break;
  }
  return Outcome::Kind::kEscaped;
}

class Escaping : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() == 0) {
      auto made = launcher::EmptyNamespaces::Create();
      if (made.ok()) namespaces_ = std::move(made).value();
    }
    kvm_ = UniqueFd(open("/dev/kvm", O_RDWR | O_CLOEXEC));
    sibling_ = fork();
    if (sibling_ == 0) {
      if (geteuid() == 0) (void)!setresuid(kUid, kUid, kUid);
      for (;;) (void)pause();
    }
  }
  void TearDown() override {
    (void)kill(sibling_, SIGKILL);
    (void)waitpid(sibling_, nullptr, 0);
  }

  Outcome Try(EvilStage stage, std::size_t index) const {
    launcher::SpawnSpec spec{
        .program = SUMMON_EVIL_MONITOR,
        .arguments = {StrCat("--stage=", NameOf(stage)), StrCat("--escape=", index),
                      StrCat("--sibling=", sibling_)},
        .kvm_fd = kvm_.get()};
    if (kvm_.valid()) spec.arguments.push_back(StrCat("--kvm-fd=", launcher::kMonitorKvmFd));
    if (stage != EvilStage::kNone && geteuid() == 0) {
      spec.arguments.push_back(StrCat("--uid=", kUid));
      if (namespaces_) {
        const auto fds = namespaces_->fds();
        spec.namespaces = {fds.begin(), fds.end()};
        spec.arguments.push_back(StrCat("--namespaces=", launcher::kMonitorNamespacesFd));
      }
    }
    auto spawned = launcher::SpawnMonitor(spec);
    if (!spawned.ok()) return {};
    int status = 0;
    pollfd end = {spawned->pidfd.get(), POLLIN, 0};
    if (poll(&end, 1, kPatienceMs) != 1) (void)kill(spawned->pid, SIGKILL);
    (void)waitpid(spawned->pid, &status, 0);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) return {Outcome::Kind::kKilled, SIGSYS};
    if (!WIFEXITED(status) || WEXITSTATUS(status) == kSetUpFailed) {
      char text[512] = {};
      (void)!read(spawned->diagnostics.get(), text, sizeof text - 1);
      (void)fprintf(stderr, "%s", text);
      return {Outcome::Kind::kBroken, status};
    }
    const int code = WEXITSTATUS(status);
    if (code == kEscaped || code == 0) return {Outcome::Kind::kEscaped, 0};  // 0: of /bin/true
    return {Outcome::Kind::kRefused, code};
  }

  std::optional<launcher::EmptyNamespaces> namespaces_;
  UniqueFd kvm_;
  pid_t sibling_ = -1;
};

class EscapesFrom : public Escaping, public testing::WithParamInterface<EvilStage> {};

TEST_P(EscapesFrom, EndTheProcessOrAreRefused) {
  const std::vector<Escape> escapes = Escapes(sibling_);
  int tried = 0;
  for (std::size_t i = 0; i < escapes.size(); ++i) {
    if (!Applies(escapes[i].where, GetParam())) continue;
    const Outcome outcome = Try(GetParam(), i);
    ++tried;
    (void)printf("  %s: %-45s %s\n", NameOf(GetParam()), escapes[i].name.c_str(),
                 Text(outcome).c_str());
    EXPECT_EQ(outcome.kind, Wanted(escapes[i].expect)) << escapes[i].name << " " << Text(outcome);
  }
  (void)printf("%s: %d escapes tried\n", NameOf(GetParam()), tried);
  EXPECT_GE(tried, 150);
}

INSTANTIATE_TEST_SUITE_P(Stages, EscapesFrom, testing::ValuesIn(kEvilStages),
                         [](const testing::TestParamInfo<EvilStage>& stage) {
                           std::string name = NameOf(stage.param);
                           std::erase(name, '-');
                           return name;
                         });

TEST_F(Escaping, WithoutTheSandboxTheSameCallsGetThrough) {
  const std::vector<Escape> escapes = Escapes(sibling_);
  int successes = 0;
  for (std::size_t i = 0; i < escapes.size(); ++i) {
    const Outcome outcome = Try(EvilStage::kNone, i);
    (void)printf("  without a sandbox: %-45s %s\n", escapes[i].name.c_str(),
                 Text(outcome).c_str());
    EXPECT_NE(outcome.kind, Outcome::Kind::kKilled) << escapes[i].name;
    if (outcome.kind == Outcome::Kind::kEscaped) ++successes;
  }
  (void)printf("%d of %zu succeed without a sandbox\n", successes, escapes.size());
  if (geteuid() != 0) GTEST_SKIP() << "as an ordinary user fewer calls succeed anyway";
  EXPECT_GE(successes, kControlSuccessesMin);
}

}  // namespace
}  // namespace summon::hypervisor
