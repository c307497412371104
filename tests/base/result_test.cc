// SPDX-License-Identifier: Apache-2.0
// Result, Status, checks and descriptors.
#include "base/result.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

#include "base/check.h"
#include "base/unique_fd.h"

namespace summon {
namespace {

Result<int> Half(int number) {
  if (number % 2 != 0) return Error(ErrorCode::kInvalid, "odd");
  return number / 2;
}

Result<int> Quarter(int number) {
  const int half = SUMMON_TRY(Half(number));
  return Half(half).Wrap("halving again");
}

bool IsOpen(int fd) { return fcntl(fd, F_GETFD) >= 0; }

TEST(Result, HoldsAValueOrAnError) {
  EXPECT_EQ(Half(4).value(), 2);
  EXPECT_EQ(Half(3).error().message(), "odd");
  EXPECT_EQ(Half(3).error().code(), ErrorCode::kInvalid);
}

TEST(Result, TryReturnsTheErrorEarly) {
  EXPECT_EQ(Quarter(8).value(), 2);
  EXPECT_EQ(Quarter(7).error().message(), "odd");
}

TEST(Result, WrapSaysWhatWasBeingDone) {
  EXPECT_EQ(Quarter(6).error().message(), "halving again: odd");
  EXPECT_EQ(Half(4).Wrap("never seen").value(), 2);
}

TEST(Result, CarriesValuesThatOnlyMove) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(5);
  const std::unique_ptr<int> taken = std::move(result).value();
  EXPECT_EQ(*taken, 5);
}

TEST(Status, IsOkOrHoldsAnError) {
  EXPECT_TRUE(Ok().ok());
  const Status failed = Error(ErrorCode::kBusy, "taken");
  EXPECT_EQ(Status(failed).Wrap("open tap").error().message(), "open tap: taken");
}

TEST(ResultDeathTest, AskingAFailureForItsValueIsABug) {
  EXPECT_DEATH((void)Half(3).value(), "check failed: ok\\(\\)");
}

TEST(CheckDeathTest, SaysWhereAndWhat) {
  EXPECT_DEATH(SUMMON_CHECK(1 + 1 == 3), "result_test.cc:[0-9]+: check failed: 1 \\+ 1 == 3");
}

TEST(ErrnoError, PicksTheCodeThatFits) {
  EXPECT_EQ(ErrnoError("x", EACCES).code(), ErrorCode::kPermission);
  EXPECT_EQ(ErrnoError("x", ENOENT).code(), ErrorCode::kNotFound);
  EXPECT_EQ(ErrnoError("x", EADDRINUSE).code(), ErrorCode::kBusy);
  EXPECT_EQ(ErrnoError("x", ENOSPC).code(), ErrorCode::kExhausted);
  EXPECT_EQ(ErrnoError("x", ETIMEDOUT).code(), ErrorCode::kTimeout);
  EXPECT_EQ(ErrnoError("x", EIO).code(), ErrorCode::kIo);
  EXPECT_EQ(ErrnoError("open /x", ENOENT).message(), "open /x: No such file or directory");
}

TEST(ErrorCodeName, IsLowerCaseWithUnderscores) {
  EXPECT_EQ(ErrorCodeName(ErrorCode::kNotFound), "not_found");
}

TEST(UniqueFd, ClosesWhenItGoes) {
  int number = -1;
  {
    const UniqueFd fd(open("/dev/null", O_RDONLY | O_CLOEXEC));
    number = fd.get();
    ASSERT_TRUE(IsOpen(number));
  }
  EXPECT_FALSE(IsOpen(number));
}

TEST(UniqueFd, MovingTakesOwnershipAndClosesWhatWasThere) {
  UniqueFd first(open("/dev/null", O_RDONLY | O_CLOEXEC));
  UniqueFd second(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int kept = first.get();
  const int closed = second.get();
  second = std::move(first);
  EXPECT_EQ(second.get(), kept);
  EXPECT_FALSE(IsOpen(closed));
}

TEST(UniqueFd, DuplicateIsCloseOnExecAndIndependent) {
  UniqueFd original(open("/dev/null", O_RDONLY));
  const auto copy = original.Duplicate();
  ASSERT_TRUE(copy.ok());
  original.Reset();
  EXPECT_EQ(fcntl(copy->get(), F_GETFD), FD_CLOEXEC);
}

TEST(UniqueFd, DuplicatingNothingFails) { EXPECT_FALSE(UniqueFd().Duplicate().ok()); }

}  // namespace
}  // namespace summon
