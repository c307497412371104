// SPDX-License-Identifier: Apache-2.0
#pragma once
// What guests print: the last of it is kept, and a guest that floods costs us little.

#include <cstdint>
#include <memory>
#include <string>

#include "base/loop/loop.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace summon::launcher {

// The last `capacity` bytes that were appended.
class ConsoleRing final {
 public:
  explicit ConsoleRing(std::size_t capacity) : capacity_(capacity) {}

  void Append(std::string_view text);
  // Oldest first.
  std::string Contents() const;

 private:
  const std::size_t capacity_;
  std::string bytes_;       // grows up to the capacity, then is written round
  std::size_t oldest_ = 0;  // where the oldest byte stands once it is full
};

// Reads the console pipe of one instance into its service's ring. After each chunk it rests, so a
// guest is read at no more than kChunkBytes in kRest; what it prints beyond that stays in the
// pipe, and then its monitor drops and counts it.
class ConsoleReader final {
 public:
  static constexpr std::size_t kChunkBytes = 16 * 1024;
  static constexpr Duration kRest = std::chrono::milliseconds(10);

  struct Pipe {
    std::unique_ptr<ConsoleReader> reader;
    UniqueFd writer;  // non-blocking; for the monitor
  };
  // `ring` outlives the reader, which does not read before Begin().
  static Result<Pipe> Create(Loop& loop, ConsoleRing& ring);
  // Reads as it comes from here on. Once.
  Status Begin();

  ConsoleReader(const ConsoleReader&) = delete;
  ConsoleReader& operator=(const ConsoleReader&) = delete;

  // Reads what is left in the pipe, at most one ring full; for when the writer is gone.
  void Drain();

 private:
  ConsoleReader(Loop& loop, ConsoleRing& ring, UniqueFd pipe);
  void ReadSome();
  // Bytes read; 0 at the end of file or when nothing waits.
  std::size_t ReadChunk();

  Loop& loop_;
  ConsoleRing& ring_;
  const UniqueFd pipe_;
  Timer rest_;
  std::unique_ptr<FdWatcher> watcher_;
};

}  // namespace summon::launcher
