// SPDX-License-Identifier: Apache-2.0
#pragma once
// A second CPU of a hostile guest: a thread that keeps changing guest memory while hypercalls are
// served, so that whatever is checked once and read again is found out.
//
// The monitor gives a guest one virtual CPU, so no guest can do this today; the dispatcher is to
// be sound without that. The race is wanted, and defined: this side writes, and the dispatcher
// copies, with relaxed atomic accesses (hypervisor/memory/shared_copy.h).

#include <atomic>
#include <cstdint>
#include <span>
#include <thread>

#include "tests/hypervisor/seeded.h"

namespace summon::hypervisor {

class Scribbler final {
 public:
  explicit Scribbler(std::uint64_t seed) : random_(seed), thread_([this] { Work(); }) {}
  ~Scribbler() {
    Stop();
    ended_.store(true);
    running_.store(true);
    running_.notify_one();
    thread_.join();
  }
  Scribbler(const Scribbler&) = delete;
  Scribbler& operator=(const Scribbler&) = delete;

  // From now on `words` change, most often those named below. Until Stop() nobody else may
  // touch them but by atomic accesses. Not while running.
  void Start(std::span<std::uint64_t> words) {
    words_ = words;
    running_.store(true);
    running_.notify_one();
  }
  // Returns once nothing is written any more.
  void Stop() {
    running_.store(false);
    while (busy_.load()) std::this_thread::yield();
  }
  std::uint64_t written() const { return written_.load(); }

  // Where the tests put argument structures, and data.
  static constexpr std::size_t kHotWords = 8;
  static constexpr std::size_t kDataWord = 0x1000 / sizeof(std::uint64_t);

 private:
  static constexpr int kPause = 200;

  std::size_t Place() {
    switch (random_.Below(4)) {
      case 0: return random_.Below(words_.size());
      case 1: return kDataWord + random_.Below(kHotWords);
      default: return random_.Below(kHotWords);
    }
  }
  std::uint64_t Value() {
    const std::uint64_t kinds[] = {0, 1, 2, 3, 46, 60, 512, 0x12000, 0x12000, 0x13000, 0x1fff8,
                                   0x20000, 0x10000, ~0ull, random_.Next(), random_.Below(0x21000)};
    return kinds[random_.Below(std::size(kinds))];
  }
  void Work() {
    while (true) {
      running_.wait(false);
      if (ended_.load()) return;
      busy_.store(true);
      // Seen together: Stop() either finds busy_ set, or running_ is already false here.
      while (running_.load()) {
        std::atomic_ref(words_[Place()]).store(Value(), std::memory_order_relaxed);
        written_.fetch_add(1, std::memory_order_relaxed);
        // A call or two for each change: with more, every structure is nonsense when it is read.
        for (int i = 0; i < kPause && running_.load(std::memory_order_relaxed); ++i) {
        }
      }
      busy_.store(false);
    }
  }

  Seeded random_;
  std::span<std::uint64_t> words_;
  std::atomic<bool> running_ = false;
  std::atomic<bool> busy_ = false;
  std::atomic<bool> ended_ = false;
  std::atomic<std::uint64_t> written_ = 0;
  std::thread thread_;  // last: it uses the others
};

}  // namespace summon::hypervisor
