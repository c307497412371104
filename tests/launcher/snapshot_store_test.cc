// SPDX-License-Identifier: Apache-2.0
// Snapshot files: whole, used once, and refused when anything about them is not as it was.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/strings.h"
#include "launcher/monitor/sealed_copy.h"
#include "launcher/monitor/snapshot_store.h"

namespace summon::launcher {

namespace {

constexpr std::uint64_t kBytesMax = 1 << 20;

class SnapshotStoreTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove_all(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static Digest DigestOfText(std::string_view text) {
    // SAFETY: characters are read as the bytes that they are.
    return DigestOf({Bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size())});
  }
  static UniqueFd MemoryFile(std::string_view text) {
    UniqueFd file = NewMemoryFile("test").value();
    EXPECT_EQ(write(file.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    return file;
  }
  static std::string TextOf(const UniqueFd& file) {
    std::string text(kBytesMax, '\0');
    text.resize(static_cast<std::size_t>(pread(file.get(), text.data(), text.size(), 0)));
    return text;
  }
  void Save(std::string_view text) {
    const Result<std::uint64_t> bytes = store_.Write(subject_, MemoryFile(text).get(), wanted_);
    ASSERT_TRUE(bytes.ok()) << bytes.error().message();
  }
  // What is wrong with the file, which is gone afterwards.
  std::string Refusal(const SnapshotStore& store, const SnapshotStore::Subject& subject) {
    const Result<UniqueFd> taken = store.Take(subject, kBytesMax);
    EXPECT_FALSE(taken.ok());
    EXPECT_FALSE(std::filesystem::exists(path_));
    return taken.ok() ? "" : taken.error().message();
  }

  const std::string folder_ = StrCat(testing::TempDir(), "summon-store-", getpid());
  const std::string path_ = folder_ + "/web.snapshot";
  const HostIdentity host_{DigestOfText("cpu"), "boot"};
  const SnapshotStore store_{folder_, host_};
  const SnapshotStore::Subject subject_{"web", DigestOfText("image"), DigestOfText("machine")};
  std::atomic<bool> wanted_ = true;
};

TEST_F(SnapshotStoreTest, TakesWhatWasWrittenOnceAndForReading) {
  Save("a guest");
  const Result<UniqueFd> taken = store_.Take(subject_, kBytesMax);
  ASSERT_TRUE(taken.ok()) << taken.error().message();
  EXPECT_TRUE(TextOf(*taken).starts_with("a guest")) << "what follows is the file's label";
  EXPECT_EQ(write(taken->get(), "x", 1), -1);
  EXPECT_EQ(store_.Take(subject_, kBytesMax).error().code(), ErrorCode::kNotFound);
  store_.RemoveTaken("web");
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(SnapshotStoreTest, LooksWithoutTaking) {
  Save("a guest");
  const Result<std::uint64_t> looked = store_.Look(subject_);
  ASSERT_TRUE(looked.ok());
  EXPECT_EQ(*looked, std::filesystem::file_size(path_));
  EXPECT_TRUE(store_.Take(subject_, kBytesMax).ok());
}

TEST_F(SnapshotStoreTest, ANewerOneTakesThePlaceOfTheOld) {
  Save("an old guest");
  Save("a guest");
  EXPECT_TRUE(TextOf(store_.Take(subject_, kBytesMax).value()).starts_with("a guest"));
}

TEST_F(SnapshotStoreTest, OnlyWeMayReadIt) {
  Save("a guest");
  struct stat status {};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  ASSERT_EQ(stat(folder_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
}

TEST_F(SnapshotStoreTest, OneThatIsNotWantedAnyMoreDoesNotStand) {
  wanted_ = false;
  EXPECT_FALSE(store_.Write(subject_, MemoryFile("a guest").get(), wanted_).ok());
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(SnapshotStoreTest, DamagedContentIsRefused) {
  Save("a guest");
  std::fstream(path_, std::ios::in | std::ios::out | std::ios::binary).seekp(1) << '?';
  EXPECT_NE(Refusal(store_, subject_).find("content is damaged"), std::string::npos);
}

TEST_F(SnapshotStoreTest, ADamagedLabelIsRefused) {
  Save("a guest");
  const auto in_content_size = std::string_view("a guest").size() + 17;
  std::fstream(path_, std::ios::in | std::ios::out | std::ios::binary)
          .seekp(static_cast<std::streamoff>(in_content_size))
      << '?';
  EXPECT_NE(Refusal(store_, subject_).find("label is damaged"), std::string::npos);
}

TEST_F(SnapshotStoreTest, ACutFileIsRefused) {
  Save("a guest");
  ASSERT_EQ(truncate(path_.c_str(), static_cast<off_t>(std::filesystem::file_size(path_) - 1)), 0);
  EXPECT_NE(Refusal(store_, subject_).find("not a snapshot file"), std::string::npos);
}

TEST_F(SnapshotStoreTest, AnEmptyFileIsRefused) {
  std::filesystem::create_directory(folder_);
  std::ofstream(path_).flush();
  EXPECT_NE(Refusal(store_, subject_).find("too short"), std::string::npos);
}

TEST_F(SnapshotStoreTest, AnotherMachinesIsRefused) {
  Save("a guest");
  const SnapshotStore other(folder_, HostIdentity{DigestOfText("another cpu"), "boot"});
  EXPECT_NE(Refusal(other, subject_).find("another processor"), std::string::npos);
}

TEST_F(SnapshotStoreTest, OneFromBeforeTheLastBootIsRefused) {
  Save("a guest");
  const SnapshotStore later(folder_, HostIdentity{DigestOfText("cpu"), "another boot"});
  EXPECT_NE(Refusal(later, subject_).find("booted"), std::string::npos);
}

TEST_F(SnapshotStoreTest, OneOfAnotherOrderIsRefused) {
  Save("a guest");
  const SnapshotStore::Subject other{"web", subject_.image, DigestOfText("another machine")};
  EXPECT_NE(Refusal(store_, other).find("changed"), std::string::npos);
}

TEST_F(SnapshotStoreTest, OneThatIsTooLongIsRefused) {
  Save("a guest");
  const Result<UniqueFd> taken = store_.Take(subject_, 3);
  ASSERT_FALSE(taken.ok());
  EXPECT_NE(taken.error().message().find("must have 1..3"), std::string::npos);
}

TEST_F(SnapshotStoreTest, ASymbolicLinkIsNotFollowed) {
  Save("a guest");
  std::filesystem::rename(path_, folder_ + "/elsewhere");
  std::filesystem::create_symlink(folder_ + "/elsewhere", path_);
  (void)Refusal(store_, subject_);
  EXPECT_TRUE(std::filesystem::exists(folder_ + "/elsewhere"));
}

TEST_F(SnapshotStoreTest, LeftoversOfAKilledLauncherAreRemovedAndSnapshotsStay) {
  Save("a guest");
  std::ofstream(folder_ + "/web.snapshot.new4711").flush();
  std::ofstream(folder_ + "/web.snapshot.taken").flush();
  store_.RemoveLeftovers();
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/web.snapshot.new4711"));
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/web.snapshot.taken"));
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(SnapshotStoreTest, NamesThatAreNoFileNamesAreNotUsable) {
  EXPECT_TRUE(store_.usable("web-1.example_x"));
  EXPECT_FALSE(store_.usable(""));
  EXPECT_FALSE(store_.usable(".web"));
  EXPECT_FALSE(store_.usable("a/b"));
  EXPECT_FALSE(store_.usable(std::string(201, 'a')));
  EXPECT_FALSE(SnapshotStore("", host_).usable("web"));
}

TEST_F(SnapshotStoreTest, AFolderThatCannotBeMadeIsAnError) {
  const SnapshotStore nowhere("/proc/nonexistent/summon", host_);
  const Result<std::uint64_t> written =
      nowhere.Write(subject_, MemoryFile("a guest").get(), wanted_);
  ASSERT_FALSE(written.ok());
  EXPECT_NE(written.error().message().find("/proc/nonexistent/summon"), std::string::npos);
}

}  // namespace
}  // namespace summon::launcher
