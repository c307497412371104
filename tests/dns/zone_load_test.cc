// SPDX-License-Identifier: Apache-2.0
// Zone files on the disk: what is served from them, what they may include, what is refused.
#include "dns/zone_load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/strings.h"

namespace summon::dns {
namespace {

using testing::HasSubstr;

constexpr const char* kHead = "$TTL 60\n@ SOA ns hm 1 2 3 4 5\n@ NS ns\nns A 192.0.2.53\n";

class ZoneLoad : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "zone_load_XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = folder_ + "/" + name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << text;
    return path;
  }
  // The first problem, or "none" and a table.
  std::string Load(const std::string& path) {
    ZoneTable::Builder builder(SipKey{1, 2});
    ZoneFileProblems problems;
    ZoneFileSource source{Name::Parse("example.org").value(), path, std::nullopt, check_};
    if (!LoadZoneFile(source, builder, problems)) {
      return problems.empty() ? "no problem told" : problems.list().front().ToString();
    }
    auto built = std::move(builder).Build();
    if (!built.ok()) return built.error().message();
    table_ = std::move(built).value();
    return "none";
  }
  Lookup::Kind Find(std::string_view name, RrType type) {
    return table_->Find(Name::Parse(name).value(), type).kind;
  }

  std::string folder_;
  std::function<Status(const ZoneTable::Builder::Record&)> check_;
  std::unique_ptr<const ZoneTable> table_;
};

TEST_F(ZoneLoad, ServesWhatStandsInTheFile) {
  ASSERT_EQ(Load(Write("z", StrCat(kHead, "*.w A 192.0.2.1\nsub NS ns.sub\nns.sub A 192.0.2.2\n"))),
            "none");
  EXPECT_EQ(Find("example.org", RrType::kSoa), Lookup::Kind::kRecords);
  EXPECT_EQ(Find("x.w.example.org", RrType::kA), Lookup::Kind::kRecords);
  EXPECT_EQ(Find("w.example.org", RrType::kA), Lookup::Kind::kNoData);
  EXPECT_EQ(Find("x.sub.example.org", RrType::kA), Lookup::Kind::kDelegation);
  EXPECT_EQ(Find("none.example.org", RrType::kA), Lookup::Kind::kNxDomain);
}

TEST_F(ZoneLoad, TheFileMustBeginWithTheSoaOfItsZone) {
  EXPECT_THAT(Load(Write("a", "$TTL 1\n@ NS ns\n")), HasSubstr(":2:1: the SOA of example.org."));
  EXPECT_THAT(Load(Write("b", "other.org. 1 SOA a b 1 2 3 4 5\n")), HasSubstr("of other.org."));
  EXPECT_THAT(Load(Write("c", StrCat(kHead, "@ SOA ns hm 1 2 3 4 5\n"))),
              HasSubstr(":5:1: a second SOA"));
  EXPECT_THAT(Load(Write("d", "; nothing\n")), HasSubstr("has no records"));
}

TEST_F(ZoneLoad, AZoneWithoutNameServersIsRefused) {
  EXPECT_THAT(Load(Write("z", "@ 1 SOA ns hm 1 2 3 4 5\n")), HasSubstr("it has no NS record"));
}

TEST_F(ZoneLoad, RecordsOutsideOfTheZoneAreRefused) {
  EXPECT_THAT(Load(Write("z", StrCat(kHead, "other.org. A 192.0.2.1\n"))),
              HasSubstr(":5:1: other.org. lies outside of the zone example.org."));
}

TEST_F(ZoneLoad, SignaturesAreRefused) {
  EXPECT_THAT(Load(Write("z", StrCat(kHead, "@ NSEC ns NS SOA\n"))), HasSubstr("signed elsewhere"));
}

TEST_F(ZoneLoad, WhatTheTableRefusesIsPlaced) {
  EXPECT_THAT(Load(Write("z", StrCat(kHead, "ns CNAME x\n"))), HasSubstr(":5:1: add CNAME record"));
}

TEST_F(ZoneLoad, WhatTheCheckRefusesIsPlaced) {
  check_ = [](const ZoneTable::Builder::Record&) { return Error(ErrorCode::kInvalid, "not this"); };
  EXPECT_THAT(Load(Write("z", kHead)), HasSubstr("z:3:1: not this"));
}

TEST_F(ZoneLoad, IncludesFilesOfItsFolderWithTheirOwnOrigin) {
  Write("sub/more", "a A 192.0.2.1\n$ORIGIN lost.test.\n");
  const std::string file = Write("z", StrCat(kHead, "$INCLUDE sub/more x\nb A 192.0.2.2\n"));
  ASSERT_EQ(Load(file), "none");
  EXPECT_EQ(Find("a.x.example.org", RrType::kA), Lookup::Kind::kRecords);
  EXPECT_EQ(Find("b.example.org", RrType::kA), Lookup::Kind::kRecords);  // origin as before
}

TEST_F(ZoneLoad, IncludesNothingFromOutsideOfItsFolder) {
  const auto outside = HasSubstr(":5:10: $INCLUDE of");
  Write("elsewhere", "a A 192.0.2.1\n");
  EXPECT_THAT(Load(Write("f/a", StrCat(kHead, "$INCLUDE /etc/hostname\n"))), outside);
  EXPECT_THAT(Load(Write("f/b", StrCat(kHead, "$INCLUDE ../elsewhere\n"))), outside);
  std::filesystem::create_symlink("../elsewhere", folder_ + "/f/link");
  EXPECT_THAT(Load(Write("f/c", StrCat(kHead, "$INCLUDE link\n"))), HasSubstr("outside of the"));
}

TEST_F(ZoneLoad, ProblemsOfAnIncludedFileCarryItsName) {
  Write("more", "a A x\n");
  EXPECT_THAT(Load(Write("z", StrCat(kHead, "$INCLUDE more\n"))), HasSubstr("/more:1:5: A: \"x\""));
}

TEST_F(ZoneLoad, AFileThatIncludesItselfEnds) {
  EXPECT_THAT(Load(Write("z", StrCat(kHead, "$INCLUDE again\n$INCLUDE again\n"))),
              HasSubstr("No such file"));
  Write("again", "$INCLUDE again\n$INCLUDE again\n");
  EXPECT_THAT(Load(folder_ + "/z"), HasSubstr("does it include itself?"));
}

TEST_F(ZoneLoad, FilesThatCannotBeReadAreNamed) {
  EXPECT_THAT(Load(folder_ + "/none"), HasSubstr("/none: open the zone file"));
  EXPECT_THAT(Load(folder_), HasSubstr("it is no regular file"));
}

// Longer than one read of the loader, and cut anywhere.
TEST_F(ZoneLoad, LinesMayBeCutByReads) {
  std::string text = kHead;
  for (int i = 0; i < 40'000; ++i) text += StrCat("name", i, " A 192.0.2.1\n");
  ASSERT_EQ(Load(Write("z", text + "last A 192.0.2.1")), "none");
  EXPECT_EQ(table_->name_count(), 40'000u + 3);
}

TEST_F(ZoneLoad, TheLargestRecordFits) {
  std::string text = StrCat(kHead, "big TYPE65280 \\# 65535 ");
  for (int i = 0; i < 65'535; ++i) text += "ab";
  ASSERT_EQ(Load(Write("z", text + "\n")), "none");
  EXPECT_EQ(Find("big.example.org", static_cast<RrType>(65'280)), Lookup::Kind::kRecords);
}

}  // namespace
}  // namespace summon::dns
