// SPDX-License-Identifier: Apache-2.0
// Each rule of tidy fails on a small tree that breaks it, and says nothing about one that does not.
#include "tools/tidy/tidy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"

namespace summon::tidy {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::string_view kOpening =
    "// SPDX-License-Identifier: Apache-2.0\n// What this is for.\n";
constexpr std::string_view kHeaderOpening =
    "// SPDX-License-Identifier: Apache-2.0\n#pragma once\n// What this is for.\n";

// "rule path:line" of each finding.
std::vector<std::string> Check(const std::vector<std::pair<std::string, std::string>>& files) {
  Tree tree;
  for (const auto& [path, text] : files) tree.emplace(path, MakeFile(path, text));
  std::vector<std::string> out;
  for (const Finding& finding : CheckAll(tree)) {
    out.push_back(StrCat(finding.rule, ' ', finding.path, ':', finding.line));
  }
  return out;
}

// One source file, listed, with `body` from its third line on.
std::vector<std::string> CheckBody(std::string_view body) {
  return Check({{"dns/CMakeLists.txt", "a.cc"}, {"dns/a.cc", StrCat(kOpening, body)}});
}

std::vector<std::string> CheckLayer(const std::string& path, const std::string& include) {
  return Check({{"tools/layers.txt",
                 "base:\ndns: base/loop\nconfigs:\nbase/loop:\nsummoner/daemon: *\n"
                 "room uv.h: base/loop\nroom prometheus/*: metrics\nroom *.pb.h: configs\n"},
                {"CMakeLists.txt", path},
                {"base/b.h", std::string(kHeaderOpening)},
                {"dns/d.h", StrCat(kHeaderOpening, "#include \"base/b.h\"\n")},
                {path, StrCat(kOpening, include, "\n#include \"dns/d.h\"\n")}});
}

TEST(Tidy, ACleanFileHasNoFindings) { EXPECT_THAT(CheckBody("int x;\n"), IsEmpty()); }

TEST(Tidy, FirstLineMustBeTheLicence) {
  EXPECT_THAT(Check({{"CMakeLists.txt", "a.cc"}, {"a.cc", "int x;\n"}}),
              ElementsAre("spdx a.cc:1"));
}

TEST(Tidy, OpeningCommentMustBeThere) {
  EXPECT_THAT(Check({{"CMakeLists.txt", "a.cc"},
                     {"a.cc", "// SPDX-License-Identifier: Apache-2.0\nint x;\n"}}),
              ElementsAre("opening_comment a.cc:2"));
}

TEST(Tidy, HeaderMustHavePragmaOnce) {
  EXPECT_THAT(Check({{"CMakeLists.txt", "a.cc"},
                     {"a.cc", StrCat(kOpening, "#include \"a.h\"\n")},
                     {"a.h", std::string(kOpening)}}),
              ElementsAre("pragma_once a.h:2"));
}

TEST(Tidy, LinesHaveAHundredColumns) {
  EXPECT_THAT(CheckBody("//" + std::string(98, 'x') + "\n"), IsEmpty());
  EXPECT_THAT(CheckBody("//" + std::string(99, 'x') + "\n"), ElementsAre("line_length dns/a.cc:3"));
}

TEST(Tidy, TabsAreRefused) { EXPECT_THAT(CheckBody("\tint x;\n"), ElementsAre("tab dns/a.cc:3")); }

TEST(Tidy, FilesHaveFiveHundredLinesAndTestsEight) {
  std::string lines;
  for (int i = 0; i < 499; ++i) lines += "int x;\n";  // two opening lines: one too many
  EXPECT_THAT(CheckBody(lines), ElementsAre("file_size dns/a.cc:0"));
  EXPECT_THAT(Check({{"tests/CMakeLists.txt", "a.cc"}, {"tests/a.cc", StrCat(kOpening, lines)}}),
              IsEmpty());
}

TEST(Tidy, FunctionsHaveSixtyLines) {
  std::string body;
  for (int i = 0; i < 58; ++i) body += "  Do();\n";
  EXPECT_THAT(CheckBody("void F() {\n" + body + "}\n"), IsEmpty());
  EXPECT_THAT(CheckBody("void F() {\n  Do();\n" + body + "}\n"),
              ElementsAre("function_size dns/a.cc:3"));
  EXPECT_THAT(CheckBody("class C {\n  void F() {\n  " + body + "    x;\n  }\n};\n"),
              ElementsAre("function_size dns/a.cc:4"));
  EXPECT_THAT(CheckBody("namespace a {\n" + body + body + "}  // namespace a\n"), IsEmpty());
}

TEST(Tidy, CastsNeedAReason) {
  EXPECT_THAT(CheckBody("auto* p = reinterpret_cast<int*>(q);\n"),
              ElementsAre("safety dns/a.cc:3"));
  EXPECT_THAT(CheckBody("// SAFETY: it is one.\nauto* p = reinterpret_cast<int*>(q);\n"),
              IsEmpty());
  EXPECT_THAT(CheckBody("Say(\"reinterpret_cast\");  // reinterpret_cast\n"), IsEmpty());
  EXPECT_THAT(CheckBody("void* p = mmap(0, 1);\n"), ElementsAre("safety dns/a.cc:3"));
}

TEST(Tidy, TodosHaveAKindAndNowFails) {
  EXPECT_THAT(CheckBody("// TODO(perf): later\n"), IsEmpty());
  EXPECT_THAT(CheckBody("// TODO(now): before it lands\n"), ElementsAre("todo dns/a.cc:3"));
  EXPECT_THAT(CheckBody("// TODO: some day\n"), ElementsAre("todo dns/a.cc:3"));
}

TEST(Tidy, SkipsPrintTheirReason) {
  EXPECT_THAT(CheckBody("GTEST_SKIP();\n"), ElementsAre("skip dns/a.cc:3"));
  EXPECT_THAT(CheckBody("GTEST_SKIP() << \"no /dev/kvm\";\n"), IsEmpty());
}

TEST(Tidy, WordsOfTheWorkplaceAreRefused) {
  EXPECT_THAT(CheckBody(StrCat("// see /", "work/x\n")), ElementsAre("workplace dns/a.cc:3"));
}

TEST(Tidy, AnUpwardIncludeIsRefused) {
  EXPECT_THAT(CheckLayer("base/a.cc", "#include <vector>"), ElementsAre("layers base/a.cc:4"));
}

TEST(Tidy, ASiblingIncludeIsRefused) {
  EXPECT_THAT(CheckLayer("configs/a.cc", "#include <vector>"),
              ElementsAre("layers configs/a.cc:4"));
}

TEST(Tidy, WhatWiresMayIncludeEverything) {
  EXPECT_THAT(CheckLayer("summoner/daemon/a.cc", "#include <vector>"), IsEmpty());
}

TEST(Tidy, AThirdPartyHeaderOutsideOfItsRoomIsRefused) {
  EXPECT_THAT(CheckLayer("dns/a.cc", "#include <uv.h>"), ElementsAre("room dns/a.cc:3"));
  EXPECT_THAT(CheckLayer("dns/a.cc", "#include <prometheus/counter.h>"),
              ElementsAre("room dns/a.cc:3"));
  EXPECT_THAT(CheckLayer("dns/a.cc", "#include \"schema/x.pb.h\""), ElementsAre("room dns/a.cc:3"));
}

TEST(Tidy, AFolderThatNoLayerHoldsIsRefused) {
  EXPECT_THAT(CheckLayer("nowhere/a.cc", "#include <vector>"),
              ::testing::Contains("layers nowhere/a.cc:0"));
}

TEST(Tidy, ASourceThatNobodyBuildsIsDead) {
  EXPECT_THAT(Check({{"dns/CMakeLists.txt", "other.cc"}, {"dns/a.cc", std::string(kOpening)}}),
              ElementsAre("dead_file dns/a.cc:0"));
}

TEST(Tidy, AHeaderThatNobodyIncludesIsDead) {
  EXPECT_THAT(Check({{"dns/a.h", std::string(kHeaderOpening)}}),
              ElementsAre("dead_file dns/a.h:0"));
}

TEST(Tidy, TheSpecificationNamesTestsThatExist) {
  const std::string test = StrCat(kOpening, "TEST(Name, IsLowerCase) {}\n");
  EXPECT_THAT(Check({{"tests/CMakeLists.txt", "n.cc"},
                     {"tests/n.cc", test},
                     {"SPECIFICATION.md",
                      "# Title\n- lower case: Name.IsLowerCase\n- later: *pending*\n"
                      "- over two\n  lines: Name.IsLowerCase\n- wrong: Name.IsUpperCase\n"}}),
              ElementsAre("specification SPECIFICATION.md:6"));
}

TEST(Tidy, AnExceptionNeedsAReasonAndAUse) {
  const std::string cast = StrCat(kOpening, "auto* p = reinterpret_cast<int*>(q);\n");
  EXPECT_THAT(Check({{"CMakeLists.txt", "a.cc"},
                     {"a.cc", cast},
                     {"tools/tidy_exceptions.txt", "safety a.cc: a test of the exceptions\n"}}),
              IsEmpty());
  EXPECT_THAT(Check({{"tools/tidy_exceptions.txt", "safety a.cc\n"}}),
              ElementsAre("exceptions tools/tidy_exceptions.txt:1"));
  EXPECT_THAT(Check({{"tools/tidy_exceptions.txt", "safety a.cc: not needed\n"}}),
              ElementsAre("exceptions tools/tidy_exceptions.txt:1"));
}

}  // namespace
}  // namespace summon::tidy
