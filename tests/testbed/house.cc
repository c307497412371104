// SPDX-License-Identifier: Apache-2.0
// Starting and asking a whole Summon; see the header.
#include "tests/testbed/house.h"

#include <pwd.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "base/strings.h"

namespace summon::testbed {

namespace {

constexpr Duration kStartPatience = std::chrono::seconds(20);
constexpr Duration kPollPeriod = std::chrono::milliseconds(5);
constexpr const char* kNobody = "nobody";

// Whether anybody may go where `path` leads.
bool ReachableByAll(std::filesystem::path path) {
  while (path.has_relative_path()) {
    path = path.parent_path();
    std::error_code error;
    const auto mode = std::filesystem::status(path, error).permissions();
    if (error || (mode & std::filesystem::perms::others_exec) == std::filesystem::perms::none) {
      return false;
    }
  }
  return true;
}


}  // namespace

bool Await(const std::function<bool()>& holds, Duration patience) {
  const SystemClock clock;
  const Instant deadline = clock.Now() + patience;
  while (!holds()) {
    if (clock.Now() >= deadline) return false;
    std::this_thread::sleep_for(kPollPeriod);
  }
  return true;
}

std::string Text(const ServiceText& service) {
  return StrCat("service {\n  name: ", Quote(service.name), "\n  dns_name: ",
                Quote(service.name + ".summon.test"), "\n  address: ", Quote(service.address),
                "\n  image: ", Quote(GuestPath(service.guest + ".hvt")),
                "\n  process_image: ", Quote(GuestPath(service.guest + ".spt")),
                "\n  launcher: ", service.launcher, "\n  command_line: ",
                Quote(service.command_line), "\n  ", service.extra, "\n  policy { ",
                service.policy, " }\n}\n");
}

std::string House::ConfigText(const HouseOptions& options) const {
  return StrCat("zone {\n  apex: \"summon.test\"\n  ns_address: ",
                Quote(Network::kHostAddress),
                "\n  record { name: \"static.summon.test\" type: A value: \"192.0.2.1\" }\n}\n",
                "listen: \"0.0.0.0:5300\"\ncontrol_socket: ", Quote(folder() + "/summond.sock"),
                "\nlauncher_socket: ", Quote(folder() + "/launcherd.sock"), "\n",
                options.settings, "\n", options.services);
}

Result<std::unique_ptr<House>> House::Start(const HouseOptions& options) {
  std::unique_ptr<House> house(new House);
  house->options_ = options;
  house->network_ = SUMMON_TRY(Network::Create());
  house->config_path_ = house->folder_.Write("summon.textproto", house->ConfigText(options));
  SUMMON_TRY(house->StartLauncherd());
  SUMMON_TRY(house->StartSummond());
  return house;
}

std::string House::summond_user() const {
  const bool can = geteuid() == 0 && ReachableByAll(ProgramPath("summond")) &&
                   ReachableByAll(config_path_) && getpwnam(kNobody) != nullptr;
  return can ? kNobody : "";
}

Status House::StartLauncherd() {
  Arguments arguments = {ProgramPath("summon-launcherd"), "--socket",
                         folder() + "/launcherd.sock", "--kvm", options_.kvm_path,
                         "--state-dir", folder() + "/state"};
  if (const std::string user = summond_user(); !user.empty()) {
    arguments.insert(arguments.end(),
                     {"--allow-uid", "0", "--allow-uid", StrCat(getpwnam(user.c_str())->pw_uid)});
  }
  arguments.insert(arguments.end(), options_.launcherd_arguments.begin(),
                   options_.launcherd_arguments.end());
  launcherd_ = SUMMON_TRY(Daemon::Start(network_->host(), arguments, folder() + "/launcherd.log"));
  return Ok();
}

Status House::StartSummond() {
  Arguments arguments = options_.summond_wrapper;
  arguments.insert(arguments.end(), {ProgramPath("summond"), "--config", config_path_});
  if (const std::string user = summond_user(); !user.empty()) {
    arguments.insert(arguments.end(), {"--user", user});
  }
  summond_ = SUMMON_TRY(Daemon::Start(network_->host(), arguments, folder() + "/summond.log"));
  return AwaitControl();
}

Status House::AwaitControl() {
  const SystemClock clock;
  const Instant deadline = clock.Now() + kStartPatience;
  control::Request request;
  request.mutable_list();
  while (clock.Now() < deadline && summond_->Running() && launcherd_->Running()) {
    if (Ask(request).ok()) return Ok();
    std::this_thread::sleep_for(kPollPeriod);
  }
  return Error(ErrorCode::kTimeout, StrCat("the house did not start:\n", Logs()));
}

Result<control::Response> House::Ask(const control::Request& request) {
  return cli::Ask(folder() + "/summond.sock", request, std::chrono::seconds(70));
}

control::Service House::StatusOf(const std::string& service) {
  control::Request request;
  request.mutable_status()->set_service(service);
  const auto response = Ask(request);
  if (!response.ok() || response->services_size() != 1) return {};
  return response->services(0);
}

Status House::AwaitState(const std::string& service, const std::string& state,
                         Duration patience) {
  const SystemClock clock;
  const Instant deadline = clock.Now() + patience;
  std::string last;
  while (clock.Now() < deadline) {
    const control::Service status = StatusOf(service);
    last = status.state();
    if (last == state && status.prepared()) return Ok();
    std::this_thread::sleep_for(kPollPeriod);
  }
  return Error(ErrorCode::kTimeout, StrCat(service, " is ", last, ", not ", state, ":\n", Logs()));
}

Status House::Reclaim(const std::string& service) {
  control::Request request;
  request.mutable_reclaim()->set_service(service);
  request.mutable_reclaim()->set_wait_rested(true);
  request.mutable_reclaim()->set_timeout_ms(20'000);
  const auto response = SUMMON_TRY(Ask(request));
  if (response.code() != "ok") return Error(ErrorCode::kIo, response.error());
  return Ok();
}

void House::Reload(const HouseOptions& options) {
  options_ = options;
  ReloadText(ConfigText(options));
}

void House::ReloadText(const std::string& text) {
  std::ofstream(config_path_, std::ios::binary) << text;
  summond_->Signal(SIGHUP);
}

std::vector<pid_t> House::Monitors() const {
  std::vector<pid_t> pids;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const auto pid = ParseUnsigned(entry.path().filename().string());
    if (!pid) continue;
    std::error_code gone;
    const auto program = std::filesystem::read_symlink(entry.path() / "exe", gone).string();
    if (program != ProgramPath("summon-monitor") && program != ProgramPath("summon-spt")) continue;
    // Only those of this house: children of its launcherd.
    std::ifstream stat(entry.path() / "stat");
    std::string ignored;
    std::string state;
    pid_t parent = 0;
    if (stat >> ignored >> ignored >> state >> parent && parent == launcherd_->pid()) {
      pids.push_back(static_cast<pid_t>(*pid));
    }
  }
  return pids;
}

std::string House::Logs() const {
  std::string logs;
  if (launcherd_) logs += StrCat("--- summon-launcherd\n", launcherd_->Log());
  if (summond_) logs += StrCat("--- summond\n", summond_->Log());
  return logs;
}

}  // namespace summon::testbed
