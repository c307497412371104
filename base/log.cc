// SPDX-License-Identifier: Apache-2.0
// Formatting and rate limiting of log lines.
#include "base/log.h"

#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace summon {

namespace {

std::string_view LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kError: return "error";
    case LogLevel::kWarning: return "warning";
    case LogLevel::kInfo: return "info";
    case LogLevel::kDebug: return "debug";
  }
  return "?";
}

std::string WallTimeText() {
  const std::int64_t nanos = WallNanos();
  const time_t seconds = nanos / 1'000'000'000;
  tm parts{};
  (void)gmtime_r(&seconds, &parts);  // fails only for years that do not fit an int
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", parts.tm_year + 1900,
                parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                static_cast<int>(nanos % 1'000'000'000 / 1000));
  return text;
}

}  // namespace

Logger::Format Logger::FormatFromEnvironment() {
  return std::getenv("JOURNAL_STREAM") != nullptr ? Format::kJournal : Format::kPlain;
}

bool Logger::Admit(std::string_view message, std::uint64_t& suppressed) {
  const Instant now = clock_.Now();
  auto found = windows_.find(message);
  if (found == windows_.end()) {
    if (windows_.size() >= kMessagesMax) return true;
    found = windows_.emplace(std::string(message), Window{now, 0, 0}).first;
  }
  Window& window = found->second;
  if (now - window.began >= kRateWindow) {
    suppressed = window.suppressed;
    window = Window{now, 0, 0};
  }
  if (window.lines >= kLinesPerWindow) {
    ++window.suppressed;
    ++lines_suppressed_;
    return false;
  }
  ++window.lines;
  return true;
}

void Logger::Write(LogLevel level, std::string_view message,
                   std::initializer_list<Field> fields) {
  if (level > level_) return;
  std::uint64_t suppressed = 0;
  if (!Admit(message, suppressed)) return;
  std::string line = format_ == Format::kJournal
                         ? StrCat('<', static_cast<int>(level), '>')
                         : StrCat(WallTimeText(), ' ', program_, ' ', LevelName(level), ' ');
  line += message;
  for (const Field& field : fields) {
    line += StrCat(' ', field.key(), '=', field.value());
  }
  if (suppressed > 0) line += StrCat(" suppressed_before=", suppressed);
  line += '\n';
  (void)!write(fd_, line.data(), line.size());  // nowhere to report that the log is gone
}

}  // namespace summon
