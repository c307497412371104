// SPDX-License-Identifier: Apache-2.0
// Secrets from the file or from the system, and the rest from the configuration.
#include "summoner/daemon/manners.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/random.h"
#include "base/strings.h"
#include "base/unique_fd.h"

namespace summon::summoner {

namespace {

// Far more than three secrets with their comments need.
constexpr std::size_t kSecretFileMax = 4'096;

Result<std::string> ReadSecretFile(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info {};
  if (!fd.valid() || fstat(fd.get(), &info) != 0) return ErrnoError("open", errno);
  if ((info.st_mode & S_IROTH) != 0) {
    return Error(ErrorCode::kInvalid, "others may read it (chmod o-rwx mends that)");
  }
  std::string text(kSecretFileMax + 1, '\0');
  const ssize_t got = read(fd.get(), text.data(), text.size());
  if (got < 0) return ErrnoError("read", errno);
  text.resize(static_cast<std::size_t>(got));
  if (text.size() <= kSecretFileMax) return text;
  return Error(ErrorCode::kInvalid, StrCat("it has more than ", kSecretFileMax, " bytes"));
}

Result<dns::CookieSecrets> Secrets(const std::string& path) {
  const std::string text = SUMMON_TRY(ReadSecretFile(path));
  return dns::ParseCookieSecrets(text);
}

}  // namespace

Result<dns::CookieSecrets> ReadCookieSecrets(const std::string& path) {
  auto secrets = Secrets(path);
  if (secrets.ok()) return secrets;
  return secrets.error().Wrap(StrCat("cookie_secret_file ", Quote(path)));
}

MannersKeeper::MannersKeeper(Loop& loop, Logger& log, OnChange on_change)
    : loop_(loop), log_(log), on_change_(std::move(on_change)), roll_(loop, [this] { Roll(); }) {}

Result<std::unique_ptr<MannersKeeper>> MannersKeeper::Create(Loop& loop, Logger& log,
                                                             const configs::Dns& config,
                                                             OnChange on_change) {
  std::unique_ptr<MannersKeeper> keeper(new MannersKeeper(loop, log, std::move(on_change)));
  if (!config.cookie_secret_file.empty()) {
    keeper->manners_.cookies = SUMMON_TRY(ReadCookieSecrets(config.cookie_secret_file));
    keeper->from_file_ = true;
  }
  keeper->Apply(config);
  return keeper;
}

void MannersKeeper::Reload(const configs::Dns& config) {
  const std::uint64_t reload = ++reloads_;
  if (config.cookie_secret_file.empty()) {
    Apply(config);
    return;
  }
  auto secrets = std::make_shared<std::optional<Result<dns::CookieSecrets>>>();
  loop_.Offload([path = config.cookie_secret_file,
                 secrets] { secrets->emplace(ReadCookieSecrets(path)); },
                [this, config, secrets, reload] {
                  if (reload != reloads_) return;
                  const Result<dns::CookieSecrets>& read = **secrets;
                  if (read.ok()) {
                    manners_.cookies = *read;
                    from_file_ = true;
                  } else {
                    log_.Error("the former cookie secrets stay", {{"why", read.error().message()}});
                  }
                  Apply(config);
                });
}

// Settles the secrets, whose file has been read if there is one, and takes over the rest.
void MannersKeeper::Apply(const configs::Dns& config) {
  const bool wants_random = config.cookies && config.cookie_secret_file.empty();
  if (!config.cookies) {
    manners_.cookies = {};
    from_file_ = false;
    roll_.Clear();
  } else if (wants_random && (from_file_ || manners_.cookies.count == 0)) {
    // Cookies that were made with the file's secret stay good for their hour.
    manners_.cookies = manners_.cookies.RolledTo(RandomSipKey());
    from_file_ = false;
    roll_.Set(loop_.Now() + kRollAfter);
  } else if (from_file_) {
    roll_.Clear();
  }
  manners_.edns.udp_size = config.udp_size_max;
  manners_.edns.nsid = dns::Nsid::FromText(config.nsid).value_or(dns::Nsid{});
  manners_.identity = {.version = config.version, .hostname = config.hostname};
  on_change_(manners_);
}

void MannersKeeper::Roll() {
  manners_.cookies = manners_.cookies.RolledTo(RandomSipKey());
  roll_.Set(loop_.Now() + kRollAfter);
  on_change_(manners_);
}

}  // namespace summon::summoner
