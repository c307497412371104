// SPDX-License-Identifier: Apache-2.0
#pragma once
// The HTTP/1.1 of the web service: request bytes in, response bytes out; no I/O, no allocation.
//
// Portable: the unikernel and the native program share it, tests and fuzzers run it on the host.
// The parser is strict (RFC 9112): lines end in CRLF, field names are tokens, no folding.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace summon::guest::web {

inline constexpr std::size_t kRequestMax = 8 * 1024;        // head of a request; more is 431
inline constexpr std::size_t kReplyMax = 4 * 1024;          // head and page of a response
inline constexpr std::uint64_t kStreamMax = 100'000'000;    // /bytes/N
inline constexpr std::size_t kPatternLine = 64;             // the streamed body repeats this

// What the page tells about its machine. Times in microseconds since the guest was entered.
struct Facts {
  std::string_view name;
  std::string_view kind;  // "unikernel" or "native process"
  std::uint64_t ready_us = 0;
  std::uint64_t first_frame_us = 0;
  std::uint64_t now_us = 0;
  std::uint64_t requests = 0;  // this one included
  std::uint64_t boot_wall_s = 0;
};

// A response: `head` bytes, then `stream_bytes` of the pattern. Then the connection is closed if
// `close` is set.
struct Reply {
  std::array<char, kReplyMax> head;
  std::size_t head_bytes = 0;
  std::uint64_t stream_bytes = 0;
  bool close = false;
};

// How many bytes of `received` the first request takes, with its response in `reply`; 0 when the
// request is not complete yet (then `reply` is untouched). Call again for pipelined requests.
std::size_t Answer(std::string_view received, const Facts& facts, Reply& reply);

// 4096 bytes of pattern: line after line of letters. A body's byte i is pattern[i % kPatternLine].
inline constexpr std::size_t kPatternBytes = 4096;
extern const std::array<char, kPatternBytes> kPattern;

}  // namespace summon::guest::web
