// SPDX-License-Identifier: Apache-2.0
#pragma once
// Writes down what a launcher tells.

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "launcher/launcher.h"

namespace summon::launcher {

// What most tests need: one service and two of its instances.
inline constexpr ServiceId kService{0};
inline constexpr InstanceId kFirst{kService, 1};
inline constexpr InstanceId kSecond{kService, 2};

class Recorder final : public Events {
 public:
  void OnPrepared(ServiceId service, Status status) override {
    prepared.emplace_back(service, std::move(status));
  }
  void OnStage(InstanceId instance, const StageReport& report) override {
    stages.emplace_back(instance, report);
  }
  void OnEnded(InstanceId instance, const EndReport& report) override {
    ended.emplace_back(instance, report);
  }
  void OnPacket(ServiceId service, Instant) override { packets.push_back(service); }
  void OnTraffic(ServiceId service, const Traffic& counters) override {
    traffic[service] = counters;
  }
  void OnRest(ServiceId service, const Rest& rest) override { rests.emplace_back(service, rest); }
  void OnRungMeasured(const RungMeasure& measure) override { measures.push_back(measure); }
  void OnAvailability(Kind kind, const Status& status) override {
    availability.insert_or_assign(kind, status);
  }

  // All that was told, in number.
  std::size_t told() const {
    return prepared.size() + stages.size() + ended.size() + packets.size() + rests.size();
  }
  long times(InstanceId instance, Stage stage) const {
    return std::count_if(stages.begin(), stages.end(), [&](const auto& one) {
      return one.first == instance && one.second.stage == stage;
    });
  }
  bool reached(InstanceId instance, Stage stage) const { return times(instance, stage) > 0; }
  long ends(InstanceId instance) const {
    return std::count_if(ended.begin(), ended.end(),
                         [&](const auto& one) { return one.first == instance; });
  }
  // How the instance ended; call it when ends() is not 0.
  const EndReport& end(InstanceId instance) const {
    return std::find_if(ended.begin(), ended.end(),
                        [&](const auto& one) { return one.first == instance; })
        ->second;
  }

  std::vector<std::pair<ServiceId, Status>> prepared;
  std::vector<std::pair<InstanceId, StageReport>> stages;
  std::vector<std::pair<InstanceId, EndReport>> ended;
  std::vector<ServiceId> packets;
  std::vector<std::pair<ServiceId, Rest>> rests;
  std::vector<RungMeasure> measures;
  std::map<ServiceId, Traffic> traffic;
  std::map<Kind, Status> availability;
};

}  // namespace summon::launcher
