// SPDX-License-Identifier: Apache-2.0
#pragma once
// Keys in files: PEM (PKCS #8), with a line in front that says when the key was made.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "dns/dnssec/key.h"

namespace summon::dns::dnssec {

inline constexpr std::size_t kKeyFileBytesMax = 16 * 1024;

struct StoredKey {
  SigningKey key;
  // Seconds since 1970: what the file says, else when it was last changed. A clock that shows an
  // earlier time is wrong.
  std::int64_t created = 0;
};

// Blocks on the file system.
// Errors, each with the file's name: kNotFound and kPermission as the system says; kInvalid when
// others than its owner may read the file, or it holds no key that we can use.
Result<StoredKey> LoadKeyFile(const std::string& path);

// Writes a file that only its owner can read.
// Errors: kBusy when something has that name already: a key is never overwritten.
struct NewKeyFile {
  const std::string& path;
  const Name& apex;  // told in the file's first line
  std::int64_t created = 0;
};
Status WriteKeyFile(const NewKeyFile& file, const SigningKey& key);

// "20261128063000": UTC, as in the presentation form of signatures' times (RFC 4034 section 3.2).
std::string TimeText(std::int64_t seconds);
// The time in a line "# Created: 20261128063000"; nothing when there is none.
std::optional<std::int64_t> ParseCreated(std::string_view text);

}  // namespace summon::dns::dnssec
