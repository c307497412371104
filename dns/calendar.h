// SPDX-License-Identifier: Apache-2.0
#pragma once
// Times of signatures (RFC 4034 section 3.2): YYYYMMDDHHmmSS in UTC, kept as 32 bits of seconds
// since 1970 that wrap around.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace summon::dns {

// Fourteen digits, or up to ten digits of seconds since 1970.
std::optional<std::uint32_t> ParseCalendarTime(std::string_view text);

// As fourteen digits, taken as a time of 1970..2106.
std::string CalendarTimeText(std::uint32_t seconds);

}  // namespace summon::dns
