// SPDX-License-Identifier: Apache-2.0
// The web service as an ordinary Linux program: one connection on stdin and stdout, as inetd
// starts it. Benchmarks compare it with the unikernel.

#include <ctime>
#include <cstring>

#include <unistd.h>

#include "guests/web/http.h"

namespace {

using summon::guest::web::Answer;
using summon::guest::web::Facts;
using summon::guest::web::kPattern;
using summon::guest::web::kPatternLine;
using summon::guest::web::kRequestMax;
using summon::guest::web::Reply;

constexpr unsigned kSilenceMaxS = 20;  // then SIGALRM ends the process

std::uint64_t NowUs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

bool WriteAll(const char* data, std::size_t count) {
  while (count > 0) {
    const ssize_t put = write(STDOUT_FILENO, data, count);
    if (put <= 0) return false;
    data += put;
    count -= static_cast<std::size_t>(put);
    alarm(kSilenceMaxS);
  }
  return true;
}

bool Send(const Reply& reply) {
  if (!WriteAll(reply.head.data(), reply.head_bytes)) return false;
  constexpr std::size_t kChunk = kPattern.size() / kPatternLine * kPatternLine;
  for (std::uint64_t left = reply.stream_bytes; left > 0;) {
    const std::size_t count = left < kChunk ? static_cast<std::size_t>(left) : kChunk;
    if (!WriteAll(kPattern.data(), count)) return false;
    left -= count;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t entered_us = NowUs();
  Facts facts{.name = argc > 1 ? argv[1] : "web", .kind = "native process"};
  facts.boot_wall_s = static_cast<std::uint64_t>(time(nullptr));
  facts.ready_us = NowUs() - entered_us;
  char received[2 * kRequestMax];
  std::size_t held = 0;
  static Reply reply;  // large, and used by one thread
  while (true) {
    alarm(kSilenceMaxS);
    const ssize_t got = read(STDIN_FILENO, received + held, sizeof received - held);
    if (got <= 0) return 0;
    held += static_cast<std::size_t>(got);
    if (facts.first_frame_us == 0) facts.first_frame_us = NowUs() - entered_us;
    while (true) {
      facts.now_us = NowUs() - entered_us;
      ++facts.requests;
      const std::size_t used = Answer({received, held}, facts, reply);
      if (used == 0) break;
      if (!Send(reply) || reply.close) return 0;
      held -= used;
      std::memmove(received, received + used, held);
    }
    --facts.requests;
  }
}
