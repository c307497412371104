// SPDX-License-Identifier: Apache-2.0
// What somebody may have meant who named a file that is not there.
#include "base/near_file.h"

#include <gtest/gtest.h>

#include "tests/testbed/process.h"

namespace summon {
namespace {

TEST(NearFile, NameThatIsNearIsOfferedWithItsFolder) {
  const testbed::ScratchFolder folder;
  const std::string hello = folder.Write("hello.hvt", "");
  EXPECT_EQ(NearFileHint(folder.path() + "/helo.hvt"), "did you mean \"" + hello + "\"?");
}

TEST(NearFile, NothingNearIsNothing) {
  const testbed::ScratchFolder folder;
  (void)folder.Write("hello.hvt", "");
  EXPECT_EQ(NearFileHint(folder.path() + "/web.spt"), std::nullopt);
}

TEST(NearFile, FolderThatIsNotThereIsNamed) {
  EXPECT_EQ(NearFileHint("/no/such/web.hvt"), "there is no folder \"/no/such\"");
}

TEST(NearFile, NameWithoutAFolderIsLookedForHere) {
  EXPECT_EQ(NearFileHint("no-such-file-at-all.hvt"), std::nullopt);
  EXPECT_EQ(NearFileHint(""), std::nullopt);
}

}  // namespace
}  // namespace summon
