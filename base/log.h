// SPDX-License-Identifier: Apache-2.0
#pragma once
// Structured logging: one line an event, a message and named values.
//
// Under systemd (JOURNAL_STREAM is set) each line begins with <n>, the syslog priority that
// journald understands; otherwise with the time and the level. Values that may come from outside
// are quoted, so that no name or packet can forge a line. Log an error once, where it is handled.

#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/strings.h"

namespace summon {

enum class LogLevel { kError = 3, kWarning = 4, kInfo = 6, kDebug = 7 };  // syslog priorities

// One named value of a log line.
class Field {
 public:
  Field(std::string_view key, std::string_view value) : key_(key), value_(Quote(value)) {}
  Field(std::string_view key, const std::string& value)
      : Field(key, std::string_view(value)) {}
  Field(std::string_view key, const char* value) : Field(key, std::string_view(value)) {}
  template <typename Number>
    requires std::is_arithmetic_v<Number>
  Field(std::string_view key, Number value) : key_(key), value_(StrCat(value)) {}

  std::string_view key() const { return key_; }
  const std::string& value() const { return value_; }

 private:
  std::string_view key_;
  std::string value_;
};

// Where lines go. One logger per process, built by main() and passed by reference. One thread.
class Logger final {
 public:
  // At most this many lines of the same message within kRateWindow; then one line that counts
  // what was suppressed. Bounds what a flood of bad packets or guests can write.
  static constexpr int kLinesPerWindow = 20;
  static constexpr Duration kRateWindow = std::chrono::seconds(5);
  // Distinct messages tracked; messages are literals of ours, so this is not reached.
  static constexpr std::size_t kMessagesMax = 512;

  enum class Format { kPlain, kJournal };

  // Writes to `fd` (borrowed). `program` stands in front of plain lines.
  Logger(int fd, std::string program, LogLevel level, Format format, const Clock& clock)
      : fd_(fd), program_(std::move(program)), level_(level), format_(format), clock_(clock) {}

  // kJournal when the environment says that stderr goes to journald.
  static Format FormatFromEnvironment();

  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  void SetLevel(LogLevel level) { level_ = level; }
  // Whether lines of this level are written: for what costs something to put together.
  bool Writes(LogLevel level) const { return level <= level_; }

  void Error(std::string_view message, std::initializer_list<Field> fields = {}) {
    Write(LogLevel::kError, message, fields);
  }
  void Warning(std::string_view message, std::initializer_list<Field> fields = {}) {
    Write(LogLevel::kWarning, message, fields);
  }
  void Info(std::string_view message, std::initializer_list<Field> fields = {}) {
    Write(LogLevel::kInfo, message, fields);
  }
  void Debug(std::string_view message, std::initializer_list<Field> fields = {}) {
    Write(LogLevel::kDebug, message, fields);
  }

  std::uint64_t lines_suppressed() const { return lines_suppressed_; }

 private:
  struct Window {
    Instant began{};
    int lines = 0;
    std::uint64_t suppressed = 0;
  };

  void Write(LogLevel level, std::string_view message, std::initializer_list<Field> fields);
  // True when the line may be written; tells through `suppressed` how many before it were not.
  bool Admit(std::string_view message, std::uint64_t& suppressed);

  const int fd_;
  const std::string program_;
  LogLevel level_;
  const Format format_;
  const Clock& clock_;
  std::map<std::string, Window, std::less<>> windows_;
  std::uint64_t lines_suppressed_ = 0;
};

}  // namespace summon
