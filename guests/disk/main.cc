// SPDX-License-Identifier: Apache-2.0
// Exercises a block device called "storage": writes, reads back, and asks for what does not
// exist, which must fail without any effect.

#include <cstddef>
#include <cstdint>
#include <span>

#include "guests/runtime/runtime.h"
#include "guests/runtime/text.h"

namespace summon::guest {

SUMMON_GUEST_DEVICES(Block("storage"));

namespace {

constexpr std::size_t kBlockMax = 4096;  // the largest block size we have buffers for
constexpr std::uint64_t kBlocksTried = 8;

struct Buffers {
  alignas(8) std::uint8_t written[2 * kBlockMax];
  alignas(8) std::uint8_t read[2 * kBlockMax];
};
constinit Buffers buffers{};  // too large for a stack frame

int Fail(std::string_view what, std::uint64_t offset) {
  Line line;
  line << "FAILURE: " << what << " at offset " << offset << '\n';
  Print(line.view());
  return 1;
}

void Fill(std::span<std::uint8_t> block, std::uint64_t seed) {
  for (std::size_t i = 0; i < block.size(); ++i) {
    block[i] = static_cast<std::uint8_t>(seed * 31 + i * 7 + (i >> 8));
  }
}

bool Same(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b) {
  return __builtin_memcmp(a.data(), b.data(), a.size()) == 0;
}

// Writes the first and last few blocks, then reads all of them back.
int WriteAndVerify(Machine& machine, const BlockDevice& disk) {
  const std::uint64_t blocks = disk.capacity_bytes / disk.block_bytes;
  const std::uint64_t tried = blocks < kBlocksTried ? blocks : kBlocksTried;
  const std::span written(buffers.written, disk.block_bytes);
  const std::span read(buffers.read, disk.block_bytes);
  for (std::uint64_t i = 0; i < tried; ++i) {
    const std::uint64_t block = i % 2 == 0 ? i : blocks - i;
    const std::uint64_t offset = block * disk.block_bytes;
    Fill(written, block);
    if (machine.BlockWrite(disk.handle, offset, written) != Io::kOk) return Fail("write", offset);
  }
  for (std::uint64_t i = 0; i < tried; ++i) {
    const std::uint64_t block = i % 2 == 0 ? i : blocks - i;
    const std::uint64_t offset = block * disk.block_bytes;
    Fill(written, block);
    if (machine.BlockRead(disk.handle, offset, read) != Io::kOk) return Fail("read", offset);
    if (!Same(written, read)) return Fail("read something else than written", offset);
  }
  return 0;
}

// Ranges that leave the device, wholly or partly, even by wrapping around.
int RefusesOutOfRange(Machine& machine, const BlockDevice& disk) {
  const std::span two(buffers.written, 2 * std::size_t{disk.block_bytes});
  const std::span one(buffers.written, disk.block_bytes);
  const std::uint64_t end = disk.capacity_bytes;
  const std::uint64_t last = end - disk.block_bytes;
  const std::span read(buffers.read, disk.block_bytes);
  if (machine.BlockRead(disk.handle, last, read) != Io::kOk) return Fail("read", last);
  Fill(two, 99);
  const std::uint64_t wrapping = ~std::uint64_t{0} - disk.block_bytes + 1;
  for (const std::uint64_t offset : {end, end + disk.block_bytes, wrapping}) {
    if (machine.BlockWrite(disk.handle, offset, one) != Io::kInvalid) {
      return Fail("write outside the device was not refused", offset);
    }
    if (machine.BlockRead(disk.handle, offset, one) != Io::kInvalid) {
      return Fail("read outside the device was not refused", offset);
    }
  }
  if (machine.BlockWrite(disk.handle, last, two) != Io::kInvalid) {
    return Fail("write across the end was not refused", last);
  }
  const std::span again(buffers.written, disk.block_bytes);
  if (machine.BlockRead(disk.handle, last, again) != Io::kOk) return Fail("read", last);
  if (!Same(read, again)) return Fail("a refused write changed the device", last);
  return 0;
}

}  // namespace

int Main(Machine& machine) {
  const auto disk = machine.FindBlock("storage");
  if (!disk) Panic("block device \"storage\" is not attached");
  Line line;
  line << "storage: " << disk->capacity_bytes << " bytes in blocks of " << disk->block_bytes
       << '\n';
  Print(line.view());
  if (disk->block_bytes > kBlockMax) return Fail("block size is beyond 4096", disk->block_bytes);
  if (const int status = WriteAndVerify(machine, *disk); status != 0) return status;
  if (const int status = RefusesOutOfRange(machine, *disk); status != 0) return status;
  Print("SUCCESS\n");
  return 0;
}

}  // namespace summon::guest
