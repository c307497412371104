// SPDX-License-Identifier: Apache-2.0
// Calendar arithmetic by <chrono>; see the header.
#include "dns/calendar.h"

#include <chrono>

#include "base/strings.h"

namespace summon::dns {

namespace {

using std::chrono::year_month_day;
using Days = std::chrono::sys_days;

std::string Padded(std::uint64_t value, std::size_t digits) {
  std::string text = StrCat(value);
  return text.size() < digits ? std::string(digits - text.size(), '0') + text : text;
}

}  // namespace

std::optional<std::uint32_t> ParseCalendarTime(std::string_view text) {
  constexpr std::size_t kDigits = 14;
  const auto whole = ParseUnsigned(text);
  if (!whole) return std::nullopt;
  if (text.size() != kDigits) {
    if (*whole > 0xffff'ffff) return std::nullopt;
    return static_cast<std::uint32_t>(*whole);
  }
  const auto second = *whole % 100;
  const auto minute = *whole / 100 % 100;
  const auto hour = *whole / 10'000 % 100;
  const auto day = static_cast<unsigned>(*whole / 1'000'000 % 100);
  const auto month = static_cast<unsigned>(*whole / 100'000'000 % 100);
  const auto year = static_cast<int>(*whole / 10'000'000'000);
  const year_month_day date{std::chrono::year(year), std::chrono::month(month),
                            std::chrono::day(day)};
  if (!date.ok() || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  const auto days = Days(date).time_since_epoch().count();
  const auto seconds = std::int64_t{days} * 86'400 +
                       static_cast<std::int64_t>(hour * 3'600 + minute * 60 + second);
  return static_cast<std::uint32_t>(seconds);
}

std::string CalendarTimeText(std::uint32_t seconds) {
  constexpr std::uint32_t kDay = 86'400;
  const year_month_day date{Days(std::chrono::days(seconds / kDay))};
  const std::uint32_t rest = seconds % kDay;
  return StrCat(Padded(static_cast<std::uint64_t>(static_cast<int>(date.year())), 4),
                Padded(static_cast<unsigned>(date.month()), 2),
                Padded(static_cast<unsigned>(date.day()), 2), Padded(rest / 3'600, 2),
                Padded(rest / 60 % 60, 2), Padded(rest % 60, 2));
}

}  // namespace summon::dns
