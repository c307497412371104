// SPDX-License-Identifier: Apache-2.0
// Messages and descriptors between two ends, and the ways in which a peer can fail.
#include "base/seqpacket.h"

#include <dirent.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>

namespace summon {
namespace {

using ::testing::HasSubstr;

constexpr std::array<std::uint8_t, 3> kMessage = {1, 2, 3};

std::size_t OpenDescriptors() {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
}

class Seqpacket : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = SeqpacketPair(Blocking::kNo);
    ASSERT_TRUE(made.ok()) << made.error().message();
    near_ = std::move(made->first);
    far_ = std::move(made->second);
    char name[] = "/tmp/summon-seqpacket-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string Path() const { return folder_ + "/s.sock"; }

  UniqueFd near_;
  UniqueFd far_;
  std::string folder_;
};

TEST_F(Seqpacket, AMessageArrivesWholeWithItsDescriptors) {
  const UniqueFd sent(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const std::array<int, 2> fds = {sent.get(), sent.get()};
  ASSERT_TRUE(SendPacket(near_.get(), kMessage, fds).ok());
  const auto received = ReceivePacket(far_.get(), 100);
  ASSERT_TRUE(received.ok());
  ASSERT_TRUE(received->has_value());
  EXPECT_EQ((*received)->bytes, (std::vector<std::uint8_t>{1, 2, 3}));
  ASSERT_EQ((*received)->fds.size(), 2u);
  EXPECT_EQ(fcntl((*received)->fds[0].get(), F_GETFD), FD_CLOEXEC);
}

TEST_F(Seqpacket, MessagesKeepTheirBounds) {
  ASSERT_TRUE(SendPacket(near_.get(), kMessage).ok());
  ASSERT_TRUE(SendPacket(near_.get(), Bytes(kMessage).first(1)).ok());
  EXPECT_EQ((*ReceivePacket(far_.get(), 100).value()).bytes.size(), 3u);
  EXPECT_EQ((*ReceivePacket(far_.get(), 100).value()).bytes.size(), 1u);
}

TEST_F(Seqpacket, AnEmptyQueueGivesNoValue) {
  EXPECT_FALSE(ReceivePacket(far_.get(), 100).value().has_value());
}

TEST_F(Seqpacket, AMessageThatIsTooLongIsInvalidAndLeaksNoDescriptor) {
  const UniqueFd sent(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const std::array<int, 1> fds = {sent.get()};
  const std::size_t before = OpenDescriptors();
  ASSERT_TRUE(SendPacket(near_.get(), kMessage, fds).ok());
  const auto received = ReceivePacket(far_.get(), 2);
  ASSERT_FALSE(received.ok());
  EXPECT_EQ(received.error().code(), ErrorCode::kInvalid);
  EXPECT_EQ(OpenDescriptors(), before);
}

TEST_F(Seqpacket, TheLargestNumberOfDescriptorsFits) {
  const UniqueFd sent(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const std::vector<int> fds(kPacketFdsMax, sent.get());
  ASSERT_TRUE(SendPacket(near_.get(), kMessage, fds).ok());
  EXPECT_EQ((*ReceivePacket(far_.get(), 100).value()).fds.size(), kPacketFdsMax);
}

TEST_F(Seqpacket, APeerThatIsGoneIsUnavailableBothWays) {
  far_.Reset();
  EXPECT_EQ(ReceivePacket(near_.get(), 100).error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(SendPacket(near_.get(), kMessage).error().code(), ErrorCode::kUnavailable);
}

TEST_F(Seqpacket, AFullQueueIsBusy) {
  Status sent = Ok();
  for (int i = 0; i < 100'000 && sent.ok(); ++i) sent = SendPacket(near_.get(), kMessage);
  ASSERT_FALSE(sent.ok());
  EXPECT_EQ(sent.error().code(), ErrorCode::kBusy);
}

TEST_F(Seqpacket, AListenerTakesConnectionsAndKnowsThePeer) {
  const auto listener = ListenSeqpacket(Path());
  ASSERT_TRUE(listener.ok()) << listener.error().message();
  EXPECT_FALSE(AcceptSeqpacket(listener->get()).value().has_value());
  const auto client = ConnectSeqpacket(Path());
  ASSERT_TRUE(client.ok()) << client.error().message();
  const auto accepted = AcceptSeqpacket(listener->get());
  ASSERT_TRUE(accepted.ok() && accepted->has_value());
  EXPECT_EQ(GetPeerCredentials((*accepted)->get())->pid, getpid());
}

TEST_F(Seqpacket, ASocketIsForItsOwnerOnlyAtFirst) {
  const auto listener = ListenSeqpacket(Path());
  ASSERT_TRUE(listener.ok());
  struct stat info {};
  ASSERT_EQ(stat(Path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(Seqpacket, ALiveListenerIsNotReplaced) {
  const auto first = ListenSeqpacket(Path());
  ASSERT_TRUE(first.ok());
  const auto second = ListenSeqpacket(Path());
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code(), ErrorCode::kBusy);
}

TEST_F(Seqpacket, AStaleSocketIsReplaced) {
  { const auto dead = ListenSeqpacket(Path()); }
  EXPECT_TRUE(ListenSeqpacket(Path()).ok());
}

TEST_F(Seqpacket, AFileThatIsNoSocketIsLeftAlone) {
  std::ofstream(Path()) << "precious";
  const auto listener = ListenSeqpacket(Path());
  ASSERT_FALSE(listener.ok());
  EXPECT_THAT(listener.error().message(), HasSubstr("not a socket"));
  EXPECT_TRUE(std::filesystem::is_regular_file(Path()));
}

TEST_F(Seqpacket, NobodyListeningIsUnavailableAndNoFileIsNotFound) {
  EXPECT_EQ(ConnectSeqpacket(Path()).error().code(), ErrorCode::kNotFound);
  { const auto dead = ListenSeqpacket(Path()); }
  EXPECT_EQ(ConnectSeqpacket(Path()).error().code(), ErrorCode::kUnavailable);
}

TEST_F(Seqpacket, APathThatIsTooLongNamesTheLimit) {
  const auto listener = ListenSeqpacket(std::string(108, 'x'));
  ASSERT_FALSE(listener.ok());
  EXPECT_THAT(listener.error().message(), HasSubstr("has 108 bytes; must be 1..107"));
}

}  // namespace
}  // namespace summon
