// SPDX-License-Identifier: Apache-2.0
// TCP framing: however the stream is cut into pieces, the same messages come out. The first octet
// of the input is the size of the pieces.
#include <algorithm>
#include <vector>

#include "base/check.h"
#include "dns/tcp_framer.h"

namespace {

using summon::Bytes;
using Messages = std::vector<std::vector<std::uint8_t>>;

// At most `count` messages.
std::size_t Take(summon::dns::TcpFramer& framer, std::size_t count, Messages& messages) {
  std::size_t taken = 0;
  for (; taken < count; ++taken) {
    const auto message = framer.Next();
    if (!message) break;
    messages.emplace_back(message->begin(), message->end());
  }
  return taken;
}

Messages Unframe(Bytes stream, std::size_t piece, std::size_t batch) {
  summon::dns::TcpFramer framer;
  Messages messages;
  while (!stream.empty()) {
    const std::size_t size = std::min(piece, stream.size());
    framer.Begin(stream.first(size));
    stream = stream.subspan(size);
    // Stopping early, as a connection does that has too much unanswered, loses nothing.
    Take(framer, batch, messages);
    framer.End();
    while (framer.ready()) {
      framer.Begin({});
      SUMMON_CHECK(Take(framer, batch, messages) > 0 || framer.broken());
      framer.End();
      if (framer.broken()) break;
    }
    if (framer.broken()) break;
    SUMMON_CHECK(framer.pending() == (framer.held() > 0));
  }
  return messages;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Bytes stream(data + 1, size - 1);
  const Messages whole = Unframe(stream, stream.size(), stream.size());
  SUMMON_CHECK(Unframe(stream, std::size_t{data[0]} + 1, 1) == whole);
  SUMMON_CHECK(Unframe(stream, 1, 2) == whole);
  SUMMON_CHECK(Unframe(stream, stream.size(), 1) == whole);
  return 0;
}
