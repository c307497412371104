// SPDX-License-Identifier: Apache-2.0
#pragma once
// A whole Summon on a network of its own: launcherd, summond and their configuration.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "summoner/cli/client.h"
#include "tests/testbed/network.h"
#include "tests/testbed/process.h"

namespace summon::testbed {

struct HouseOptions {
  std::string services;             // `service { ... }` blocks in text format
  std::string settings;             // other top-level fields: limits and the like
  std::string kvm_path = "/dev/kvm";
  std::vector<std::string> launcherd_arguments;  // added to the usual ones
  std::vector<std::string> summond_wrapper;      // a program that executes its arguments
};

// A `service { ... }` block for a guest of this build, with `extra` fields inside the block and
// `policy` fields inside its policy. Its DNS name is "<name>.summon.test".
struct ServiceText {
  std::string name;
  std::string address;           // in 10.77.0.0/24
  std::string guest = "web";     // <build>/guests/<guest>.hvt and .spt
  std::string launcher = "AUTO";
  std::string policy;
  std::string extra;
  std::string command_line = "--ipv4={ipv4}/{prefix_length} --ipv4-gateway={gateway} --name={name}";
};
std::string Text(const ServiceText& service);

// Asks again and again, with a pause, until it holds or `patience` is over; whether it held.
bool Await(const std::function<bool()>& holds, Duration patience);

class House final {
 public:
  // Starts both daemons and waits until summond answers on its control socket. summond needs no
  // privilege and becomes "nobody", unless this build lies where only root may go.
  // Errors carry the daemons' logs.
  static Result<std::unique_ptr<House>> Start(const HouseOptions& options);

  House(const House&) = delete;
  House& operator=(const House&) = delete;

  const Network& network() const { return *network_; }
  Daemon& summond() { return *summond_; }
  Daemon& launcherd() { return *launcherd_; }
  const std::string& folder() const { return folder_.path(); }
  const std::string& config_path() const { return config_path_; }

  // The user that summond becomes; empty when it stays root (see House::Start).
  std::string summond_user() const;

  // What `summon ...` would get. Blocks.
  Result<control::Response> Ask(const control::Request& request);
  // The state of one service; empty when it cannot be had.
  control::Service StatusOf(const std::string& service);
  // Waits until the service is in `state` ("asleep", "ready", ...) and prepared.
  Status AwaitState(const std::string& service, const std::string& state, Duration patience);
  Status Reclaim(const std::string& service);

  // Writes another configuration (same form) and tells summond to reload it (SIGHUP).
  void Reload(const HouseOptions& options);
  // The file as it stands, broken or not.
  void ReloadText(const std::string& text);

  Status StartSummond();
  Status StartLauncherd();

  // Processes of both daemons and the monitors they made, by executable, that still run.
  std::vector<pid_t> Monitors() const;
  std::string Logs() const;

 private:
  House() = default;
  std::string ConfigText(const HouseOptions& options) const;
  Status AwaitControl();

  ScratchFolder folder_;
  std::string config_path_;
  HouseOptions options_;
  std::unique_ptr<Network> network_;
  std::unique_ptr<Daemon> launcherd_;
  std::unique_ptr<Daemon> summond_;
};

}  // namespace summon::testbed
