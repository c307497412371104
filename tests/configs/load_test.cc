// SPDX-License-Identifier: Apache-2.0
// Errors of form: where they are shown, what they suggest, and that one hides no other.
#include "configs/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/configs/text.h"

namespace summon::configs {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::vector<std::string> Messages(const LoadOutcome& outcome) {
  std::vector<std::string> out;
  for (const Diagnostic& error : outcome.errors) {
    out.push_back(StrCat(error.line, ':', error.column, ' ', error.message));
  }
  return out;
}

TEST(ConfigForm, AnErrorShowsPlaceSourceLineCaretAndHint) {
  EXPECT_EQ(FirstError("zone { apex: \"summon.test\" }\n  lissten: \"127.0.0.1:53\"\n"),
            "site.textproto:2:3: unknown field \"lissten\" in the file\n"
            "    2 |   lissten: \"127.0.0.1:53\"\n"
            "      |   ^ did you mean \"listen\"?");
}

TEST(ConfigForm, AllErrorsAreShownInTheOrderOfTheText) {
  const LoadOutcome outcome = LoadPure(
      "zone { apex: \"summon.test\" }\n"
      "lissten: 1\n"
      "service { nam: \"a\" launcher: KVN\n"
      "  memory_mib: \"16\"\n"
      "  policy { grace_s: -1 }\n"
      "}\n");
  EXPECT_THAT(Messages(outcome),
              ElementsAre("2:1 unknown field \"lissten\" in the file",
                          "3:11 unknown field \"nam\" in service",
                          "3:30 launcher is KVN; must be one of AUTO, KVM, PROCESS",
                          "4:15 memory_mib is \"16\"; must be a whole number, 0..4294967295",
                          "5:21 grace_s is -1; must be a whole number, 0..4294967295"));
}

TEST(ConfigForm, ErrorsOfFormDoNotHideErrorsOfMeaning) {
  const LoadOutcome outcome = LoadPure(WithService("lancher: KVM memory_mib: 5000"));
  EXPECT_THAT(Messages(outcome),
              ElementsAre("4:1 unknown field \"lancher\" in service",
                          "4:14 service \"hello\": memory_mib is 5000; must be 2..4096"));
}

TEST(ConfigForm, ABlankedFieldIsNotAlsoReportedAsMissing) {
  const LoadOutcome outcome = LoadPure("zone { apx: \"summon.test\" }");
  EXPECT_THAT(Messages(outcome), ElementsAre("1:8 unknown field \"apx\" in zone"));
}

TEST(ConfigForm, AFieldOfAnotherMessageIsSentThere) {
  EXPECT_THAT(FirstError(WithService("idle_timeout_s: 60")), HasSubstr("this belongs in policy"));
}

TEST(ConfigForm, AMissingBraceIsSuspectedWhenATopLevelFieldStandsInAService) {
  EXPECT_THAT(FirstError(WithService("zone { apex: \"b.test\" }")),
              HasSubstr("is a \"}\" missing above?"));
}

TEST(ConfigForm, AFieldNearToNothingListsTheFields) {
  EXPECT_THAT(FirstError(StrCat(kZone, "network { frobnicate: 1 }")),
              HasSubstr("fields of network: gateway, prefix_length, tap_prefix"));
}

TEST(ConfigForm, AnEnumInLowerCaseIsSuggestedInUpperCase) {
  EXPECT_THAT(FirstError(WithService("policy { answer: when_ready }")),
              HasSubstr("did you mean WHEN_READY?"));
}

TEST(ConfigForm, ASingularFieldTwiceShowsBothPlaces) {
  EXPECT_THAT(FirstError("control_socket: \"/a\"\ncontrol_socket: \"/b\"\n"),
              StartsWith("site.textproto:2:1: control_socket of the file is given twice; first at "
                         "site.textproto:1:1"));
}

TEST(ConfigForm, ABraceThatIsNeverClosedIsShownWhereItOpens) {
  EXPECT_THAT(FirstError("zone { apex: \"summon.test\"\n"),
              StartsWith("site.textproto:1:6: the \"{\" of zone is never closed"));
}

TEST(ConfigForm, ABraceTooManyIsShown) {
  EXPECT_THAT(FirstError("zone { apex: \"summon.test\" } }\n"),
              StartsWith("site.textproto:1:30: \"}\" closes nothing"));
}

TEST(ConfigForm, AnUnterminatedStringIsShownAndTheRestIsStillRead) {
  const LoadOutcome outcome = LoadPure("zone { apex: \"summon.test }\nlissten: 1\n");
  EXPECT_THAT(outcome.ToString(), HasSubstr("site.textproto:1:"));
  EXPECT_THAT(outcome.ToString(), HasSubstr("cannot cross line boundaries"));
}

TEST(ConfigForm, AMissingColonIsShown) {
  EXPECT_THAT(FirstError("listen \"127.0.0.1:53\"\n"),
              StartsWith("site.textproto:1:8: after listen there must be \":\""));
}

TEST(ConfigForm, AMissingValueIsShown) {
  EXPECT_THAT(FirstError("zone { apex: }\n"),
              StartsWith("site.textproto:1:14: apex of zone has no value"));
}

TEST(ConfigForm, AStrayByteIsShown) {
  const LoadOutcome outcome = LoadPure("\x01zone { apex: \"summon.test\" }\n");
  EXPECT_FALSE(outcome.ok());
  EXPECT_THAT(outcome.ToString(), StartsWith("site.textproto:1:1: "));
}

TEST(ConfigForm, ColumnsCountBytesAlsoAfterTabs) {
  EXPECT_THAT(FirstError("\t\tlissten: 1\n"), StartsWith("site.textproto:1:3: "));
}

TEST(ConfigForm, ListsAndAngleBracketsAndSeparatorsAreRead) {
  const LoadOutcome outcome =
      LoadPure("zone < apex: \"summon.test\"; >, listen: [\"127.0.0.1:5300\", \"[::1]:5300\"]");
  EXPECT_EQ(outcome.ToString(), "");
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(outcome.config->listen.size(), 2u);
}

TEST(ConfigForm, AtMostTheBoundOfErrorsIsShownAndTheRestCounted) {
  std::string text;
  for (int i = 0; i < 150; ++i) text += "bad: 1\n";  // half as many again as the bound
  const LoadOutcome outcome = LoadPure(text);
  EXPECT_EQ(outcome.errors.size(), kDiagnosticsMax);
  EXPECT_EQ(outcome.errors.back().message, "51 more like these are not shown");
}

TEST(ConfigForm, AFileBeyondTheBoundIsRefusedUnread) {
  EXPECT_EQ(FirstError(std::string(kConfigBytesMax + 1, ' ')),
            "site.textproto: the file has more than 1048576 bytes (1 MiB)");
}

TEST(ConfigForm, DeepNestingOfUnknownFieldsEndsInAnError) {
  const std::string open(100'000, '{');  // far deeper than any stack of ours would like
  EXPECT_THAT(FirstError("x " + open), HasSubstr("unknown field \"x\""));
}

TEST(ConfigForm, AnEmptyFileMissesAZone) {
  EXPECT_EQ(FirstError(""), "site.textproto: zone is missing");
}

TEST(ConfigFile, OneThatDoesNotExistSaysSo) {
  const LoadOutcome outcome = Load("/nonexistent/site.textproto");
  EXPECT_EQ(outcome.ToString(),
            "/nonexistent/site.textproto: read the configuration: No such file or directory\n");
}

TEST(ConfigFile, AFolderInItsPlaceSaysSo) {
  EXPECT_THAT(Load("/").ToString(), HasSubstr("not a regular file"));
}

}  // namespace
}  // namespace summon::configs
