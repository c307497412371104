// SPDX-License-Identifier: Apache-2.0
// versus_dns: our name server beside others, asked the same in turn within one run. What counts is
// the processor time that a server takes for a query: it survives a machine that others use too.
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <thread>

#include "base/strings.h"
#include "benchmarks/common/machine.h"
#include "benchmarks/common/report.h"
#include "benchmarks/dns/blast.h"
#include "benchmarks/dns/peers.h"

namespace summon::benchmarks {
namespace {

struct CommandLine {
  std::string scene = "hits";
  std::vector<std::string> servers = ServerNames();
  std::string peers = "build/third_party/peers";
  std::string folder = "build/bench";
  std::size_t names = 1'000;
  unsigned rounds = 5;
  double seconds = 1;
  double pause = 0;
  unsigned limit_s = 100;
  std::uint16_t port = 5'310;
};

enum ColumnIndex : std::size_t { kCost, kAnswered, kLost, kP50, kP99, kForeign };

// Above this part of a processor, what others did has changed what we saw; then it is done again.
constexpr double kForeignMax = 0.10;
constexpr int kTriesMax = 3;

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

// What all processors have done since the machine started, and what this process and its ended
// children have.
double BusySeconds() {
  std::ifstream file("/proc/stat");
  std::string word;
  file >> word;
  double ticks = 0;
  double value = 0;
  constexpr int kIdle = 3;
  constexpr int kWaiting = 4;
  constexpr int kFields = 8;  // up to steal (proc(5))
  for (int i = 0; i < kFields && file >> value; ++i) {
    if (i != kIdle && i != kWaiting) ticks += value;
  }
  return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double OwnSeconds() {
  double total = 0;
  for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage{};
    (void)getrusage(who, &usage);  // cannot fail for these two
    for (const timeval& time : {usage.ru_utime, usage.ru_stime}) {
      total += static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    }
  }
  return total;
}

// Number behind `label` in what dnsperf prints; 0 when it is not there.
double NumberBehind(const std::string& text, const std::string& label) {
  const std::size_t at = text.find(label);
  return at == std::string::npos ? 0 : std::strtod(text.c_str() + at + label.size(), nullptr);
}

struct Asked {
  double answered = 0;
  double lost = 0;
  double wrong = 0;
  double seconds = 1;
  std::vector<double> latencies_us;
};

class Scene {
 public:
  explicit Scene(const CommandLine& line) : line_(line) {
    const Mix mix = line.scene == "mixed" ? Mix::kMixed : Mix::kHits;
    questions_ = MakeQuestions({.names = line.names, .mix = mix, .edns = line.scene == "edns"});
    std::string lines;
    for (const Question& question : questions_) lines += question.line + "\n";
    file_ = folder_.Write("questions", lines);
  }

  Result<Sample> Measure(const NameServer& server) {
    Result<Sample> sample = MeasureOnce(server);
    for (int i = 1; i < kTriesMax && sample.ok() && (*sample)[kForeign] > kForeignMax; ++i) {
      ++repeated_;
      const Result<Sample> again = MeasureOnce(server);
      if (again.ok() && (*again)[kForeign] < (*sample)[kForeign]) sample = again;
    }
    if (sample.ok() && (*sample)[kForeign] > kForeignMax) ++disturbed_;
    return sample;
  }
  unsigned repeated() const { return repeated_; }
  unsigned disturbed() const { return disturbed_; }

 private:
  Result<Sample> MeasureOnce(const NameServer& server) {
    std::this_thread::sleep_for(std::chrono::duration<double>(line_.pause));
    const double busy = BusySeconds();
    const double own = OwnSeconds();
    const Duration before = server.ProcessorTime();
    const Asked asked = SUMMON_TRY(Ask(server));
    const double cost = Seconds(server.ProcessorTime() - before);
    const double foreign = BusySeconds() - busy - (OwnSeconds() - own) - cost;
    if (asked.answered == 0) return Error(ErrorCode::kIo, "nothing was answered");
    if (asked.wrong > 0) return Error(ErrorCode::kIo, StrCat(asked.wrong, " wrong answers"));
    const bool timed = !asked.latencies_us.empty();
    return Sample{cost / asked.answered * 1e6,
                  asked.answered / asked.seconds,
                  asked.lost,
                  timed ? Percentile(asked.latencies_us, 0.5) : kNothing,
                  timed ? Percentile(asked.latencies_us, 0.99) : kNothing,
                  std::max(foreign, 0.0) / asked.seconds};
  }

  Result<Asked> Ask(const NameServer& server) {
    if (line_.scene == "tcp") return Dnsperf(server, {"-m", "tcp", "-c", "20"});
    if (line_.scene == "dnsperf") return Dnsperf(server, {});
    constexpr double kRate = 20'000;
    const BlastOptions options{.server = server.endpoint(),
                               .questions = questions_,
                               .duration = std::chrono::duration_cast<Duration>(
                                   std::chrono::duration<double>(line_.seconds)),
                               .rate = line_.scene == "rate" ? kRate : 0};
    BlastResult got = SUMMON_TRY(Blast(options));
    return Asked{static_cast<double>(got.answered), static_cast<double>(got.lost),
                 static_cast<double>(got.wrong), Seconds(got.elapsed),
                 std::move(got.latencies_us)};
  }

  Result<Asked> Dnsperf(const NameServer& server, const testbed::Arguments& more) {
    testbed::Arguments command = {
        "/usr/bin/taskset", "-c", "1", "/usr/bin/dnsperf", "-s", server.endpoint().AddressText(),
        "-p", StrCat(server.endpoint().port), "-d", file_, "-q", "200", "-l",
        StrCat(std::max(1u, static_cast<unsigned>(line_.seconds)))};
    command.insert(command.end(), more.begin(), more.end());
    const std::string said = SUMMON_TRY(testbed::RunIn(-1, command));
    return Asked{NumberBehind(said, "Queries completed:"), NumberBehind(said, "Queries lost:"), 0,
                 std::max(NumberBehind(said, "Run time (s):"), 0.001), {}};
  }

  const CommandLine& line_;
  testbed::ScratchFolder folder_;
  std::vector<Question> questions_;
  std::string file_;
  unsigned repeated_ = 0;
  unsigned disturbed_ = 0;
};

int Run(const CommandLine& line) {
  std::printf("%s\n", MachineText().c_str());
  const Status pinned = PinTo(1);
  if (!pinned.ok()) std::fprintf(stderr, "versus_dns: %s\n", pinned.error().message().c_str());
  std::vector<std::unique_ptr<NameServer>> servers;
  for (const std::string& name : line.servers) {
    const auto port = static_cast<std::uint16_t>(line.port + servers.size());
    auto server = NameServer::Start(
        {.name = name, .names = line.names, .port = port, .peers = line.peers});
    if (!server.ok()) {
      std::fprintf(stderr, "versus_dns: %s\n", server.error().message().c_str());
      continue;
    }
    std::printf("%s: %s; %zu KiB\n", name.c_str(), (*server)->VersionText().c_str(),
                (*server)->MemoryKib());
    servers.push_back(std::move(*server));
  }
  Scene scene(line);
  std::vector<Way> ways;
  for (const auto& server : servers) {
    ways.push_back({server->name(), [&scene, &server] { return scene.Measure(*server); }});
  }
  Measurement measurement;
  measurement.name = StrCat("dns_", line.scene, "_", line.names);
  measurement.peer = "nsd";
  measurement.columns = {{"cost", "us", "server's processor time for a query"},
                         {"answered", "1/s", "answered queries"},
                         {"lost", "", "lost queries"},
                         {"p50", "us", "latency, median of a round"},
                         {"p99", "us", "latency, 99th percentile of a round"},
                         {"foreign", "", "processors that others used"}};
  measurement.ways = MeasureInTurn(ways, {.warm_up = 1, .count = line.rounds,
                                          .limit = std::chrono::seconds(line.limit_s)});
  std::vector<std::size_t> shown = {kCost, kAnswered};
  if (line.scene == "rate") shown.insert(shown.end(), {kP50, kP99});
  for (const std::size_t column : shown) {
    std::printf("%s\n", Table(measurement, column).c_str());
  }
  std::printf("%u samples were repeated because others used more than %.0f %% of a processor; %u "
              "stayed disturbed\n", scene.repeated(), kForeignMax * 100, scene.disturbed());
  return WriteFiles(measurement, {.folder = line.folder, .column = kCost});
}

int Main(int argc, char** argv) {
  CLI::App app{"Our name server beside others, with the same zone and the same questions."};
  app.footer("Scenes: hits (addresses that are there), edns (the same with EDNS), mixed (60 % of "
             "them, AAAA,\nHTTPS and names that are not), rate (20,000 a second, with latencies), "
             "dnsperf, tcp (dnsperf,\n20 connections). On a machine that others use: chrt -f 10 "
             "versus_dns ...");
  CommandLine line;
  app.add_option("--scene", line.scene, "what is asked, and how")
      ->check(CLI::IsMember({"hits", "edns", "mixed", "rate", "dnsperf", "tcp"}))
      ->capture_default_str();
  app.add_option("--servers", line.servers, "in this order")->delimiter(',');
  app.add_option("--peers", line.peers, "what tools/fetch_peers has made")->capture_default_str();
  app.add_option("--folder", line.folder, "for samples")->capture_default_str();
  app.add_option("--names", line.names, "of the zone")->capture_default_str();
  app.add_option("--rounds", line.rounds, "of each server")->capture_default_str();
  app.add_option("--seconds", line.seconds, "of one sample")->capture_default_str();
  app.add_option("--pause", line.pause,
                 "seconds before each sample; with chrt -f as much as --seconds, or the kernel "
                 "stops us for 50 ms of each second")
      ->capture_default_str();
  app.add_option("--limit", line.limit_s, "seconds after which no round begins")
      ->capture_default_str();
  app.add_option("--port", line.port, "of the first server")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {  // CLI11 reports by exceptions; they end here
    return app.exit(error) == 0 ? 0 : 2;
  }
  return Run(line);
}

}  // namespace
}  // namespace summon::benchmarks

int main(int argc, char** argv) { return summon::benchmarks::Main(argc, argv); }
