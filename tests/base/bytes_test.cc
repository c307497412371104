// SPDX-License-Identifier: Apache-2.0
// Readers and writers never pass their ends, and a failure moves nothing.
#include "base/bytes.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>

namespace summon {
namespace {

constexpr std::array<std::uint8_t, 7> kSeven = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07};

TEST(ByteReader, ReadsBigEndianInOrder) {
  ByteReader reader(kSeven);
  EXPECT_EQ(reader.U8(), 0x01);
  EXPECT_EQ(reader.Be16(), 0x0203);
  EXPECT_EQ(reader.Be32(), 0x04050607u);
  EXPECT_EQ(reader.remaining(), 0u);
  EXPECT_EQ(reader.U8(), std::nullopt);
}

TEST(ByteReader, AReadThatDoesNotFitLeavesThePosition) {
  ByteReader reader(Bytes(kSeven).first(3));
  EXPECT_EQ(reader.Be32(), std::nullopt);
  EXPECT_EQ(reader.Read<std::uint64_t>(), std::nullopt);
  EXPECT_FALSE(reader.Take(4));
  EXPECT_FALSE(reader.Skip(std::numeric_limits<std::size_t>::max()));
  EXPECT_FALSE(reader.Seek(4));
  EXPECT_EQ(reader.position(), 0u);
  EXPECT_EQ(reader.Take(3)->size(), 3u);
}

TEST(ByteReader, SeeksAnywhereUpToTheEnd) {
  ByteReader reader(kSeven);
  EXPECT_TRUE(reader.Seek(7));
  EXPECT_TRUE(reader.Seek(2));
  EXPECT_EQ(reader.U8(), 0x03);
}

TEST(ByteWriter, WritesBigEndianAndPatches) {
  std::array<std::uint8_t, 7> space{};
  ByteWriter writer(space);
  EXPECT_TRUE(writer.U8(0x01));
  EXPECT_TRUE(writer.Be16(0));
  EXPECT_TRUE(writer.Be32(0x04050607));
  EXPECT_TRUE(writer.PatchBe16(1, 0x0203));
  EXPECT_EQ(space, kSeven);
}

TEST(ByteWriter, AWriteThatDoesNotFitWritesNothing) {
  std::array<std::uint8_t, 3> space{};
  ByteWriter writer(space);
  EXPECT_FALSE(writer.Be32(0xffffffff));
  EXPECT_FALSE(writer.Put(kSeven));
  EXPECT_EQ(writer.position(), 0u);
  EXPECT_TRUE(writer.Put({}));
  EXPECT_EQ(space, (std::array<std::uint8_t, 3>{}));
}

TEST(ByteWriter, PatchesAndRewindsOnlyWhatWasWritten) {
  std::array<std::uint8_t, 4> space{};
  ByteWriter writer(space);
  ASSERT_TRUE(writer.Be16(1));
  EXPECT_FALSE(writer.PatchBe16(1, 5));
  EXPECT_FALSE(writer.PatchBe16(std::numeric_limits<std::size_t>::max(), 5));
  EXPECT_FALSE(writer.Rewind(3));
  EXPECT_TRUE(writer.Rewind(0));
  EXPECT_EQ(writer.written().size(), 0u);
}

}  // namespace
}  // namespace summon
