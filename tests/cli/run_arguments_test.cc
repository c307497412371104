// SPDX-License-Identifier: Apache-2.0
// `summon run` takes Solo5's options.
#include "summoner/cli/run_arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace summon::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Result<launcher::ForegroundOptions> Parse(std::vector<std::string> arguments) {
  return ParseRunArguments(arguments);
}

std::string ErrorOf(std::vector<std::string> arguments) {
  const auto parsed = Parse(std::move(arguments));
  return parsed.ok() ? "no error" : parsed.error().message();
}

TEST(RunArguments, ImageAloneHasSolo5sDefaults) {
  const auto options = Parse({"hello.hvt"});
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->image, "hello.hvt");
  EXPECT_EQ(options->memory_mib, 512u);
  EXPECT_TRUE(options->nets.empty());
}

TEST(RunArguments, WhatFollowsTheImageIsTheGuests) {
  const auto options = Parse({"--mem=64", "hello.hvt", "--mem=3", "--", "word"});
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->memory_mib, 64u);
  EXPECT_THAT(options->arguments, ElementsAre("--mem=3", "--", "word"));
}

TEST(RunArguments, DoubleDashEndsTheOptions) {
  const auto options = Parse({"--mem=64", "--", "--odd-name.hvt"});
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->image, "--odd-name.hvt");
}

TEST(RunArguments, DevicesAreNamedAndMayBeDescriptors) {
  const auto options = Parse({"--net:service=tap0", "--block:storage=@5",
                              "--net-mac:service=02:00:00:00:00:01",
                              "--block-sector-size:storage=4096", "x.hvt"});
  ASSERT_TRUE(options.ok());
  ASSERT_EQ(options->nets.size(), 1u);
  EXPECT_EQ(options->nets[0].tap, "tap0");
  EXPECT_EQ(options->nets[0].mac, MacAddress::Parse("02:00:00:00:00:01"));
  ASSERT_EQ(options->blocks.size(), 1u);
  EXPECT_EQ(options->blocks[0].file, "@5");
  EXPECT_EQ(options->blocks[0].sector_size, 4096u);
}

TEST(RunArguments, FramesAreCheckedByMacUnlessToldOtherwise) {
  const auto plain = Parse({"--net:a=tap0", "x.hvt"});
  const auto address = Parse({"--net:a=tap0", "--net-check:a=10.0.0.2", "x.hvt"});
  const auto off = Parse({"--net:a=tap0", "--net-check:a=off", "x.hvt"});
  ASSERT_TRUE(plain.ok() && address.ok() && off.ok());
  EXPECT_EQ(plain->nets[0].spoof_check, launcher::SpoofCheck::kMac);
  EXPECT_EQ(address->nets[0].spoof_check, launcher::SpoofCheck::kAddress);
  EXPECT_EQ(address->nets[0].address, Ipv4Address::Parse("10.0.0.2"));
  EXPECT_EQ(off->nets[0].spoof_check, launcher::SpoofCheck::kOff);
  EXPECT_FALSE(Parse({"--net:a=tap0", "--net-check:a=on", "x.hvt"}).ok());
}

TEST(RunArguments, MacMayComeBeforeItsDevice) {
  EXPECT_TRUE(Parse({"--net-mac:a=02:00:00:00:00:01", "--net:a=tap0", "x.hvt"}).ok());
}

TEST(RunArguments, MistypedOptionGetsASuggestion) {
  EXPECT_THAT(ErrorOf({"--men=64", "x.hvt"}), HasSubstr("did you mean --mem?"));
}

TEST(RunArguments, OtherWritingsOfAnOptionGetASuggestionToo) {
  EXPECT_THAT(ErrorOf({"--memory=64", "x.hvt"}), HasSubstr("did you mean --mem?"));
  EXPECT_THAT(ErrorOf({"--Mem=64", "x.hvt"}), HasSubstr("did you mean --mem?"));
  EXPECT_THAT(ErrorOf({"--guest_mode=ring3", "x.hvt"}), HasSubstr("did you mean --guest-mode?"));
  EXPECT_THAT(ErrorOf({"--core-dump=x", "x.hvt"}), HasSubstr("--help"));
}

TEST(RunArguments, OneDashIsNoImage) {
  EXPECT_THAT(ErrorOf({"-m", "64", "x.hvt"}), HasSubstr("begin with --"));
}

TEST(RunArguments, ValueAfterASpaceIsToldToComeAfterAnEqualsSign) {
  EXPECT_THAT(ErrorOf({"--mem", "64", "x.hvt"}), HasSubstr("with ="));
}

TEST(RunArguments, Solo5WordsBeforeTheImageAreToldWhereToGo) {
  EXPECT_THAT(ErrorOf({"--solo5:quiet", "x.hvt"}), HasSubstr("after the image"));
}

TEST(RunArguments, Solo5WordsAfterTheImageAreTheGuests) {
  const auto options = Parse({"x.hvt", "--solo5:quiet", "word"});
  ASSERT_TRUE(options.ok());
  EXPECT_THAT(options->arguments, ElementsAre("--solo5:quiet", "word"));
}

TEST(RunArguments, OptionsOfSolo5ThatAreNotThereSayWhy) {
  EXPECT_THAT(ErrorOf({"--gdb", "x.hvt"}), HasSubstr("--dumpcore"));
  EXPECT_THAT(ErrorOf({"--gdb-port=1234", "x.hvt"}), HasSubstr("--dumpcore"));
  EXPECT_THAT(ErrorOf({"--x-exec-heap", "x.spt"}), HasSubstr("not supported"));
}

TEST(RunArguments, GuestModesAreThree) {
  EXPECT_TRUE(Parse({"--guest-mode=auto", "x.hvt"}).ok());
  EXPECT_TRUE(Parse({"--guest-mode=ring0", "x.hvt"}).ok());
  EXPECT_TRUE(Parse({"--guest-mode=ring3", "x.hvt"}).ok());
  EXPECT_THAT(ErrorOf({"--guest-mode=ring1", "x.hvt"}), HasSubstr("auto, ring0 or ring3"));
  EXPECT_THAT(ErrorOf({"--guest-mode", "x.hvt"}), HasSubstr("auto, ring0 or ring3"));
}

TEST(RunArguments, CoresNeedADirectory) {
  const auto options = Parse({"--dumpcore=/var/cores", "x.hvt"});
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->core_directory, "/var/cores");
  EXPECT_THAT(ErrorOf({"--dumpcore", "x.hvt"}), HasSubstr("--dumpcore=DIRECTORY"));
}

std::optional<std::string> Misplaced(std::vector<std::string> arguments) {
  return MisplacedOption(arguments);
}

TEST(MisplacedOption, IsOneOfOursBehindTheImage) {
  EXPECT_EQ(Misplaced({"x.hvt", "--mem=64"}), "--mem=64");
  EXPECT_EQ(Misplaced({"--mem=64", "x.hvt", "word", "--net:service=tap0"}), "--net:service=tap0");
}

TEST(MisplacedOption, IsNotWhatOnlyTheGuestKnowsNorWhatDashesSetApart) {
  EXPECT_EQ(Misplaced({"x.hvt", "--ipv4=10.0.0.2/24"}), std::nullopt);
  EXPECT_EQ(Misplaced({"--mem=64", "x.hvt"}), std::nullopt);
  EXPECT_EQ(Misplaced({"--", "x.hvt", "--mem=64"}), std::nullopt);
  EXPECT_EQ(Misplaced({"x.hvt", "--", "--mem=64"}), std::nullopt);
  EXPECT_EQ(Misplaced({}), std::nullopt);
}

TEST(RunArguments, MemoryOutOfRangeNamesTheRange) {
  EXPECT_THAT(ErrorOf({"--mem=1", "x.hvt"}), HasSubstr("2..4096"));
  EXPECT_THAT(ErrorOf({"--mem=5000", "x.hvt"}), HasSubstr("2..4096"));
  EXPECT_THAT(ErrorOf({"--mem=lots", "x.hvt"}), HasSubstr("2..4096"));
}

TEST(RunArguments, DeviceWithoutNameOrValueIsAnError) {
  EXPECT_THAT(ErrorOf({"--net=tap0", "x.hvt"}), HasSubstr("--net:NAME=TAP"));
  EXPECT_THAT(ErrorOf({"--block:storage", "x.hvt"}), HasSubstr("--block:NAME=FILE"));
}

TEST(RunArguments, SameDeviceTwiceIsAnError) {
  EXPECT_THAT(ErrorOf({"--net:a=tap0", "--block:a=f", "x.hvt"}), HasSubstr("twice"));
}

TEST(RunArguments, MulticastMacIsAnError) {
  EXPECT_THAT(ErrorOf({"--net:a=t", "--net-mac:a=01:00:00:00:00:01", "x.hvt"}),
              HasSubstr("unicast"));
}

TEST(RunArguments, SectorSizeMustBeANumber) {
  EXPECT_THAT(ErrorOf({"--block:a=f", "--block-sector-size:a=1k", "x.hvt"}),
              HasSubstr("power of two"));
  EXPECT_THAT(ErrorOf({"--block:a=f", "--block-sector-size:a=99999999999", "x.hvt"}),
              HasSubstr("power of two"));
}

TEST(RunArguments, NoImageIsAnError) {
  EXPECT_THAT(ErrorOf({"--mem=64"}), HasSubstr("no image"));
  EXPECT_THAT(ErrorOf({}), HasSubstr("no image"));
  EXPECT_THAT(ErrorOf({""}), HasSubstr("no image"));
}

}  // namespace
}  // namespace summon::cli
