// SPDX-License-Identifier: Apache-2.0
// Whatever a client sends instead of TLS: the stream takes it without harm, says no more than a
// handshake needs, and never finds a message in it. The first octet is the size of the pieces.
#include <algorithm>

#include "base/check.h"
#include "dns/tls/record_tracker.h"
#include "dns/tls/source.h"
#include "tests/dns/tls/certificate.h"

namespace {

using summon::Bytes;
using State = summon::dns::SecureStream::State;

// Certificates of ours have about 400 octets; a handshake's answer is that, two signatures and
// extensions. A few alerts come on top.
constexpr std::size_t kReplyMax = 8 * 1024;

// Whether the records end where the octets do, read in pieces.
bool EndsInside(Bytes octets, std::size_t piece) {
  summon::dns::tls::RecordTracker tracker;
  while (!octets.empty()) {
    const std::size_t size = std::min(piece, octets.size());
    tracker.Feed(octets.first(size));
    octets = octets.subspan(size);
  }
  return tracker.inside();
}

class World {
 public:
  World()
      : source_(clock_, summon::dns::tls::Identity::Load(
                            summon::dns::tls::test::MakeCertificate(folder_, "fuzz"))
                            .value()) {}

  void Feed(Bytes octets, std::size_t piece) {
    const auto stream = source_.Accept();
    std::vector<std::uint8_t> plain;
    std::vector<std::uint8_t> reply;
    State state = State::kHandshake;
    while (!octets.empty() && state == State::kHandshake) {
      const std::size_t size = std::min(piece, octets.size());
      state = stream->Receive(octets.first(size), plain, reply);
      octets = octets.subspan(size);
    }
    // A handshake cannot end without an answer to what we sent.
    SUMMON_CHECK(state == State::kHandshake || state == State::kFailed);
    SUMMON_CHECK(plain.empty());
    SUMMON_CHECK(reply.size() <= kReplyMax);
    SUMMON_CHECK(!stream->Send(plain, reply));
    stream->End(reply);
  }

 private:
  summon::SystemClock clock_;
  const summon::dns::tls::test::Folder folder_;
  summon::dns::tls::Source source_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static World world;
  if (size == 0) return 0;
  const Bytes octets(data + 1, size - 1);
  const std::size_t piece = std::size_t{data[0]} + 1;
  SUMMON_CHECK(EndsInside(octets, 1) == EndsInside(octets, piece));
  world.Feed(octets, octets.size());
  world.Feed(octets, piece);
  return 0;
}
