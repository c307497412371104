// SPDX-License-Identifier: Apache-2.0
// Requests by anybody: what is used was there, what is answered is HTTP and fits, and a request
// that comes in two pieces is answered as if it came in one.
#include <string_view>

#include "base/check.h"
#include "guests/web/http.h"

namespace {

using summon::guest::web::Answer;
using summon::guest::web::Facts;
using summon::guest::web::kReplyMax;
using summon::guest::web::kRequestMax;
using summon::guest::web::kStreamMax;
using summon::guest::web::Reply;

constexpr Facts kFacts{.name = "web", .kind = "unikernel", .ready_us = 1, .first_frame_us = 2,
                       .now_us = 3, .requests = 4, .boot_wall_s = 5};

std::string_view HeadOf(const Reply& reply) { return {reply.head.data(), reply.head_bytes}; }

void CheckReply(const Reply& reply) {
  SUMMON_CHECK(reply.head_bytes <= kReplyMax && reply.stream_bytes <= kStreamMax);
  SUMMON_CHECK(HeadOf(reply).starts_with("HTTP/1.1 "));
  SUMMON_CHECK(HeadOf(reply).find("\r\n\r\n") != std::string_view::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // SAFETY: char and uint8_t have the same representation.
  std::string_view left(reinterpret_cast<const char*>(data), size);
  static Reply reply;
  static Reply again;
  while (!left.empty()) {
    reply = Reply{};
    const std::size_t used = Answer(left, kFacts, reply);
    SUMMON_CHECK(used <= left.size());
    if (used == 0) {
      SUMMON_CHECK(reply.head_bytes == 0);        // untouched
      SUMMON_CHECK(left.size() <= kRequestMax);   // or nobody would ever be refused
      break;
    }
    CheckReply(reply);
    // Nothing behind the request matters to it.
    again = Reply{};
    SUMMON_CHECK(Answer(left.substr(0, used), kFacts, again) == used);
    SUMMON_CHECK(HeadOf(again) == HeadOf(reply) && again.stream_bytes == reply.stream_bytes &&
                 again.close == reply.close);
    if (reply.close) break;
    left.remove_prefix(used);
  }
  return 0;
}
