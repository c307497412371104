// SPDX-License-Identifier: Apache-2.0
// Network: round trips and throughput of guests that run, on real taps in namespaces of their own:
// ping and UDP echo through guests/echo, a large body by TCP through guests/web; on KVM, as a
// process, under Solo5's tenders when they are named, and, as the peer, native programs behind a
// virtual cable.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/strings.h"
#include "benchmarks/common/machine.h"
#include "benchmarks/common/report.h"
#include "benchmarks/network/stations.h"

namespace summon::benchmarks {
namespace {

struct Options {
  unsigned samples = 2000;
  unsigned bodies = 10;
  unsigned seconds_max = 45;  // for each of the two parts
  std::uint64_t body_bytes = 10'000'000;
  Tenders tenders;
  std::string folder = "build/bench";
};

enum RoundTripColumn : std::size_t { kPing, kUdp };

int Complain(const Error& error) {
  std::fprintf(stderr, "network: %s\n", error.message().c_str());
  return 1;
}

// One exchange of each that is not counted, to have everything in its place, and one that is.
Result<Sample> RoundTrip(Pinger& pinger, UdpEcho& echo) {
  (void)SUMMON_TRY(pinger.Ping());
  const Duration ping = SUMMON_TRY(pinger.Ping());
  (void)SUMMON_TRY(echo.Exchange());
  return Sample{Micros(ping), Micros(SUMMON_TRY(echo.Exchange()))};
}

Result<std::vector<Series>> RoundTrips(const testbed::Network& network,
                                       const std::vector<Station>& stations,
                                       const Options& options) {
  const testbed::InNamespace there(network.host());
  std::vector<Way> ways;
  for (const Station& station : stations) {
    // Shared, because std::function copies what it captures.
    auto pinger = std::make_shared<Pinger>(SUMMON_TRY(Pinger::Create(station.echo_address)));
    auto echo = std::make_shared<UdpEcho>(SUMMON_TRY(UdpEcho::Create(station.echo_address)));
    ways.push_back({station.label, [pinger, echo] { return RoundTrip(*pinger, *echo); }});
  }
  return MeasureInTurn(
      ways, {.count = options.samples, .limit = std::chrono::seconds(options.seconds_max)});
}

Result<Sample> Body(const Station& station, std::uint64_t bytes) {
  const Delivery got = SUMMON_TRY(
      FetchBody({.address = station.web_address, .port = station.web_port, .bytes = bytes}));
  constexpr double kBitsPerByte = 8;
  return Sample{kBitsPerByte * static_cast<double>(got.bytes) / Micros(got.time)};
}

std::vector<Series> Bodies(const testbed::Network& network, const std::vector<Station>& stations,
                           const Options& options) {
  const testbed::InNamespace there(network.host());
  std::vector<Way> ways;
  for (const Station& station : stations) {
    ways.push_back(
        {station.label, [&station, bytes = options.body_bytes] { return Body(station, bytes); }});
  }
  return MeasureInTurn(
      ways,
      {.warm_up = 1, .count = options.bodies, .limit = std::chrono::seconds(options.seconds_max)});
}

Result<std::vector<Station>> StartAll(const testbed::Network& network, const Options& options,
                                      const std::string& log_folder) {
  std::vector<Station> stations;
  stations.push_back(SUMMON_TRY(StartNative(network, log_folder)));
  for (const Runner& runner : Runners(options.tenders)) {
    const auto number = static_cast<unsigned>(stations.size());
    stations.push_back(SUMMON_TRY(StartGuests(network, runner, number, log_folder)));
  }
  return stations;
}

Result<int> Measure(const Options& options) {
  const testbed::ScratchFolder logs;
  const auto network = SUMMON_TRY(testbed::Network::Create());
  const auto stations = SUMMON_TRY(StartAll(*network, options, logs.path()));
  const Measurement round_trips{
      .name = "network_round_trip",
      .columns = {{"ping", "us", "ping: request to reply"},
                  {"udp", "us", "UDP echo of 64 bytes: request to reply"}},
      .peer = "native",
      .ways = SUMMON_TRY(RoundTrips(*network, stations, options))};
  std::printf("%s\n%s\n", Table(round_trips, kPing).c_str(), Table(round_trips, kUdp).c_str());
  const Measurement throughput{
      .name = "network_throughput",
      .columns = {{"throughput", "Mbit/s",
                   StrCat("TCP, a body of ", options.body_bytes, " bytes; more is better")}},
      .peer = "native",
      .ways = Bodies(*network, stations, options)};
  std::printf("%s\n", Table(throughput, 0).c_str());
  return WriteFiles(round_trips, {.folder = options.folder, .column = kPing}) |
         WriteFiles(throughput, {.folder = options.folder, .column = 0});
}

int Run(const Options& options) {
  const Holdings before = LookAtOurselves();
  std::printf("%s\n", MachineText().c_str());
  const auto status = Measure(options);
  if (!status.ok()) return Complain(status.error());
  return *status | ReportLeftovers(before);
}

}  // namespace
}  // namespace summon::benchmarks

int main(int argc, char** argv) {
  summon::benchmarks::Options options;
  CLI::App app{
      "Measures round trips and throughput through guests on real taps, in network "
      "namespaces of their own. Needs root and ip (iproute2)."};
  app.add_option("--samples", options.samples, "round trips of each way")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  app.add_option("--bodies", options.bodies, "bodies fetched in each way")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--body-bytes", options.body_bytes, "size of a body")
      ->check(CLI::Range(1, 100'000'000))
      ->capture_default_str();
  app.add_option("--seconds-max", options.seconds_max,
                 "begin no further round of either part after this time")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  app.add_option("--solo5-hvt", options.tenders.hvt, "Solo5's hvt tender")
      ->envname("SOLO5_HVT")
      ->check(CLI::ExistingFile);
  app.add_option("--solo5-spt", options.tenders.spt, "Solo5's spt tender")
      ->envname("SOLO5_SPT")
      ->check(CLI::ExistingFile);
  app.add_option("--folder", options.folder, "where samples and plots go")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return summon::benchmarks::Run(options);
}
