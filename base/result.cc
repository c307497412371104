// SPDX-License-Identifier: Apache-2.0
// Names of error codes, and errors made from errno.
#include "base/result.h"

#include <cerrno>
#include <cstring>

#include "base/strings.h"

namespace summon {

std::string_view ErrorCodeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid: return "invalid";
    case ErrorCode::kNotFound: return "not_found";
    case ErrorCode::kExhausted: return "exhausted";
    case ErrorCode::kPermission: return "permission";
    case ErrorCode::kUnavailable: return "unavailable";
    case ErrorCode::kBusy: return "busy";
    case ErrorCode::kTimeout: return "timeout";
    case ErrorCode::kIo: return "io";
  }
  SUMMON_CHECK(!"an error code without a name");
  return "";
}

Error Error::Wrap(std::string_view doing) const& {
  return Error(code_, StrCat(doing, ": ", message_));
}

Error ErrnoError(std::string_view doing, int error_number) {
  ErrorCode code = ErrorCode::kIo;
  switch (error_number) {
    case EACCES:
    case EPERM: code = ErrorCode::kPermission; break;
    case ENOENT:
    case ENODEV:
    case ENXIO: code = ErrorCode::kNotFound; break;
    case EBUSY:
    case EADDRINUSE:
    case EEXIST: code = ErrorCode::kBusy; break;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOSPC: code = ErrorCode::kExhausted; break;
    case ETIMEDOUT: code = ErrorCode::kTimeout; break;
    default: break;
  }
  char buffer[128];
  // The GNU strerror_r returns the text, which need not be in the buffer.
  return Error(code, StrCat(doing, ": ", strerror_r(error_number, buffer, sizeof buffer)));
}

}  // namespace summon
