// SPDX-License-Identifier: Apache-2.0
// Pools for lwIP that cost nothing until they are used; see the header.
#include "guests/web/memory.h"

#include "guests/web/lwipopts.h"

namespace summon::guest::web {
namespace {

struct Block {
  std::size_t size_class;  // index into kClasses
  Block* next;             // while free; else the caller's first bytes
};
constexpr std::size_t kHeaderBytes = 16;  // keeps what follows aligned

struct SizeClass {
  std::size_t bytes;
  std::size_t blocks_max;
};
// pbufs and segments; control blocks; small packets; whole packets; connections.
constexpr SizeClass kClasses[] = {{64, 4096}, {256, 1024}, {512, 512}, {2048, 1024}, {20480, 256}};
constexpr std::size_t kClassCount = sizeof kClasses / sizeof kClasses[0];

// lwIP allocates through plain C functions, so their state cannot be passed.
struct Heap {
  std::span<std::byte> unused;
  Block* free[kClassCount];
  std::size_t made[kClassCount];
};
constinit Heap heap{};

}  // namespace

void UseHeap(std::span<std::byte> memory) { heap.unused = memory; }

}  // namespace summon::guest::web

using namespace summon::guest::web;

extern "C" void* GuestAllocate(unsigned long bytes) {
  std::size_t index = 0;
  while (index < kClassCount && kClasses[index].bytes < bytes) ++index;
  if (index == kClassCount) return nullptr;
  Block* block = heap.free[index];
  if (block != nullptr) {
    heap.free[index] = block->next;
  } else {
    const std::size_t size = kHeaderBytes + kClasses[index].bytes;
    if (heap.made[index] == kClasses[index].blocks_max || heap.unused.size() < size) return nullptr;
    // SAFETY: the heap is 8-aligned unused memory of this guest, and every size a multiple of 16.
    block = reinterpret_cast<Block*>(heap.unused.data());
    heap.unused = heap.unused.subspan(size);
    ++heap.made[index];
    block->size_class = index;
  }
  // SAFETY: the block has kHeaderBytes and then its class's bytes.
  return reinterpret_cast<std::byte*>(block) + kHeaderBytes;
}

extern "C" void* GuestAllocateZeroed(unsigned long count, unsigned long bytes) {
  void* memory = GuestAllocate(count * bytes);
  if (memory != nullptr) __builtin_memset(memory, 0, count * bytes);
  return memory;
}

extern "C" void GuestFree(void* memory) {
  if (memory == nullptr) return;
  // SAFETY: `memory` came from GuestAllocate, so its header lies in front of it.
  auto* block = reinterpret_cast<Block*>(static_cast<std::byte*>(memory) - kHeaderBytes);
  block->next = heap.free[block->size_class];
  heap.free[block->size_class] = block;
}
