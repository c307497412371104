// SPDX-License-Identifier: Apache-2.0
// A launcher over a socket pair: it keeps the port's promises, and instances survive clients.
#include <unistd.h>

#include "base/loop/loop.h"
#include "base/seqpacket.h"
#include "launcher/rpc/rpc_launcher.h"
#include "launcher/rpc/rpc_server.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_launcher.h"
#include "tests/launcher/conformance.h"

namespace summon::launcher {

namespace {

// One summond as seen from its launcher.
struct Client {
  Client(Loop& loop, Logger& log)
      : launcher(loop, log, events,
                 RpcLauncherOptions{
                     .socket_path = "",
                     .on_connected =
                         [this](std::vector<InventoryEntry> entries) {
                           ++connections;
                           inventory = std::move(entries);
                         },
                     .on_disconnected = [this](const Status&) { ++losses; }}) {}

  Recorder events;
  std::vector<InventoryEntry> inventory;
  int connections = 0;
  int losses = 0;
  RpcLauncher launcher;
};

class RpcWorld {
 public:
  static std::string Missing() { return {}; }

  explicit RpcWorld(RpcServerOptions options = {.allowed_uids = {geteuid()}})
      : server_(*loop_, log_, std::move(options)), fake_(fake_clock_, server_.events()) {
    server_.Serve(fake_);
    Connect();
  }

  // A new summond; the former one, if any, stays connected until it is replaced.
  void Connect() {
    former_ = std::move(client_);
    client_ = std::make_unique<Client>(*loop_, log_);
    ConnectAgain();
    (void)Await([this] { return client_->launcher.connected(); });
  }
  void ConnectAgain() {
    auto [ours, theirs] = SeqpacketPair(Blocking::kNo).value();
    client_->launcher.UseConnection(std::move(ours));
    server_.Accept(std::move(theirs));
  }
  // The client dies without a word.
  void Disconnect() {
    client_.reset();
    former_.reset();
    (void)Await([this] { return !server_.connected(); });
  }

  Launcher& launcher() { return client_->launcher; }
  Recorder& events() { return client_->events; }
  Client& client() { return *client_; }
  Client* former() { return former_.get(); }
  RpcServer& server() { return server_; }
  fakes::FakeLauncher& fake() { return fake_; }

  LaunchOrder Good(ServiceId) {
    fake_.SetDefaultScript(fakes::FakeScript{});
    return Order("good.hvt");
  }
  LaunchOrder Halting(ServiceId) {
    fakes::FakeScript script;
    script.ends_after = std::chrono::milliseconds(2);
    fake_.SetDefaultScript(script);
    return Order("good.hvt");
  }
  LaunchOrder Bad(ServiceId) { return Order(std::string(fakes::FakeLauncher::kBadImagePath)); }
  // The served side gives numbers in order of names; tests have one service at a time.
  void SendPacket(ServiceId) {
    for (std::uint32_t id = 0; id < 4; ++id) fake_.ReceivePacket(ServiceId{id});
  }
  bool Await(const std::function<bool()>& holds) {
    constexpr int kTurns = 2000;
    for (int turn = 0; turn < kTurns; ++turn) {
      if (holds()) return true;
      Turn();
    }
    return false;
  }
  void Settle() {
    constexpr int kTurns = 30;
    for (int turn = 0; turn < kTurns; ++turn) Turn();
  }

 private:
  void Turn() {
    if (fake_.NextDue() != kNever) {
      fake_clock_.Set(std::max(fake_clock_.Now(), fake_.NextDue()));
      (void)fake_.Pump();
    }
    (void)loop_->RunUntil([] { return false; }, std::chrono::milliseconds(1));
  }
  static LaunchOrder Order(std::string path) {
    LaunchOrder order;
    order.service = "served";
    // Any descriptor that can travel.
    order.images.push_back(ImageFile{Kind::kKvm, UniqueFd(dup(STDERR_FILENO)), std::move(path)});
    return order;
  }

  std::unique_ptr<Loop> loop_ = Loop::Create().value();
  Logger log_{STDERR_FILENO, "test", LogLevel::kError, Logger::Format::kPlain, *loop_};
  fakes::FakeClock fake_clock_;
  RpcServer server_;
  fakes::FakeLauncher fake_;
  std::unique_ptr<Client> client_;
  std::unique_ptr<Client> former_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Rpc, LauncherConformance, RpcWorld);

void PrepareThenReady(RpcWorld& world, InstanceId instance) {
  world.launcher().Prepare(instance.service, world.Good(instance.service));
  ASSERT_TRUE(world.Await([&] { return !world.events().prepared.empty(); }));
  world.launcher().Launch(instance);
  ASSERT_TRUE(world.Await([&] { return world.events().reached(instance, Stage::kReady); }));
}

TEST(Rpc, AnInstanceOutlivesItsClientAndIsAdoptedByTheNext) {
  RpcWorld world;
  PrepareThenReady(world, kFirst);
  world.Disconnect();
  world.Connect();
  ASSERT_EQ(world.client().inventory.size(), 1u);
  EXPECT_EQ(world.client().inventory[0].service, "served");
  EXPECT_EQ(world.client().inventory[0].generation, 1u);
  EXPECT_TRUE(world.client().inventory[0].ready);
  constexpr InstanceId kAdopted{ServiceId{5}, 1};  // another number in the new process
  world.launcher().Prepare(ServiceId{5}, world.Good(ServiceId{5}));
  world.Settle();
  EXPECT_EQ(world.fake().living(), 1u);
  world.launcher().Reclaim(kAdopted, Rung::kOff);
  ASSERT_TRUE(world.Await([&] { return world.events().ends(kAdopted) > 0; }));
  EXPECT_EQ(world.events().end(kAdopted).reason, EndReason::kReclaimed);
}

TEST(Rpc, AnEndBetweenInventoryAndPrepareIsToldAfterThePrepare) {
  RpcWorld world;
  PrepareThenReady(world, kFirst);
  world.Disconnect();
  world.Connect();
  ASSERT_EQ(world.client().inventory.size(), 1u);
  world.fake().Kill(kFirst, EndReport{.reason = EndReason::kGuestFault, .detail = "fell",
                                      .frames_dropped = 3, .frames_forged = 5});
  world.Settle();
  world.launcher().Prepare(kService, world.Good(kService));
  ASSERT_TRUE(world.Await([&] { return world.events().ends(kFirst) > 0; }));
  EXPECT_EQ(world.events().end(kFirst).reason, EndReason::kGuestFault);
  EXPECT_EQ(world.events().end(kFirst).detail, "fell");
  EXPECT_EQ(world.events().end(kFirst).frames_dropped, 3u);
  EXPECT_EQ(world.events().end(kFirst).frames_forged, 5u);
}

TEST(Rpc, InWhoseNameAGuestMaySendComesOver) {
  RpcWorld world;
  LaunchOrder order = world.Good(kService);
  order.nets = {NetOrder{.name = "service", .mac = {}, .spoof_check = SpoofCheck::kMac}};
  world.launcher().Prepare(kService, std::move(order));
  ASSERT_TRUE(world.Await([&] { return !world.events().prepared.empty(); }));
  const LaunchOrder* stands = world.fake().order(ServiceId{0});
  ASSERT_NE(stands, nullptr);
  ASSERT_EQ(stands->nets.size(), 1u);
  EXPECT_EQ(stands->nets[0].spoof_check, SpoofCheck::kMac);
}

TEST(Rpc, WhatNobodyStatesAgainIsForgotten) {
  RpcWorld world({.allowed_uids = {geteuid()}, .unclaimed_after = std::chrono::milliseconds(5)});
  PrepareThenReady(world, kFirst);
  world.Disconnect();
  world.Connect();
  world.client().launcher.DonePreparing();
  EXPECT_TRUE(world.Await([&] { return world.fake().living() == 0; }));
  EXPECT_FALSE(world.fake().prepared(kService));
}

TEST(Rpc, WhatIsStatedAgainStays) {
  RpcWorld world({.allowed_uids = {geteuid()}, .unclaimed_after = std::chrono::milliseconds(5)});
  PrepareThenReady(world, kFirst);
  world.Disconnect();
  world.Connect();
  world.launcher().Prepare(kService, world.Good(kService));
  world.client().launcher.DonePreparing();
  world.Settle();
  EXPECT_EQ(world.fake().living(), 1u);
}

TEST(Rpc, ANewerClientReplacesTheOlder) {
  RpcWorld world;
  world.Connect();
  ASSERT_TRUE(world.Await([&] { return world.former()->losses > 0; }));
  EXPECT_FALSE(world.former()->launcher.connected());
  EXPECT_TRUE(world.client().launcher.connected());
}

TEST(Rpc, APacketSeenWhileNobodyWasConnectedIsToldToTheNextClient) {
  RpcWorld world;
  world.launcher().Prepare(kService, world.Good(kService));
  world.Settle();
  world.Disconnect();
  world.SendPacket(kService);
  world.Settle();
  world.Connect();
  world.launcher().Prepare(kService, world.Good(kService));
  EXPECT_TRUE(world.Await([&] { return !world.events().packets.empty(); }));
}

TEST(Rpc, AnInstanceThatEndedWhileDisconnectedIsToldAsLost) {
  RpcWorld world;
  PrepareThenReady(world, kFirst);
  world.fake().Kill(kFirst, EndReport{.reason = EndReason::kMonitorDied});
  world.ConnectAgain();  // the old connection goes before the end is told
  (void)world.fake().Pump();
  ASSERT_TRUE(world.Await([&] { return world.events().ends(kFirst) > 0; }));
  world.Settle();
  EXPECT_EQ(world.events().ends(kFirst), 1);
  EXPECT_EQ(world.events().end(kFirst).reason, EndReason::kLost);
}

TEST(Rpc, ALivingInstanceGoesOnSilentlyAfterAReconnection) {
  RpcWorld world;
  PrepareThenReady(world, kFirst);
  world.ConnectAgain();
  ASSERT_TRUE(world.Await([&] { return world.client().connections == 2; }));
  world.Settle();
  EXPECT_EQ(world.events().ends(kFirst), 0);
  EXPECT_EQ(world.events().times(kFirst, Stage::kReady), 1);
}

TEST(Rpc, WithoutConnectionLaunchesEndAsUnavailable) {
  const std::unique_ptr<Loop> loop = Loop::Create().value();
  Logger log(STDERR_FILENO, "test", LogLevel::kError, Logger::Format::kPlain, *loop);
  Client client(*loop, log);
  LaunchOrder order;
  order.service = "served";
  client.launcher.Prepare(kService, std::move(order));
  client.launcher.Launch(kFirst);
  ASSERT_TRUE(loop->RunUntil([&] { return client.events.ends(kFirst) > 0; },
                             std::chrono::seconds(5)));
  EXPECT_EQ(client.events.end(kFirst).reason, EndReason::kUnavailable);
  ASSERT_EQ(client.events.prepared.size(), 1u);
  EXPECT_FALSE(client.events.prepared[0].second.ok());
}

// kFirst comes to rest at `rung`.
void PrepareThenRest(RpcWorld& world, Rung rung) {
  LaunchOrder order = world.Good(kService);
  order.snapshots = true;
  world.launcher().Prepare(kService, std::move(order));
  ASSERT_TRUE(world.Await([&] { return !world.events().prepared.empty(); }));
  world.launcher().Launch(kFirst);
  ASSERT_TRUE(world.Await([&] { return world.events().reached(kFirst, Stage::kReady); }));
  world.launcher().Reclaim(kFirst, rung);
  ASSERT_TRUE(world.Await([&] { return world.events().ends(kFirst) > 0; }));
}

LaunchOrder GoodWithSnapshots(RpcWorld& world) {
  LaunchOrder order = world.Good(kService);
  order.snapshots = true;
  return order;
}

TEST(Rpc, WhatRestsAndHowMuchItHoldsComesOver) {
  RpcWorld world;
  PrepareThenRest(world, Rung::kParked);
  EXPECT_EQ(world.events().end(kFirst).rest, world.fake().RestOf(ServiceId{0}));
  EXPECT_EQ(world.events().end(kFirst).rest.rung, Rung::kParked);
}

TEST(Rpc, TheNextClientIsToldWhatRests) {
  RpcWorld world;
  PrepareThenRest(world, Rung::kParked);
  world.Disconnect();
  world.Connect();
  world.launcher().Prepare(ServiceId{5}, GoodWithSnapshots(world));
  ASSERT_TRUE(world.Await([&] { return !world.events().rests.empty(); }));
  EXPECT_EQ(world.events().rests[0],
            std::pair(ServiceId{5}, world.fake().RestOf(ServiceId{0})));
  world.Settle();
  EXPECT_EQ(world.events().rests.size(), 1u);
}

TEST(Rpc, ARestThatWasLostWhileDisconnectedIsTold) {
  RpcWorld world;
  PrepareThenRest(world, Rung::kPaused);
  world.fake().LoseRest(ServiceId{0});
  world.ConnectAgain();  // the old connection goes before the loss is told
  (void)world.fake().Pump();
  ASSERT_TRUE(world.Await([&] { return !world.events().rests.empty(); }));
  EXPECT_EQ(world.events().rests.back(), std::pair(kService, Rest()));
}

TEST(Rpc, ARestThatIsUnchangedAfterAReconnectionIsNotToldAgain) {
  RpcWorld world;
  PrepareThenRest(world, Rung::kPaused);
  world.ConnectAgain();
  world.Settle();
  EXPECT_TRUE(world.events().rests.empty());
}

TEST(Rpc, MeasuresAreToldToTheNextClientToo) {
  RpcWorld world;
  world.fake().SetMeasure({.kind = Kind::kKvm,
                           .rung = Rung::kParked,
                           .samples = 3,
                           .wake_p50 = std::chrono::microseconds(400),
                           .memory_p50_bytes = 5000});
  ASSERT_TRUE(world.Await([&] { return world.events().measures.size() == 1; }));
  world.Disconnect();
  world.Connect();
  ASSERT_TRUE(world.Await([&] { return world.events().measures.size() == 1; }));
  EXPECT_EQ(world.events().measures[0].rung, Rung::kParked);
  EXPECT_EQ(world.events().measures[0].wake_p50, std::chrono::microseconds(400));
  EXPECT_EQ(world.events().measures[0].memory_p50_bytes, 5000u);
}

TEST(Rpc, APeerThatIsNotAllowedIsRefused) {
  RpcWorld world({.allowed_uids = {geteuid() + 1}});
  world.Settle();
  EXPECT_FALSE(world.client().launcher.connected());
  EXPECT_FALSE(world.server().connected());
}

TEST(Rpc, AMalformedFrameClosesTheConnectionAndHarmsNobody) {
  RpcWorld world;
  PrepareThenReady(world, kFirst);
  auto [ours, theirs] = SeqpacketPair(Blocking::kNo).value();
  world.server().Accept(std::move(theirs));
  const std::uint8_t garbage[] = {0xff, 0xff, 0xff, 0xff};
  ASSERT_TRUE(SendPacket(ours.get(), garbage).ok());
  world.Settle();
  EXPECT_FALSE(ReceivePacket(ours.get(), 64).ok());
  EXPECT_TRUE(world.client().launcher.connected());
  EXPECT_EQ(world.fake().living(), 1u);
}

}  // namespace
}  // namespace summon::launcher
