// SPDX-License-Identifier: Apache-2.0
// Reading resolv.conf; see the header.
#include "dns/forward/resolv_conf.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/strings.h"
#include "base/unique_fd.h"

namespace summon::dns::forward {

namespace {

constexpr std::uint16_t kDnsPort = 53;

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

// The next word of `line`, which loses it; empty at its end.
std::string_view TakeWord(std::string_view& line) {
  while (!line.empty() && IsBlank(line.front())) line.remove_prefix(1);
  std::size_t size = 0;
  while (size < line.size() && !IsBlank(line[size])) ++size;
  const std::string_view word = line.substr(0, size);
  line.remove_prefix(size);
  return word;
}

std::optional<Endpoint> ServerOf(std::string_view text) {
  const auto endpoint = text.find(':') == std::string_view::npos
                            ? Endpoint::Parse(StrCat(text, ':', kDnsPort))
                            : Endpoint::Parse(StrCat('[', text, "]:", kDnsPort));
  if (!endpoint.ok()) return std::nullopt;
  return *endpoint;
}

}  // namespace

std::vector<Endpoint> ParseResolvConf(std::string_view text) {
  std::vector<Endpoint> servers;
  for (std::string_view line : Split(text.substr(0, kResolvConfBytesMax), '\n')) {
    if (line.starts_with('#') || line.starts_with(';')) continue;
    if (TakeWord(line) != "nameserver") continue;
    const auto server = ServerOf(TakeWord(line));
    if (!server || servers.size() == kResolvConfServersMax) continue;
    if (std::find(servers.begin(), servers.end(), *server) == servers.end()) {
      servers.push_back(*server);
    }
  }
  return servers;
}

// What was found in the file; made on a pool thread, then read on the loop's.
struct ResolvConfWatch::Reading {
  std::string text;
  int error_number = 0;
};

ResolvConfWatch::ResolvConfWatch(Loop& loop, Logger& log, std::string path,
                                 std::function<void(const std::vector<Endpoint>&)> on_servers)
    : loop_(loop),
      log_(log),
      path_(std::move(path)),
      on_servers_(std::move(on_servers)),
      self_(std::make_shared<ResolvConfWatch*>(this)),
      timer_(loop, [this] { Look(); }) {
  timer_.Set(loop_.Now());
}

ResolvConfWatch::~ResolvConfWatch() { *self_ = nullptr; }

void ResolvConfWatch::Look() {
  // Goes through the pool thread and back; used by one at a time.
  auto reading = std::make_shared<Reading>();
  loop_.Offload(
      [reading, path = path_] {
        const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
        if (!fd.valid()) {
          reading->error_number = errno;
          return;
        }
        std::string space(kResolvConfBytesMax, '\0');
        const ssize_t count = read(fd.get(), space.data(), space.size());
        if (count < 0) reading->error_number = errno;
        space.resize(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
        reading->text = std::move(space);
      },
      [reading, self = self_] {
        if (*self != nullptr) (*self)->OnRead(*reading);
      });
}

void ResolvConfWatch::OnRead(const Reading& reading) {
  timer_.Set(loop_.Now() + kPeriod);
  std::vector<Endpoint> servers = ParseResolvConf(reading.text);
  std::string problem;
  if (reading.error_number != 0) {
    problem = ErrnoError(StrCat("read ", path_), reading.error_number).message();
  } else if (servers.empty()) {
    problem = StrCat("read ", path_, ": no line \"nameserver ADDRESS\"");
  }
  if (problem != problem_ && !problem.empty()) {
    log_.Warning("no upstream servers", {{"why", problem}});
  }
  problem_ = std::move(problem);
  if (known_ && servers == servers_) return;
  known_ = true;
  servers_ = std::move(servers);
  on_servers_(servers_);
}

}  // namespace summon::dns::forward
