// SPDX-License-Identifier: Apache-2.0
#pragma once
// Result<T> and Status: how a function says that it failed, and why.
//
// We do not throw. What can fail in production returns a Result; the compiler refuses to let it
// be ignored. An Error carries a code for programs and a message for people; each level that
// passes it on may add what it was doing with Wrap().

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/check.h"

namespace summon {

// What a caller may want to tell apart. Anything finer belongs in the message.
enum class ErrorCode {
  kInvalid,      // the input is wrong; trying again cannot help
  kNotFound,     // the thing named does not exist
  kExhausted,    // a bound was reached
  kPermission,   // the operating system refused
  kUnavailable,  // not now: a device, peer or process is missing
  kBusy,         // taken by someone else
  kTimeout,      // a deadline passed
  kIo,           // a system call failed otherwise
};

// The code's name as it stands in logs and JSON: "invalid", "not_found", ...
std::string_view ErrorCodeName(ErrorCode code);

class [[nodiscard]] Error {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }

  // The same error with `doing: ` in front of its message.
  Error Wrap(std::string_view doing) const&;

 private:
  ErrorCode code_;
  std::string message_;
};

// An Error for a failed system call: "<doing>: <text of error_number>", with the code that fits
// the errno (EACCES, EPERM: kPermission; ENOENT, ENODEV, ENXIO: kNotFound; EBUSY, EADDRINUSE,
// EEXIST: kBusy; EMFILE, ENFILE, ENOMEM, ENOSPC: kExhausted; ETIMEDOUT: kTimeout; else kIo).
Error ErrnoError(std::string_view doing, int error_number);

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}      // NOLINT: implicit by design
  Result(Error error) : state_(std::move(error)) {}  // NOLINT: implicit by design

  bool ok() const { return std::holds_alternative<T>(state_); }
  explicit operator bool() const { return ok(); }

  // The value; a bug (abort) when !ok().
  T& value() & {
    SUMMON_CHECK(ok());
    return std::get<T>(state_);
  }
  const T& value() const& {
    SUMMON_CHECK(ok());
    return std::get<T>(state_);
  }
  T value() && {
    SUMMON_CHECK(ok());
    return std::move(std::get<T>(state_));
  }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }

  // The error; a bug (abort) when ok().
  const Error& error() const {
    SUMMON_CHECK(!ok());
    return std::get<Error>(state_);
  }

  // The same result; a failure has `doing: ` in front of its message.
  Result Wrap(std::string_view doing) && {
    if (ok()) return std::move(*this);
    return error().Wrap(doing);
  }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT: implicit by design

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  void value() const { SUMMON_CHECK(ok()); }
  const Error& error() const {
    SUMMON_CHECK(!ok());
    return *error_;
  }
  Result Wrap(std::string_view doing) && {
    if (ok()) return std::move(*this);
    return error_->Wrap(doing);
  }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

inline Status Ok() { return Status(); }

}  // namespace summon

// The value of a Result, or an early return of its error from the enclosing function.
#define SUMMON_TRY(expression)                            \
  ({                                                      \
    auto summon_try_result = (expression);                \
    if (!summon_try_result.ok()) [[unlikely]]             \
      return ::summon::Error(summon_try_result.error());  \
    std::move(summon_try_result).value();                 \
  })
