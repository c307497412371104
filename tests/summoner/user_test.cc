// SPDX-License-Identifier: Apache-2.0
// Becoming another user: what is found, and what a process is afterwards. The change is for good,
// so it happens in a child.
#include "summoner/daemon/user.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <string>

namespace summon::summoner {
namespace {

using testing::HasSubstr;

constexpr unsigned kUnknownId = 1'234'567;  // no system gives such numbers by itself

// What `act` returns, told by a child as its exit status.
template <typename Act>
bool HoldsInChild(const Act& act) {
  const pid_t child = fork();
  if (child == 0) _exit(act() ? 0 : 1);
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
         WEXITSTATUS(status) == 0;
}

bool SaysOfItself(const std::string& line) {
  std::ifstream file("/proc/self/status");
  const std::string status(std::istreambuf_iterator<char>(file), {});
  return status.find("\n" + line + "\n") != std::string::npos;
}

TEST(User, IsFoundByName) {
  const auto root = FindUser("root");
  ASSERT_TRUE(root.ok()) << root.error().message();
  EXPECT_EQ(root->uid, 0u);
  EXPECT_EQ(root->gid, 0u);
}

TEST(User, IsFoundByNumber) {
  const auto root = FindUser("0");
  ASSERT_TRUE(root.ok()) << root.error().message();
  EXPECT_EQ(root->name, "root");
}

TEST(User, ANumberWithoutEntryIsItsOwnGroup) {
  const auto user = FindUser("1234567");
  ASSERT_TRUE(user.ok()) << user.error().message();
  EXPECT_EQ(user->uid, kUnknownId);
  EXPECT_EQ(user->gid, kUnknownId);
  EXPECT_EQ(user->name, "");
}

TEST(User, AnUnknownNameIsNamedWithAWayToMendIt) {
  const auto user = FindUser("no-such-user");
  ASSERT_FALSE(user.ok());
  EXPECT_EQ(user.error().code(), ErrorCode::kNotFound);
  EXPECT_THAT(user.error().message(), HasSubstr("\"no-such-user\""));
  EXPECT_THAT(user.error().message(), HasSubstr("adduser"));
}

TEST(User, TheNumberThatMeansNoChangeIsRefused) {
  EXPECT_EQ(FindUser("4294967295").error().code(), ErrorCode::kInvalid);
  EXPECT_EQ(FindUser("99999999999").error().code(), ErrorCode::kInvalid);
}

TEST(User, AfterTheChangeNothingIsLeft) {
  if (geteuid() != 0) GTEST_SKIP() << "not root: cannot change the user";
  EXPECT_TRUE(HoldsInChild([] {
    return BecomeUser({.uid = kUnknownId, .gid = kUnknownId, .name = {}}).ok() &&
           SaysOfItself("Uid:\t1234567\t1234567\t1234567\t1234567") &&
           SaysOfItself("Gid:\t1234567\t1234567\t1234567\t1234567") &&
           SaysOfItself("Groups:\t ") && SaysOfItself("CapPrm:\t0000000000000000") &&
           SaysOfItself("CapEff:\t0000000000000000") && SaysOfItself("NoNewPrivs:\t1") &&
           setuid(0) != 0;
  }));
}

TEST(User, WhoIsNotRootIsToldHowToMendIt) {
  if (geteuid() != 0) GTEST_SKIP() << "not root: cannot change the user";
  EXPECT_TRUE(HoldsInChild([] {
    if (!BecomeUser({.uid = kUnknownId, .gid = kUnknownId, .name = {}}).ok()) return false;
    const Status back = BecomeUser({.uid = 0, .gid = 0, .name = "root"});
    return !back.ok() && back.error().code() == ErrorCode::kPermission &&
           back.error().message().find("without --user") != std::string::npos;
  }));
}

TEST(User, WhoIsThatUserAlreadyMayStayIt) {
  if (geteuid() != 0) GTEST_SKIP() << "not root: cannot change the user";
  EXPECT_TRUE(HoldsInChild([] {
    const User user{.uid = kUnknownId, .gid = kUnknownId, .name = {}};
    return BecomeUser(user).ok() && BecomeUser(user).ok();
  }));
}

}  // namespace
}  // namespace summon::summoner
