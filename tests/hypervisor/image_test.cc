// SPDX-License-Identifier: Apache-2.0
// The loader on good images and on images broken in one place each.
#include "hypervisor/loader/image.h"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "base/unique_fd.h"
#include "tests/hypervisor/tiny_image.h"

namespace summon::hypervisor {
namespace {

using File = std::vector<std::uint8_t>;
using ::testing::HasSubstr;

File Tiny() {
  return BuildTinyImage({.target = Target::kHvt,
                         .abi_version = 2,
                         .code = {0xf4},
                         .devices = {{"service", DeviceType::kNet},
                                     {"storage", DeviceType::kBlock}}});
}

template <typename T>
File With(File file, std::size_t offset, T value) {
  std::memcpy(file.data() + offset, &value, sizeof value);
  return file;
}

Result<Image> Parse(const File& file, Target target = Target::kHvt) {
  MemoryImageSource source(file);
  return ParseImage(source, target);
}

// The message of the refusal; "accepted" when there was none.
std::string Refusal(const File& file, Target target = Target::kHvt) {
  const Result<Image> image = Parse(file, target);
  return image.ok() ? "accepted" : image.error().message();
}

constexpr std::size_t kText = kTinyTextHeader;
constexpr std::size_t kData = kTinyDataHeader;

TEST(Image, GoodImageIsParsed) {
  const Result<Image> image = Parse(Tiny());
  ASSERT_TRUE(image.ok()) << image.error().message();
  EXPECT_EQ(image->entry, kTinyText);
  EXPECT_EQ(image->end, kTinyEnd);
  EXPECT_EQ(image->abi_version, 2u);
  ASSERT_EQ(image->segments.size(), 2u);  // the empty one is skipped
  EXPECT_TRUE(image->segments[0].executable);
  EXPECT_FALSE(image->segments[0].writable);
  EXPECT_TRUE(image->segments[1].writable);
  EXPECT_EQ(image->segments[1].memory_size, kTinyDataMemorySize);
  EXPECT_EQ(DescribeDevices(image->manifest), "net \"service\", block \"storage\"");
}

TEST(Image, AbiVersionOneIsParsedToo) {
  EXPECT_TRUE(Parse(BuildTinyImage({.target = Target::kHvt,
                                    .abi_version = 1,
                                    .code = {0xf4},
                                    .devices = {}}))
                  .ok());
}

TEST(Image, FileIsReadByDescriptor) {
  const File file = Tiny();
  const UniqueFd fd(memfd_create("image", MFD_CLOEXEC));
  ASSERT_EQ(write(fd.get(), file.data(), file.size()), static_cast<ssize_t>(file.size()));
  FileImageSource source(fd.get());
  EXPECT_TRUE(ParseImage(source, Target::kHvt).ok());
}

TEST(Image, SegmentsAreCopiedToTheirAddresses) {
  const File file = Tiny();
  MemoryImageSource source(file);
  const Result<Image> image = ParseImage(source, Target::kHvt);
  ASSERT_TRUE(image.ok());
  std::vector<std::uint8_t> memory(2u << 20);
  ASSERT_TRUE(LoadImage(*image, source, memory).ok());
  EXPECT_EQ(memory[kTinyText], 0xf4);
  EXPECT_EQ(std::memcmp(memory.data() + kTinyData, "tiny data", 10), 0);
}

TEST(Image, LoadingBeyondMemoryIsRefused) {
  const File file = Tiny();
  MemoryImageSource source(file);
  const Result<Image> image = ParseImage(source, Target::kHvt);
  ASSERT_TRUE(image.ok());
  std::vector<std::uint8_t> memory(kTinyData + 16);
  EXPECT_FALSE(LoadImage(*image, source, memory).ok());
}

TEST(Image, TooLittleMemoryNamesWhatIsNeeded) {
  const Result<Image> image = Parse(Tiny());
  ASSERT_TRUE(image.ok());
  EXPECT_TRUE(CheckFits(*image, 2u << 20).ok());
  EXPECT_EQ(CheckFits(*image, 1u << 20).error().message(),
            "the image reaches to 0x103000 and needs at least 2 MiB of memory; it is given 1 MiB");
  EXPECT_FALSE(CheckFits(*image, kTinyEnd).ok());  // no room for a stack
}

TEST(Image, EmptyFileIsTruncated) {
  EXPECT_EQ(Refusal({}),
            "the ELF header is truncated: 64 bytes at offset 0, but the file ends at 0");
}

TEST(Image, TruncatedHeaderTableIsRefused) {
  File file = Tiny();
  file.resize(100);
  EXPECT_EQ(Refusal(file),
            "the program header table is truncated: 280 bytes at offset 64, but the file ends at "
            "100");
}

TEST(Image, TruncatedSegmentIsRefusedBeforeItIsLoaded) {
  File file = Tiny();
  file.resize(kTinyDataFile + 8);
  EXPECT_EQ(Refusal(file), "the image is truncated: segment 1 reaches to file offset 12304");
}

TEST(Image, TruncatedNoteIsRefused) {
  File file = Tiny();
  file.resize(kTinyManifest + 50);
  EXPECT_THAT(Refusal(file), HasSubstr("the manifest note is truncated: 320 bytes at offset"));
}

TEST(Image, NoteTooShortForItsPaddingIsRefusedInSolo5sWords) {
  File file = Tiny();
  const std::uint32_t one = 1;  // four bytes of padding come before a manifest
  std::memcpy(file.data() + kTinyManifestNote + 4, &one, sizeof one);
  EXPECT_THAT(Refusal(file), HasSubstr("note does not fall within valid size: it has 1 bytes"));
}

TEST(Image, ScriptIsNoImage) {
  EXPECT_THAT(Refusal(With(Tiny(), 0, '#')), HasSubstr("not an ELF file"));
}

TEST(Image, ThirtyTwoBitImageIsRefused) {
  EXPECT_EQ(Refusal(With(Tiny(), EI_CLASS, char{ELFCLASS32})),
            "ELF class is 1; must be 2 (64-bit)");
}

TEST(Image, BigEndianImageIsRefused) {
  EXPECT_EQ(Refusal(With(Tiny(), EI_DATA, char{ELFDATA2MSB})),
            "ELF byte order is 2; must be 1 (little-endian)");
}

TEST(Image, ImageForAnotherMachineIsNamed) {
#if defined(__x86_64__)
  EXPECT_EQ(Refusal(With(Tiny(), offsetof(Elf64_Ehdr, e_machine), std::uint16_t{EM_AARCH64})),
            "the image is built for aarch64; this host is x86_64");
#else
  EXPECT_EQ(Refusal(With(Tiny(), offsetof(Elf64_Ehdr, e_machine), std::uint16_t{EM_X86_64})),
            "the image is built for x86_64; this host is aarch64");
#endif
}

TEST(Image, PositionIndependentImageIsRefused) {
  EXPECT_THAT(Refusal(With(Tiny(), offsetof(Elf64_Ehdr, e_type), std::uint16_t{ET_DYN})),
              HasSubstr("ELF type is 3; must be 2"));
}

TEST(Image, NumberOfProgramHeadersIsBounded) {
  EXPECT_EQ(Refusal(With(Tiny(), offsetof(Elf64_Ehdr, e_phnum), std::uint16_t{65})),
            "there are 65 program headers; must be 1..64");
  EXPECT_EQ(Refusal(With(Tiny(), offsetof(Elf64_Ehdr, e_phnum), std::uint16_t{0})),
            "there are 0 program headers; must be 1..64");
}

TEST(Image, ProgramHeadersFarOutAreRefused) {
  EXPECT_THAT(Refusal(With(Tiny(), offsetof(Elf64_Ehdr, e_phoff), ~std::uint64_t{0})),
              HasSubstr("program headers at file offset"));
}

TEST(Image, OrdinaryProgramIsNotASolo5Image) {
  EXPECT_THAT(Refusal(With(Tiny(), kTinyAbiNote + 12, 'X')), HasSubstr("not a Solo5 image"));
}

TEST(Image, ImageForAnotherTargetSaysWhichLauncherRunsIt) {
  EXPECT_EQ(Refusal(With(Tiny(), kTinyAbiNote + 20, std::uint32_t{2})),
            "the image is built for spt (target 2); this launcher needs hvt; use the process "
            "launcher");
  EXPECT_EQ(Refusal(Tiny(), Target::kSpt),
            "the image is built for hvt (target 1); this launcher needs spt; use the kvm "
            "launcher");
  EXPECT_EQ(Refusal(With(Tiny(), kTinyAbiNote + 20, std::uint32_t{4})),
            "the image is built for muen (target 4); this launcher needs hvt");
}

TEST(Image, UnknownAbiVersionIsRefused) {
  EXPECT_EQ(Refusal(With(Tiny(), kTinyAbiNote + 24, std::uint32_t{3})),
            "the image has version 3 of the hvt ABI; must be 1..2");
  EXPECT_EQ(Refusal(With(Tiny(), kTinyAbiNote + 24, std::uint32_t{0})),
            "the image has version 0 of the hvt ABI; must be 1..2");
}

TEST(Image, AbiNoteOfAWrongSizeIsRefused) {
  EXPECT_EQ(Refusal(With(Tiny(), kTinyAbiNote + 4, std::uint32_t{12})),
            "the ABI note at offset 512: note does not fall within valid size: it has 12 bytes; "
            "must have 16..32");
}

TEST(Image, NoteLargerThanItsSegmentIsRefused) {
  EXPECT_EQ(Refusal(With(Tiny(), kTinyAbiNote + 4, ~std::uint32_t{0})),
            "the note at offset 512 claims 4294967295 bytes; its segment has room for 16");
}

TEST(Image, NoteSegmentSmallerThanANoteHeaderIsRefused) {
  EXPECT_EQ(Refusal(With(Tiny(), kTinyAbiHeader + offsetof(Elf64_Phdr, p_filesz),
                         std::uint64_t{11})),
            "the note segment at offset 512 has 11 bytes; a note header needs 12");
}

TEST(Image, NoteSegmentIsBounded) {
  EXPECT_EQ(Refusal(With(Tiny(), kTinyAbiHeader + offsetof(Elf64_Phdr, p_filesz),
                         std::uint64_t{65'537})),
            "the note segment at offset 512 has 65537 bytes; at most 65536");
}

TEST(Image, SecondAbiNoteIsRefused) {
  EXPECT_EQ(Refusal(With(Tiny(), kTinyManifestHeader + offsetof(Elf64_Phdr, p_offset),
                         std::uint64_t{kTinyAbiNote})),
            "a second ABI note at offset 512");
}

TEST(Image, ImageWithoutManifestIsRefused) {
  EXPECT_EQ(Refusal(With(Tiny(), kTinyManifestNote + 12, 'X')),
            "not a complete Solo5 image: it has an ABI note but no manifest note");
}

TEST(Image, ManifestErrorsSayWhereTheNoteIs) {
  EXPECT_EQ(Refusal(With(Tiny(), kTinyManifest, std::uint32_t{2})),
            "the manifest note at offset 576: manifest version is 2; must be 1");
}

TEST(Image, WritableAndExecutableSegmentIsRefused) {
  EXPECT_EQ(Refusal(With(Tiny(), kText + offsetof(Elf64_Phdr, p_flags),
                         std::uint32_t{PF_R | PF_W | PF_X})),
            "segment 0 at 0x100000 is writable and executable; must not be both");
}

TEST(Image, SegmentBelowOneMebibyteIsRefused) {
  EXPECT_EQ(Refusal(With(Tiny(), kText + offsetof(Elf64_Phdr, p_vaddr), std::uint64_t{0xff000})),
            "segment 0 begins at 0xff000; must not lie below 0x100000");
}

TEST(Image, SegmentWhoseAlignmentReachesBelowOneMebibyteIsRefused) {
  EXPECT_EQ(Refusal(With(Tiny(), kText + offsetof(Elf64_Phdr, p_align), std::uint64_t{0x200000})),
            "segment 0 begins at 0x0; must not lie below 0x100000");
}

TEST(Image, OverlappingSegmentsAreRefused) {
  EXPECT_EQ(Refusal(With(Tiny(), kData + offsetof(Elf64_Phdr, p_vaddr), kTinyText)),
            "segment 1 begins at 0x100000 inside the segment before it, which ends at 0x101000; "
            "segments must ascend and not overlap");
}

TEST(Image, SegmentThatSharesAPageIsRefused) {
  const File moved =
      With(Tiny(), kData + offsetof(Elf64_Phdr, p_vaddr), std::uint64_t{kTinyText + 0x800});
  EXPECT_EQ(Refusal(With(moved, kData + offsetof(Elf64_Phdr, p_align), std::uint64_t{16})),
            "segment 1 begins at 0x100800; must begin on a page of 4096 bytes");
}

TEST(Image, AlignmentMustBeAPowerOfTwo) {
  EXPECT_EQ(Refusal(With(Tiny(), kText + offsetof(Elf64_Phdr, p_align), std::uint64_t{3})),
            "segment 0 has the alignment 3; must be a power of two");
  EXPECT_EQ(Refusal(With(Tiny(), kText + offsetof(Elf64_Phdr, p_align), std::uint64_t{0})),
            "segment 0 has the alignment 0; must be a power of two");
}

TEST(Image, HugeAlignmentIsRefused) {
  EXPECT_THAT(
      Refusal(With(Tiny(), kText + offsetof(Elf64_Phdr, p_align), std::uint64_t{1} << 63)),
      HasSubstr("at most 4294967296"));
}

TEST(Image, SegmentSizeDoesNotWrapAround) {
  EXPECT_EQ(Refusal(With(Tiny(), kData + offsetof(Elf64_Phdr, p_memsz), ~std::uint64_t{0})),
            "segment 1 has 18446744073709551615 bytes at 0x101000; guest memory ends at "
            "0x100000000");
}

TEST(Image, SegmentAddressDoesNotWrapAround) {
  EXPECT_THAT(Refusal(With(Tiny(), kData + offsetof(Elf64_Phdr, p_vaddr),
                           ~std::uint64_t{0} & ~std::uint64_t{0xfff})),
              HasSubstr("guest memory ends at 0x100000000"));
}

TEST(Image, MoreFileThanMemoryIsRefused) {
  EXPECT_EQ(Refusal(With(Tiny(), kData + offsetof(Elf64_Phdr, p_memsz), std::uint64_t{8})),
            "segment 1 has 16 bytes in the file but only 8 in memory");
}

TEST(Image, FileOffsetDoesNotWrapAround) {
  EXPECT_THAT(Refusal(With(Tiny(), kData + offsetof(Elf64_Phdr, p_offset), ~std::uint64_t{0})),
              HasSubstr("images are at most 536870912 bytes"));
}

TEST(Image, EntryOutsideTheTextIsRefused) {
  EXPECT_EQ(Refusal(With(Tiny(), offsetof(Elf64_Ehdr, e_entry), kTinyData)),
            "the entry point 0x101000 lies outside every executable segment");
  EXPECT_EQ(Refusal(With(Tiny(), offsetof(Elf64_Ehdr, e_entry), std::uint64_t{0})),
            "the entry point 0x0 lies outside every executable segment");
}

TEST(Image, ImageWithoutLoadableSegmentIsRefused) {
  const File file = With(Tiny(), kText, std::uint32_t{PT_NULL});
  EXPECT_EQ(Refusal(With(file, kData, std::uint32_t{PT_NULL})), "there is no loadable segment");
}

}  // namespace
}  // namespace summon::hypervisor
