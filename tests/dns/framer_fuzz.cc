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

Messages Unframe(Bytes stream, std::size_t piece) {
  summon::dns::TcpFramer framer;
  Messages messages;
  while (!stream.empty()) {
    const std::size_t size = std::min(piece, stream.size());
    framer.Append(stream.first(size));
    stream = stream.subspan(size);
    while (const auto message = framer.Next()) {
      messages.emplace_back(message->begin(), message->end());
    }
    if (framer.broken()) break;
  }
  return messages;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Bytes stream(data + 1, size - 1);
  const Messages whole = Unframe(stream, stream.size());
  SUMMON_CHECK(Unframe(stream, std::size_t{data[0]} + 1) == whole);
  SUMMON_CHECK(Unframe(stream, 1) == whole);
  return 0;
}
