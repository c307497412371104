// SPDX-License-Identifier: Apache-2.0
// Taps by ip(8), guests by `summon run` or a tender.
#include "benchmarks/network/stations.h"

#include <unistd.h>

#include "base/strings.h"
#include "benchmarks/crowd/town.h"

namespace summon::benchmarks {

using testbed::Daemon;
using testbed::RunIn;

namespace {

constexpr Duration kStartPatience = std::chrono::seconds(10);
constexpr Duration kPingPatience = std::chrono::milliseconds(100);
constexpr std::uint16_t kNativeWebPort = 8080;

// Every guest has a network of its own: 10.99.<index>.0/24, the host .1, the guest .2.
std::string Address(unsigned index, unsigned last) { return StrCat("10.99.", index, ".", last); }

Status MakeTap(const testbed::Network& network, unsigned index) {
  const std::string tap = StrCat("bench", index);
  const int host = network.host();
  (void)SUMMON_TRY(RunIn(host, {"ip", "tuntap", "add", tap, "mode", "tap"}));
  (void)SUMMON_TRY(RunIn(host, {"ip", "addr", "add", Address(index, 1) + "/24", "dev", tap}));
  (void)SUMMON_TRY(RunIn(host, {"ip", "link", "set", tap, "up"}));
  return Ok();
}

Status AwaitAnswer(const testbed::Network& network, const std::string& address, Daemon& program) {
  const testbed::InNamespace there(network.host());
  Pinger pinger = SUMMON_TRY(Pinger::Create(address));
  const SystemClock clock;
  const Instant deadline = clock.Now() + kStartPatience;
  while (clock.Now() < deadline && program.Running()) {
    if (pinger.Ping(kPingPatience).ok()) return Ok();
  }
  return Error(ErrorCode::kTimeout, StrCat("nobody answers at ", address, ": ", program.Log()));
}

Status AwaitUdp(const testbed::Network& network, const std::string& address) {
  const testbed::InNamespace there(network.host());
  UdpEcho echo = SUMMON_TRY(UdpEcho::Create(address));
  const SystemClock clock;
  const Instant deadline = clock.Now() + kStartPatience;
  while (!echo.Exchange().ok()) {
    if (clock.Now() > deadline) {
      return Error(ErrorCode::kTimeout, StrCat("no UDP echo from ", address));
    }
  }
  return Ok();
}

Status StartGuest(const testbed::Network& network, const Runner& runner, unsigned index,
                  const std::string& guest, const std::string& log_folder, Station& station) {
  SUMMON_TRY(MakeTap(network, index));
  testbed::Arguments command = runner.command;
  command.push_back(StrCat("--net:service=bench", index));
  command.push_back("--mem=16");
  command.push_back(testbed::GuestPath(guest + runner.image_suffix));
  command.push_back(StrCat("--ipv4=", Address(index, 2), "/24"));
  command.push_back(StrCat("--ipv4-gateway=", Address(index, 1)));
  station.programs.push_back(SUMMON_TRY(Daemon::Start(
      network.host(), command, StrCat(log_folder, "/", runner.label, "-", guest, ".log"))));
  return AwaitAnswer(network, Address(index, 2), *station.programs.back())
      .Wrap(StrCat(runner.label, ", ", guest));
}

}  // namespace

std::vector<Runner> Runners(const Tenders& tenders) {
  const std::string summon = testbed::ProgramPath("summon");
  std::vector<Runner> runners;
  const bool kvm = access("/dev/kvm", R_OK | W_OK) == 0;
  if (kvm) runners.push_back({"kvm", {summon, "run"}, ".hvt"});
  runners.push_back({"process", {summon, "run"}, ".spt"});
  if (kvm && !tenders.hvt.empty()) runners.push_back({"solo5-hvt", {tenders.hvt}, ".hvt"});
  if (!tenders.spt.empty()) runners.push_back({"solo5-spt", {tenders.spt}, ".spt"});
  return runners;
}

Result<Station> StartGuests(const testbed::Network& network, const Runner& runner, unsigned number,
                            const std::string& log_folder) {
  const unsigned echo = 2 * number;
  const unsigned web = 2 * number + 1;
  Station station{.label = runner.label,
                  .echo_address = Address(echo, 2),
                  .web_address = Address(web, 2),
                  .programs = {}};
  SUMMON_TRY(StartGuest(network, runner, echo, "echo", log_folder, station));
  SUMMON_TRY(StartGuest(network, runner, web, "web", log_folder, station));
  return station;
}

Result<Station> StartNative(const testbed::Network& network, const std::string& log_folder) {
  Station station{.label = "native",
                  .echo_address = testbed::Network::kClientAddress,
                  .web_address = testbed::Network::kClientAddress,
                  .web_port = kNativeWebPort,
                  .programs = {}};
  const int there = network.client();
  station.programs.push_back(SUMMON_TRY(Daemon::Start(
      there, {testbed::ProgramPath("network_echo"), "7"}, log_folder + "/native-echo.log")));
  station.programs.push_back(
      SUMMON_TRY(Daemon::Start(there,
                               {testbed::ProgramPath("query_to_first_byte_inetd"),
                                StrCat(kNativeWebPort), testbed::ProgramPath("web_native")},
                               log_folder + "/native-web.log")));
  // Ping is answered by the kernel: it does not tell whether the programs listen.
  SUMMON_TRY(AwaitPage(network.host(), {.address = station.web_address, .port = kNativeWebPort}));
  SUMMON_TRY(AwaitUdp(network, station.echo_address));
  return station;
}

}  // namespace summon::benchmarks
