// SPDX-License-Identifier: Apache-2.0
#pragma once
// Becoming another user for good, once everything that needs a privilege is open.

#include <string>

#include "base/result.h"

namespace summon::summoner {

struct User {
  unsigned uid = 0;
  unsigned gid = 0;
  std::string name;  // empty for a number that the user database does not know
};

// `text` is a name of the user database, or a number; a number that the database does not know
// stands for the group of the same number too. Errors: kNotFound, kInvalid.
Result<User> FindUser(const std::string& text);

// From here on this process, with all its threads, is `user` with the groups that the database
// gives that user and no others. Unless that is root, it holds no capability and cannot gain any
// (no_new_privs); a process that was not root, but had capabilities, keeps them in threads other
// than the calling one.
// Errors: kPermission when this process may not; then it may be half changed and should end.
Status BecomeUser(const User& user);

}  // namespace summon::summoner
