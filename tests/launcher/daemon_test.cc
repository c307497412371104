// SPDX-License-Identifier: Apache-2.0
// The real summon-launcherd, with real instances: clients come and go, instances stay; at the
// end nothing is left.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "launcher/rpc/rpc_launcher.h"
#include "tests/launcher/monitor_world.h"

namespace summon::launcher {

namespace {

struct Summond {
  Summond(Loop& loop, Logger& log, const std::string& socket)
      : launcher(loop, log, events,
                 RpcLauncherOptions{.socket_path = socket,
                                    .on_connected =
                                        [this](std::vector<InventoryEntry> entries) {
                                          inventory = std::move(entries);
                                        },
                                    .on_disconnected = [](const Status&) {}}) {}
  Recorder events;
  std::vector<InventoryEntry> inventory;
  RpcLauncher launcher;
};

class DaemonTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string missing = MonitorWorld::MissingFor(Kind::kProcess);
    if (!missing.empty()) GTEST_SKIP() << missing;
    ASSERT_TRUE(EnterOwnNetwork());
    socket_ = StrCat(testing::TempDir(), "summon-launcherd-", getpid(), ".sock");
    StartDaemon();
  }
  void TearDown() override {
    if (pid_ > 0) (void)EndDaemon(SIGKILL);
    (void)unlink(socket_.c_str());
    std::filesystem::remove_all(MonitorWorld::StateFolder());
  }

  void StartDaemon() {
    const std::string program = StrCat(ProgramFolder(), "/summon-launcherd");
    std::string socket_option = StrCat("--socket=", socket_);
    std::string level = "--log-level=error";
    std::string folder_option = StrCat("--state-dir=", MonitorWorld::StateFolder());
    char* argv[] = {const_cast<char*>(program.c_str()), socket_option.data(), level.data(),
                    folder_option.data(), nullptr};
    ASSERT_EQ(posix_spawn(&pid_, program.c_str(), nullptr, nullptr, argv, environ), 0);
  }
  // The daemon's wait status.
  int EndDaemon(int signal_number) {
    int status = 0;
    (void)kill(pid_, signal_number);
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status;
  }
  bool Await(const std::function<bool()>& holds) {
    return loop_->RunUntil(holds, std::chrono::seconds(20));
  }
  std::unique_ptr<Summond> Connect() {
    auto summond = std::make_unique<Summond>(*loop_, log_, socket_);
    EXPECT_TRUE(Await([&] { return summond->launcher.connected(); }));
    return summond;
  }
  static LaunchOrder Echo(Kind kind = Kind::kProcess) {
    LaunchOrder order = OrderFor(kService);
    const std::string path = GuestPath("echo", kind);
    order.images.push_back(ImageFile{kind, OpenFile(path), path});
    order.snapshots = kind == Kind::kKvm;
    order.command_line = StrCat("--ipv4=", order.address.ToString(), "/24 --ipv4-gateway=",
                                order.gateway.ToString());
    order.nets.push_back(NetOrder{"service", {}});
    return order;
  }
  void PrepareIn(Summond& summond, Kind kind = Kind::kProcess) {
    summond.launcher.Prepare(kService, Echo(kind));
    ASSERT_TRUE(Await([&] { return !summond.events.prepared.empty(); }));
    ASSERT_TRUE(summond.events.prepared[0].second.ok())
        << summond.events.prepared[0].second.error().message();
  }
  void ReadyIn(Summond& summond, Kind kind = Kind::kProcess) {
    PrepareIn(summond, kind);
    summond.launcher.Launch(kFirst);
    ASSERT_TRUE(Await([&] { return summond.events.reached(kFirst, Stage::kReady); }));
  }

  // A service that came to rest there, if its kind can.
  void RestIn(Summond& summond, Kind kind, Rung rung) {
    ReadyIn(summond, kind);
    summond.launcher.Reclaim(kFirst, rung);
    ASSERT_TRUE(Await([&] { return summond.events.ends(kFirst) > 0; }));
    ASSERT_EQ(summond.events.end(kFirst).rest.rung, rung);
  }

  std::unique_ptr<Loop> loop_ = Loop::Create().value();
  Logger log_{STDERR_FILENO, "test", LogLevel::kError, Logger::Format::kPlain, *loop_};
  std::string socket_;
  pid_t pid_ = -1;
};

TEST_F(DaemonTest, AnInstanceOutlivesItsSummondAndIsAdopted) {
  std::unique_ptr<Summond> first = Connect();
  ReadyIn(*first);
  first.reset();
  const std::unique_ptr<Summond> second = Connect();
  ASSERT_EQ(second->inventory.size(), 1u);
  EXPECT_EQ(second->inventory[0].service, "service0");
  EXPECT_TRUE(second->inventory[0].ready);
  PrepareIn(*second);
  second->launcher.DonePreparing();
  EXPECT_EQ(second->events.ends(kFirst), 0);
  second->launcher.Reclaim(kFirst, Rung::kOff);
  ASSERT_TRUE(Await([&] { return second->events.ends(kFirst) > 0; }));
  EXPECT_EQ(second->events.end(kFirst).reason, EndReason::kReclaimed);
}

TEST_F(DaemonTest, APacketWakesOverTheSocket) {
  const std::unique_ptr<Summond> summond = Connect();
  PrepareIn(*summond);
  SendUdpTo(AddressOf(kService));
  EXPECT_TRUE(Await([&] { return !summond->events.packets.empty(); }));
}

TEST_F(DaemonTest, TerminatedItTakesEverythingBack) {
  const std::unique_ptr<Summond> summond = Connect();
  ReadyIn(*summond);
  EXPECT_NE(if_nametoindex("smtest0"), 0u);
  const int status = EndDaemon(SIGTERM);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(if_nametoindex("smtest0"), 0u);
  EXPECT_NE(access(socket_.c_str(), F_OK), 0);
}

TEST_F(DaemonTest, KilledItLeavesNoInstanceAndASecondOneServes) {
  const std::unique_ptr<Summond> summond = Connect();
  ReadyIn(*summond);
  (void)EndDaemon(SIGKILL);
  // Its monitors notice and end; the tap goes with them.
  ASSERT_TRUE(Await([] { return if_nametoindex("smtest0") == 0; }));
  StartDaemon();
  ASSERT_TRUE(Await([&] { return summond->events.ends(kFirst) > 0; }));
  EXPECT_EQ(summond->events.end(kFirst).reason, EndReason::kLost);
  EXPECT_TRUE(summond->launcher.connected());
}

TEST_F(DaemonTest, KilledItLeavesNoPausedProcess) {
  const std::unique_ptr<Summond> summond = Connect();
  RestIn(*summond, Kind::kProcess, Rung::kPaused);
  (void)EndDaemon(SIGKILL);
  EXPECT_TRUE(Await([] { return if_nametoindex("smtest0") == 0; }));
}

TEST_F(DaemonTest, KilledItLeavesNoPausedMachine) {
  const std::string missing = MonitorWorld::MissingFor(Kind::kKvm);
  if (!missing.empty()) GTEST_SKIP() << missing;
  const std::unique_ptr<Summond> summond = Connect();
  RestIn(*summond, Kind::kKvm, Rung::kPaused);
  (void)EndDaemon(SIGKILL);
  EXPECT_TRUE(Await([] { return if_nametoindex("smtest0") == 0; }));
}

TEST_F(DaemonTest, KilledItLeavesNoParkedMachine) {
  const std::string missing = MonitorWorld::MissingFor(Kind::kKvm);
  if (!missing.empty()) GTEST_SKIP() << missing;
  const std::unique_ptr<Summond> summond = Connect();
  RestIn(*summond, Kind::kKvm, Rung::kParked);
  (void)EndDaemon(SIGKILL);
  EXPECT_TRUE(Await([] { return if_nametoindex("smtest0") == 0; }));
}

TEST_F(DaemonTest, ASavedServiceOutlivesADaemonThatIsEnded) {
  const std::string missing = MonitorWorld::MissingFor(Kind::kKvm);
  if (!missing.empty()) GTEST_SKIP() << missing;
  std::unique_ptr<Summond> first = Connect();
  RestIn(*first, Kind::kKvm, Rung::kSaved);
  EXPECT_EQ(WEXITSTATUS(EndDaemon(SIGTERM)), 0);
  first.reset();
  StartDaemon();
  const std::unique_ptr<Summond> second = Connect();
  PrepareIn(*second, Kind::kKvm);
  ASSERT_TRUE(Await([&] { return !second->events.rests.empty(); }));
  EXPECT_EQ(second->events.rests[0].second.rung, Rung::kSaved);
  second->launcher.Launch(kSecond);
  ASSERT_TRUE(Await([&] { return second->events.reached(kSecond, Stage::kReady); }));
  EXPECT_EQ(second->events.stages.back().second.from, Rung::kSaved);
}

TEST_F(DaemonTest, ASecondDaemonOnTheSameSocketIsRefused) {
  const std::unique_ptr<Summond> summond = Connect();
  const pid_t first = pid_;
  StartDaemon();
  int status = 0;
  ASSERT_EQ(waitpid(pid_, &status, 0), pid_);
  pid_ = first;
  EXPECT_EQ(WEXITSTATUS(status), 1);
  EXPECT_TRUE(summond->launcher.connected());
}

}  // namespace
}  // namespace summon::launcher
