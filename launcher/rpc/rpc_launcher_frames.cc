// SPDX-License-Identifier: Apache-2.0
// What the other side tells, matched with what was asked.
#include <algorithm>
#include <utility>

#include "launcher/rpc/convert.h"
#include "launcher/rpc/rpc_launcher_body.h"

namespace summon::launcher {

void RpcLauncher::Body::Take(const Packet& packet) {
  rpc::ServerFrame frame;
  if (!frame.ParseFromArray(packet.bytes.data(), static_cast<int>(packet.bytes.size()))) {
    return Lost(Error(ErrorCode::kInvalid, "it sent a malformed frame"));
  }
  if (!connected_ && !frame.has_welcome() && !frame.has_inventory()) {
    return Lost(Error(ErrorCode::kInvalid, "it did not begin with its inventory"));
  }
  switch (frame.what_case()) {
    case rpc::ServerFrame::kWelcome: return;  // it would have closed on another version
    case rpc::ServerFrame::kInventory: return TakeInventory(frame.inventory());
    case rpc::ServerFrame::kPrepared: return TakePrepared(frame.prepared());
    case rpc::ServerFrame::kStage: return TakeStage(frame.stage());
    case rpc::ServerFrame::kEnded: return TakeEnded(frame.ended());
    case rpc::ServerFrame::kConsole: return TakeConsole(frame.console());
    case rpc::ServerFrame::kRest: return TakeRest(frame.rest());
    case rpc::ServerFrame::kPacket:
    case rpc::ServerFrame::kTraffic:
    case rpc::ServerFrame::kAvailability:
    case rpc::ServerFrame::kRungMeasured:
    case rpc::ServerFrame::WHAT_NOT_SET: return TakeService(frame);
  }
}

void RpcLauncher::Body::TakeInventory(const rpc::Inventory& frame) {
  for (const rpc::Inventory::Entry& entry : frame.entries()) {
    const auto taken = EntryFrom(entry);
    if (taken) inventory_.push_back(*taken);
  }
  for (const rpc::RestChanged& resting : frame.resting()) {
    const auto rest = RestFrom(resting.rest());
    if (rest) rests_coming_[resting.service()] = *rest;
  }
  if (!frame.last()) return;
  rests_ = std::exchange(rests_coming_, {});
  connected_ = true;
  told_disconnected_ = false;
  backoff_ = kBackoffFirst;
  const std::vector<InventoryEntry> inventory = std::exchange(inventory_, {});
  for (const InventoryEntry& entry : inventory) {
    adoptable_.emplace(entry.service, Adoptable{.entry = entry, .stages = {}, .end = {}});
  }
  if (options_.on_connected) options_.on_connected(inventory);
  if (connected_) Reconcile(inventory);
}

// What we thought was running, against what is.
void RpcLauncher::Body::Reconcile(const std::vector<InventoryEntry>& inventory) {
  std::map<std::string, InventoryEntry> running;
  for (const InventoryEntry& entry : inventory) running.emplace(entry.service, entry);
  for (auto& [id, bound] : services_) {
    const auto found = running.find(bound.name);
    for (auto one = bound.instances.begin(); one != bound.instances.end();) {
      const InstanceId instance{id, one->first};
      if (found == running.end() || found->second.generation != instance.generation) {
        one = bound.instances.erase(one);
        TellEnded(instance, EndReason::kLost, "it ended while its launcher could not be reached");
        continue;
      }
      adoptable_.erase(bound.name);
      if (const auto rung = one->second.reclaim) SendReclaim(bound.name, one->first, *rung);
      if (found->second.ready && !one->second.ready_told) {
        one->second.ready_told = true;
        Later([this, instance, kind = found->second.kind, from = one->second.from] {
          events_.OnStage(instance, StageReport{Stage::kReady, loop_.Now(), kind, from});
        });
      }
      ++one;
    }
    Later([this, id = id] { TellRest(id); });
  }
}

std::optional<ServiceId> RpcLauncher::Body::IdOf(const std::string& name) const {
  const auto found = ids_.find(name);
  return found == ids_.end() ? std::nullopt : std::optional<ServiceId>(found->second);
}

void RpcLauncher::Body::TakePrepared(const rpc::Prepared& frame) {
  const auto id = IdOf(frame.service());
  if (!id || services_[*id].unanswered == 0) return;  // of a service that was forgotten
  --services_[*id].unanswered;
  events_.OnPrepared(*id, StatusFrom(frame.problem()));
}

void RpcLauncher::Body::TellStage(InstanceId instance, Outstanding& outstanding,
                                  const StageReport& report) {
  outstanding.from = report.from;
  if (report.stage == Stage::kReady && std::exchange(outstanding.ready_told, true)) return;
  events_.OnStage(instance, report);
}

void RpcLauncher::Body::TakeStage(const rpc::StageReached& frame) {
  const auto report = StageFrom(frame);
  if (!report) return;
  const std::uint64_t generation = frame.instance().generation();
  const auto id = IdOf(frame.instance().service());
  if (id) {
    auto& instances = services_[*id].instances;
    const auto one = instances.find(generation);
    if (one != instances.end()) {
      return TellStage(InstanceId{*id, generation}, one->second, *report);
    }
  }
  const auto adoptable = adoptable_.find(frame.instance().service());
  if (adoptable == adoptable_.end() || adoptable->second.entry.generation != generation) return;
  constexpr std::size_t kStages = 6;
  if (adoptable->second.stages.size() < kStages) adoptable->second.stages.push_back(*report);
}

void RpcLauncher::Body::TakeEnded(const rpc::Ended& frame) {
  const auto report = EndFrom(frame);
  if (!report) return;
  const std::uint64_t generation = frame.instance().generation();
  const auto id = IdOf(frame.instance().service());
  if (report->rest.rung == Rung::kOff) {
    rests_.erase(frame.instance().service());
  } else {
    rests_[frame.instance().service()] = report->rest;
  }
  if (id && services_[*id].instances.erase(generation) > 0) {
    services_[*id].rest_told = report->rest;
    return events_.OnEnded(InstanceId{*id, generation}, *report);
  }
  const auto adoptable = adoptable_.find(frame.instance().service());
  if (adoptable != adoptable_.end() && adoptable->second.entry.generation == generation) {
    adoptable->second.end = *report;
  }
}

// Frames about a service or a kind that need no bookkeeping.
void RpcLauncher::Body::TakeService(const rpc::ServerFrame& frame) {
  if (frame.has_packet()) {
    const auto id = IdOf(frame.packet().service());
    if (id) events_.OnPacket(*id, InstantFromNanos(frame.packet().seen_nanos()));
  } else if (frame.has_traffic()) {
    const rpc::Traffic& counters = frame.traffic();
    const auto id = IdOf(counters.service());
    if (!id) return;
    events_.OnTraffic(*id, Traffic{.frames_to_guest = counters.frames_to_guest(),
                                   .frames_from_guest = counters.frames_from_guest(),
                                   .frames_dropped = counters.frames_dropped()});
  } else if (frame.has_availability()) {
    const auto kind = KindFrom(frame.availability().kind());
    if (kind) events_.OnAvailability(*kind, StatusFrom(frame.availability().problem()));
  } else if (frame.has_rung_measured()) {
    const auto measure = MeasureFrom(frame.rung_measured());
    if (measure) events_.OnRungMeasured(*measure);
  }
}

void RpcLauncher::Body::TakeRest(const rpc::RestChanged& frame) {
  const auto rest = RestFrom(frame.rest());
  if (!rest) return;
  rests_[frame.service()] = *rest;
  const auto id = IdOf(frame.service());
  if (id) TellRest(*id);
}

// Says what rests when it is not what was said last. It crosses with a launch of ours: a service
// with an instance has nothing at rest.
void RpcLauncher::Body::TellRest(ServiceId id) {
  const auto found = services_.find(id);
  if (found == services_.end() || !found->second.instances.empty()) return;
  const auto resting = rests_.find(found->second.name);
  const Rest rest = resting == rests_.end() ? Rest() : resting->second;
  if (rest == std::exchange(found->second.rest_told, rest)) return;
  events_.OnRest(id, rest);
}

void RpcLauncher::Body::TakeConsole(const rpc::Console& frame) {
  auto question = questions_.extract(frame.question());
  if (!question.empty()) question.mapped()(frame.text());
}

}  // namespace summon::launcher
