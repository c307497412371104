// SPDX-License-Identifier: Apache-2.0
// A service with an open TCP connection rests on each rung and goes on, with real monitors of the
// kind that CMake names (SUMMON_TEST_KIND); and what dies on the way takes nothing with it.
#include <gtest/gtest.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>

#include <filesystem>
#include <fstream>

#include "tests/launcher/conformance.h"
#include "tests/launcher/monitor_world.h"

namespace summon::launcher {

namespace {

constexpr Kind kKind = Kind::SUMMON_TEST_KIND;

// A browser that keeps its connection.
class Client {
 public:
  explicit Client(Ipv4Address address)
      : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    constexpr std::uint16_t kHttpPort = 80;
    to.sin_port = htons(kHttpPort);
    std::memcpy(&to.sin_addr, address.octets.data(), address.octets.size());
    // SAFETY: every sockaddr_* type may be passed to the socket calls as a sockaddr (POSIX).
    (void)connect(fd_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to);
  }
  bool Connected() const {
    pollfd ready{fd_.get(), POLLOUT, 0};
    return poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT) != 0;
  }
  void Ask() const {
    constexpr std::string_view kRequest = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";
    (void)!send(fd_.get(), kRequest.data(), kRequest.size(), MSG_NOSIGNAL);
  }
  // Whether the beginning of an answer came; takes what came.
  bool Answered() const {
    char text[65536];
    const ssize_t size = recv(fd_.get(), text, sizeof text, 0);
    if (size <= 0) return false;
    return std::string_view(text, static_cast<std::size_t>(size)).starts_with("HTTP/1.1 200");
  }
  void TakeRest() const {
    char text[65536];
    while (recv(fd_.get(), text, sizeof text, 0) > 0) {
    }
  }

 private:
  const UniqueFd fd_;
};

class RungWorld : public MonitorWorld {
 public:
  RungWorld() : MonitorWorld(kKind, WithStateFolder()) {}
  static std::string Missing() { return MissingFor(kKind); }
  static std::string File() { return StrCat(StateFolder(), "/service0.snapshot"); }

  LaunchOrder Web() {
    LaunchOrder order = Good(kService);
    const std::string path = GuestPath("web", kKind);
    order.images.clear();
    order.images.push_back(ImageFile{kKind, OpenFile(path), path});
    order.snapshots = true;
    return order;
  }
};

// The conformance test's helpers are used here, and its tests elsewhere.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(LauncherConformance);

class RungTest : public LauncherConformance<RungWorld> {
 protected:
  void SetUp() override {
    LauncherConformance<RungWorld>::SetUp();
    if (IsSkipped()) return;
    const Status prepared = PrepareAndWait(world_->Web());
    ASSERT_TRUE(prepared.ok()) << prepared.error().message();
    LaunchNext();
  }
  // What this kind can do of it.
  static Rung Possible(Rung rung) {
    return kKind == Kind::kKvm || rung == Rung::kPaused ? rung : Rung::kOff;
  }
  InstanceId newest() const { return InstanceId{kService, generation_}; }
  void LaunchNext() {
    ++generation_;
    LaunchUntilReady(newest());
  }
  Rung RestNow(Rung rung) {
    launcher().Reclaim(newest(), rung);
    EXPECT_TRUE(Await([&] { return events().ends(newest()) > 0; }));
    return events().end(newest()).rest.rung;
  }
  Rung WokenFromNow() { return world_->events().stages.back().second.from; }
  // As Await, for what the loop does not see.
  bool AwaitOutside(const std::function<bool()>& holds) {
    constexpr int kLooksMax = 4000;
    for (int look = 0; look < kLooksMax; ++look) {
      if (world_->loop().RunUntil(holds, std::chrono::milliseconds(5))) return true;
    }
    return false;
  }
  void Exchange(const Client& client) {
    client.Ask();
    ASSERT_TRUE(AwaitOutside([&] { return client.Answered(); }));
    world_->Settle();
    client.TakeRest();
  }
  // An open connection lives through a rest; the request that comes meanwhile wakes the service.
  void LivesThrough(Rung rung) {
    const Client client(AddressOf(kService));
    ASSERT_TRUE(AwaitOutside([&] { return client.Connected(); }));
    Exchange(client);
    ASSERT_EQ(RestNow(rung), rung);
    const std::size_t packets = events().packets.size();
    client.Ask();
    ASSERT_TRUE(Await([&] { return events().packets.size() > packets; }));
    LaunchNext();
    EXPECT_EQ(WokenFromNow(), rung);
    ASSERT_TRUE(AwaitOutside([&] { return client.Answered(); }));
    world_->Settle();
    client.TakeRest();
    Exchange(client);
    EXPECT_TRUE(events().reached(newest(), Stage::kFirstByteOut) || kKind == Kind::kProcess);
  }
  static std::vector<int> Children() {
    std::ifstream list(StrCat("/proc/self/task/", getpid(), "/children"));
    std::vector<int> pids;
    for (int pid = 0; list >> pid;) pids.push_back(pid);
    return pids;
  }
  static void KillAll() {
    for (const int pid : Children()) kill(pid, SIGKILL);
  }
  // Without those of the members of the pool: how many these are depends on how fast we were.
  std::size_t OpenDescriptors() {
    constexpr std::size_t kPerMember = 3;
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all))) -
           kPerMember * world_->monitors().pool(kKind).ready;
  }
  // All that is left is what waits in the pool.
  void AwaitQuiet() {
    ASSERT_TRUE(Await([&] {
      const auto pool = world_->monitors().pool(kKind);
      return pool.ready == pool.size && world_->monitors().processes() == pool.size;
    }));
  }

  std::uint64_t generation_ = 0;
};

TEST_F(RungTest, AConnectionLivesThroughAPause) { LivesThrough(Rung::kPaused); }

TEST_F(RungTest, AConnectionLivesThroughAPark) {
  if (kKind == Kind::kProcess) GTEST_SKIP() << "kind process cannot be parked";
  LivesThrough(Rung::kParked);
}

TEST_F(RungTest, AConnectionLivesThroughAFile) {
  if (kKind == Kind::kProcess) GTEST_SKIP() << "kind process cannot be saved";
  LivesThrough(Rung::kSaved);
  EXPECT_FALSE(std::filesystem::exists(RungWorld::File()));
}

TEST_F(RungTest, AConnectionLivesThroughALoweringFromAPauseToAFile) {
  if (kKind == Kind::kProcess) GTEST_SKIP() << "kind process cannot be saved";
  const Client client(AddressOf(kService));
  ASSERT_TRUE(AwaitOutside([&] { return client.Connected(); }));
  Exchange(client);
  ASSERT_EQ(RestNow(Rung::kPaused), Rung::kPaused);
  launcher().Lower(kService, Rung::kSaved);
  ASSERT_TRUE(Await([&] { return !events().rests.empty(); }));
  ASSERT_EQ(events().rests.back().second.rung, Rung::kSaved);
  LaunchNext();
  EXPECT_EQ(WokenFromNow(), Rung::kSaved);
  Exchange(client);
}

TEST_F(RungTest, FiftyCyclesOverAllRungsLeaveNothing) {
  ASSERT_EQ(RestNow(Rung::kOff), Rung::kOff);
  AwaitQuiet();
  const std::size_t before = OpenDescriptors();
  constexpr int kCycles = 50;
  for (int cycle = 0; cycle < kCycles; ++cycle) {
    const auto rung = static_cast<Rung>(cycle % kRungs);
    LaunchNext();
    ASSERT_EQ(RestNow(rung), Possible(rung)) << "cycle " << cycle;
  }
  LaunchNext();
  ASSERT_EQ(RestNow(Rung::kOff), Rung::kOff);
  AwaitQuiet();
  // The file for the next snapshot is made when an instance is ready.
  EXPECT_EQ(OpenDescriptors(), before);
  launcher().Forget(kService);
  world_->Settle();
  EXPECT_EQ(if_nametoindex("smtest0"), 0u);
  world_->DestroyLauncher();
  EXPECT_TRUE(Children().empty());
  EXPECT_FALSE(std::filesystem::exists(RungWorld::File()));
}

TEST_F(RungTest, KilledWhileItRestsItIsToldAndBootsAgain) {
  for (const Rung rung : {Rung::kPaused, Rung::kParked}) {
    if (Possible(rung) != rung) continue;
    ASSERT_EQ(RestNow(rung), rung);
    const std::size_t told = events().rests.size();
    KillAll();
    ASSERT_TRUE(Await([&] { return events().rests.size() > told; }));
    EXPECT_EQ(events().rests.back().second, Rest{});
    LaunchNext();
    EXPECT_EQ(WokenFromNow(), Rung::kOff);
  }
}

TEST_F(RungTest, KilledOnItsWayDownItIsOffAndBootsAgain) {
  for (const Rung rung : {Rung::kPaused, Rung::kParked, Rung::kSaved}) {
    launcher().Reclaim(newest(), rung);
    KillAll();
    ASSERT_TRUE(Await([&] { return events().ends(newest()) > 0; }));
    EXPECT_EQ(events().end(newest()).reason, EndReason::kReclaimed);
    LaunchNext();  // those that wait in the pool were killed too, perhaps unheard of yet
  }
}

TEST_F(RungTest, KilledAsItWakesItBootsWithinTheSameLaunchOrEnds) {
  for (const Rung rung : {Rung::kPaused, Rung::kParked, Rung::kSaved}) {
    (void)RestNow(rung);
    ++generation_;
    launcher().Launch(newest());
    KillAll();
    ASSERT_TRUE(Await([&] {
      return events().reached(newest(), Stage::kReady) || events().ends(newest()) > 0;
    }));
    world_->Settle();
    if (events().ends(newest()) == 0) (void)RestNow(Rung::kOff);
    LaunchNext();
  }
}

}  // namespace
}  // namespace summon::launcher
