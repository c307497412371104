// SPDX-License-Identifier: Apache-2.0
// Reading and writing key files. Copies of the secret are wiped.
#include "dns/dnssec/key_file.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "base/strings.h"
#include "base/unique_fd.h"

namespace summon::dns::dnssec {

namespace {

constexpr std::string_view kCreatedMark = "# Created: ";
constexpr std::size_t kTimeSize = 14;  // "20261128063000"

// Text that is wiped when it goes.
struct Secret {
  std::string text;
  Secret() = default;
  explicit Secret(std::string from) : text(std::move(from)) {}
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { OPENSSL_cleanse(text.data(), text.size()); }
};

std::string Octal(unsigned mode) {
  std::array<char, 8> digits{};
  std::snprintf(digits.data(), digits.size(), "%04o", mode);
  return digits.data();
}

Status CheckFile(const struct stat& info, const std::string& path) {
  if (!S_ISREG(info.st_mode)) return Error(ErrorCode::kInvalid, "not a regular file");
  const unsigned mode = info.st_mode & 07777u;
  if ((mode & 077u) != 0) {
    return Error(ErrorCode::kInvalid,
                 StrCat("others may read the secret: its mode is ", Octal(mode),
                        " and must be 0600 (mend it with: chmod 600 ", path,
                        "; if somebody may have read it already, make a new key)"));
  }
  if (info.st_size > static_cast<off_t>(kKeyFileBytesMax)) {
    return Error(ErrorCode::kInvalid, StrCat("the file has ", info.st_size, " bytes; a key has at "
                                             "most ", kKeyFileBytesMax));
  }
  return Ok();
}

// Without growing, which would leave copies behind.
Status ReadAll(int fd, Secret& secret) {
  secret.text.resize(kKeyFileBytesMax);
  std::size_t size = 0;
  while (size < secret.text.size()) {
    const ssize_t got = read(fd, secret.text.data() + size, secret.text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoError("read it", errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  secret.text.resize(size);
  return Ok();
}

Result<StoredKey> Load(const std::string& path) {
  // O_NONBLOCK: a pipe in the file's place must not hang us.
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) {
    const Error error = ErrnoError("open it", errno);
    if (error.code() != ErrorCode::kPermission) return error;
    return Error(error.code(), StrCat(error.message(), " (it must belong to the user that summond "
                                      "runs as: chown it)"));
  }
  struct stat info {};
  if (fstat(fd.get(), &info) != 0) return ErrnoError("look at it", errno);
  SUMMON_TRY(CheckFile(info, path));
  Secret secret;
  SUMMON_TRY(ReadAll(fd.get(), secret));
  StoredKey stored{.key = SUMMON_TRY(SigningKey::FromPem(secret.text)),
                   .created = ParseCreated(secret.text).value_or(info.st_mtim.tv_sec)};
  return stored;
}

Status WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = write(fd, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return ErrnoError("write it", errno);
    text.remove_prefix(static_cast<std::size_t>(put));
  }
  if (fsync(fd) != 0) return ErrnoError("write it to the disk", errno);
  return Ok();
}

}  // namespace

std::string TimeText(std::int64_t seconds) {
  const time_t at = seconds;
  struct tm parts {};
  std::array<char, kTimeSize + 1> text{};
  if (gmtime_r(&at, &parts) == nullptr) return "?";
  if (strftime(text.data(), text.size(), "%Y%m%d%H%M%S", &parts) != kTimeSize) return "?";
  return text.data();
}

std::optional<std::int64_t> ParseCreated(std::string_view text) {
  const std::size_t mark = text.find(kCreatedMark);
  if (mark == std::string_view::npos) return std::nullopt;
  if (mark != 0 && text[mark - 1] != '\n') return std::nullopt;
  const std::string digits(text.substr(mark + kCreatedMark.size(), kTimeSize));
  if (digits.size() != kTimeSize || !ParseUnsigned(digits)) return std::nullopt;
  struct tm parts {};
  const char* end = strptime(digits.c_str(), "%Y%m%d%H%M%S", &parts);
  if (end == nullptr || *end != '\0') return std::nullopt;
  const time_t at = timegm(&parts);
  // What does not come back the same was no time: the 31st of February.
  if (TimeText(at) != digits) return std::nullopt;
  return at;
}

Result<StoredKey> LoadKeyFile(const std::string& path) {
  return Load(path).Wrap(StrCat("key file ", path));
}

Status WriteKeyFile(const NewKeyFile& file, const SigningKey& key) {
  const std::string doing = StrCat("key file ", file.path);
  const Secret secret(StrCat("# Secret key of the zone ", file.apex.ToText(), ", tag ", key.tag(),
                             ". Keep it from others.\n", kCreatedMark, TimeText(file.created),
                             '\n', key.ToPem()));
  const UniqueFd fd(open(file.path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd.valid() && errno == EEXIST) {
    return Error(ErrorCode::kBusy, StrCat(doing, ": there is something already, and a key is never "
                                          "overwritten (take another name, or move it away)"));
  }
  if (!fd.valid()) return ErrnoError(StrCat(doing, ": make it"), errno);
  Status done = WriteAll(fd.get(), secret.text);
  if (!done.ok()) (void)unlink(file.path.c_str());  // ours, and half a key only
  return std::move(done).Wrap(doing);
}

}  // namespace summon::dns::dnssec
