// SPDX-License-Identifier: Apache-2.0
// dns_blast: the sender of the benchmark by itself, for any server that serves its zone.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>

#include "base/strings.h"
#include "benchmarks/common/measurement.h"
#include "benchmarks/dns/blast.h"

namespace summon::benchmarks {
namespace {

struct CommandLine {
  std::string server = "127.0.0.1:5300";
  std::string write_zone;
  QuestionOptions questions;
  BlastOptions blast;
  double seconds = 2;
  bool mixed = false;
  int processor = -1;
};

int Complain(const Error& error) {
  std::fprintf(stderr, "dns_blast: %s\n", error.message().c_str());
  return 1;
}

int Run(CommandLine line) {
  if (!line.write_zone.empty()) {
    std::ofstream(line.write_zone, std::ios::binary) << ZoneText(line.questions.names);
    return 0;
  }
  auto server = dns::Endpoint::Parse(line.server);
  if (!server.ok()) return Complain(server.error());
  if (line.processor >= 0) {
    const Status pinned = PinTo(static_cast<unsigned>(line.processor));
    if (!pinned.ok()) return Complain(pinned.error());
  }
  line.questions.mix = line.mixed ? Mix::kMixed : Mix::kHits;
  const std::vector<Question> questions = MakeQuestions(line.questions);
  line.blast.server = *server;
  line.blast.questions = questions;
  line.blast.duration =
      std::chrono::duration_cast<Duration>(std::chrono::duration<double>(line.seconds));
  const auto result = Blast(line.blast);
  if (!result.ok()) return Complain(result.error());
  const double seconds = std::chrono::duration<double>(result->elapsed).count();
  std::printf("sent %llu, answered %llu (%.0f a second), wrong %llu, lost %llu\n",
              static_cast<unsigned long long>(result->sent),
              static_cast<unsigned long long>(result->answered),
              static_cast<double>(result->answered) / seconds,
              static_cast<unsigned long long>(result->wrong),
              static_cast<unsigned long long>(result->lost));
  if (!result->latencies_us.empty()) {
    std::printf("latency, us: p50 %.0f, p90 %.0f, p99 %.0f, p99.9 %.0f\n",
                Percentile(result->latencies_us, 0.5), Percentile(result->latencies_us, 0.9),
                Percentile(result->latencies_us, 0.99), Percentile(result->latencies_us, 0.999));
  }
  return result->answered > 0 && result->wrong == 0 ? 0 : 1;
}

int Main(int argc, char** argv) {
  CLI::App app{"Asks a DNS server as fast as it answers, or at a fixed rate."};
  CommandLine line;
  app.add_option("--server", line.server, "ADDRESS:PORT")->capture_default_str();
  app.add_option("--write-zone", line.write_zone, "write the zone to this file, and end");
  app.add_option("--names", line.questions.names, "of the zone")->capture_default_str();
  app.add_option("--outstanding", line.blast.outstanding, "questions that are always on their way")
      ->capture_default_str();
  app.add_option("--rate", line.blast.rate, "questions a second, instead");
  app.add_option("--sockets", line.blast.sockets, "to send from")->capture_default_str();
  app.add_option("--seconds", line.seconds, "how long")->capture_default_str();
  app.add_flag("--mixed", line.mixed, "not only addresses that are there");
  app.add_flag("--edns", line.questions.edns, "with EDNS");
  app.add_option("--processor", line.processor, "to run on");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {  // CLI11 reports by exceptions; they end here
    return app.exit(error) == 0 ? 0 : 2;
  }
  return Run(std::move(line));
}

}  // namespace
}  // namespace summon::benchmarks

int main(int argc, char** argv) { return summon::benchmarks::Main(argc, argv); }
