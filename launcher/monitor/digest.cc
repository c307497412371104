// SPDX-License-Identifier: Apache-2.0
// The only place that includes xxHash.
#include "launcher/monitor/digest.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/strings.h"

namespace summon::launcher {

struct Hasher::State {
  XXH3_state_t xxh3;
};

Hasher::Hasher() : state_(std::make_unique<State>()) { XXH3_128bits_reset(&state_->xxh3); }
Hasher::~Hasher() = default;

void Hasher::Add(Bytes bytes) { XXH3_128bits_update(&state_->xxh3, bytes.data(), bytes.size()); }

Digest Hasher::Finish() const {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(&state_->xxh3));
  Digest digest;
  std::copy_n(canonical.digest, digest.bytes.size(), digest.bytes.begin());
  return digest;
}

std::string Digest::ToString() const {
  std::string text;
  for (const std::uint8_t byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

Digest DigestOf(const std::vector<Bytes>& parts) {
  Hasher hasher;
  for (const Bytes part : parts) hasher.Add(part);
  return hasher.Finish();
}

Result<Digest> DigestOfFile(int file, std::uint64_t size) {
  constexpr std::size_t kChunkBytes = 256 << 10;
  std::vector<std::uint8_t> chunk(kChunkBytes);
  Hasher hasher;
  for (std::uint64_t offset = 0; offset < size;) {
    const std::size_t wanted = std::min<std::uint64_t>(kChunkBytes, size - offset);
    const ssize_t read = pread(file, chunk.data(), wanted, static_cast<off_t>(offset));
    if (read < 0 && errno == EINTR) continue;
    if (read < 0) return ErrnoError("read file for its digest", errno);
    if (read == 0) return Error(ErrorCode::kIo, "read file for its digest: it became smaller");
    hasher.Add(Bytes(chunk.data(), static_cast<std::size_t>(read)));
    offset += static_cast<std::uint64_t>(read);
  }
  return hasher.Finish();
}

}  // namespace summon::launcher
