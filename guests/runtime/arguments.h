// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reads a guest's command line: words of the form --key=value, in the way MirageOS does.
//
// Pure and portable; tested on the host.

#include <cstdint>
#include <optional>
#include <string_view>

namespace summon::guest {

struct Ipv4 {
  std::uint32_t value = 0;  // host byte order
  friend bool operator==(Ipv4, Ipv4) = default;
};

struct Ipv4Network {
  Ipv4 address;
  std::uint32_t prefix_bits = 32;

  std::uint32_t mask() const {
    return prefix_bits == 0 ? 0 : ~std::uint32_t{0} << (32 - prefix_bits);
  }
  bool Contains(Ipv4 other) const { return ((address.value ^ other.value) & mask()) == 0; }
};

// "10.77.0.1"; leading zeros are refused, since some read them as octal.
std::optional<Ipv4> ParseIpv4(std::string_view text);
// "10.77.0.10/24".
std::optional<Ipv4Network> ParseIpv4Network(std::string_view text);
// A whole decimal number of at most `limit`.
std::optional<std::uint64_t> ParseNumber(std::string_view text, std::uint64_t limit);

// The words of a command line, separated by single or many spaces.
class Words final {
 public:
  explicit Words(std::string_view text) : rest_(text) {}
  // The next word; nothing at the end.
  std::optional<std::string_view> Next();

 private:
  std::string_view rest_;
};

// What the network services are told.
struct NetArguments {
  Ipv4Network ipv4;
  Ipv4 gateway;  // 0.0.0.0: none
  std::string_view name = "service";
  // How long the guest takes before it is ready: stands for a guest that boots slowly.
  std::uint64_t delay_ms = 0;
};

inline constexpr std::uint64_t kDelayMsMax = 60'000;

// Why a command line was refused; `word` is the culprit and `why` completes a sentence.
struct ArgumentError {
  std::string_view word;
  const char* why;
};

// Fills `arguments` from --ipv4= (required), --ipv4-gateway=, --name= and --delay-ms= (at most
// kDelayMsMax). Words of the runtime (--solo5:...) are skipped. Returns what is wrong, or nothing.
std::optional<ArgumentError> ParseNetArguments(std::string_view command_line,
                                               NetArguments& arguments);

// 1 to 63 characters of [A-Za-z0-9.-]: safe to print anywhere, in HTML and JSON too.
bool ValidName(std::string_view name);

}  // namespace summon::guest
