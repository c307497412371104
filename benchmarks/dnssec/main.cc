// SPDX-License-Identifier: Apache-2.0
// Signed answers: what signatures cost when they are remembered, and when they are not. From the
// octets of a query to those of its answer, without any socket. Processor time.
#include <time.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <limits>

#include "base/strings.h"
#include "benchmarks/common/machine.h"
#include "benchmarks/common/report.h"
#include "dns/authority.h"
#include "dns/dnssec/online_signer.h"
#include "dns/dnssec/zone_keyset.h"

namespace summon::benchmarks {
namespace {

constexpr std::size_t kHostsPerZone = 1'000;

struct Options {
  unsigned samples = 100;
  unsigned answers = 1'000;  // in one sample
  std::string folder = "build/bench";
};

dns::Name NameOf(const std::string& text) { return dns::Name::Parse(text).value(); }

// The names h0 to h999 in the zones plain.test and signed.test.
class Zones final {
 public:
  Zones() {
    dns::ZoneTable::Builder builder(SipKey{1, 2});
    for (const std::string apex : {"plain.test", "signed.test"}) {
      dns::Soa soa;
      soa.primary = NameOf("ns." + apex);
      soa.mailbox = NameOf("ops." + apex);
      Must(builder.AddZone(NameOf(apex), soa, 300));
      Must(builder.AddRecord({NameOf(apex), dns::RrType::kNs, 300, dns::NameRdata(soa.primary)}));
      for (std::size_t i = 0; i < kHostsPerZone; ++i) {
        const dns::Rdata address = {10, 0, static_cast<std::uint8_t>(i >> 8),
                                    static_cast<std::uint8_t>(i)};
        Must(builder.AddRecord(
            {NameOf(StrCat('h', i, '.', apex)), dns::RrType::kA, 300, address}));
      }
    }
    auto key = dns::dnssec::SigningKey::Generate();
    SUMMON_CHECK(key.ok());
    // Shared by zone tables; see dns::Zone.
    auto keys = std::make_shared<dns::dnssec::ZoneKeyset>(
        dns::dnssec::StoredKey{.key = std::move(key).value(), .created = 0},
        dns::dnssec::ZoneKeyset::Options{});
    Must(builder.SetSigning(NameOf("signed.test"), {.keys = std::move(keys)}));
    table_ = std::move(builder).Build().value();
  }
  const dns::ZoneTable& table() const { return *table_; }

 private:
  static void Must(const Status& status) { SUMMON_CHECK(status.ok()); }
  std::unique_ptr<const dns::ZoneTable> table_;
};

// A query for an A record with EDNS and DO, read as from the network.
dns::Query Ask(const std::string& name) {
  std::vector<std::uint8_t> packet = {0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1};
  const dns::Name owner = NameOf(name);
  packet.insert(packet.end(), owner.wire().begin(), owner.wire().end());
  for (const int octet : {0, 1, 0, 1, 0, 0, 41, 0x04, 0xd0, 0, 0, 0x80, 0, 0, 0}) {
    packet.push_back(static_cast<std::uint8_t>(octet));
  }
  dns::Arrival arrival;
  arrival.client = dns::Endpoint::Parse("192.0.2.7:40000").value();
  return std::get<dns::Query>(dns::ParseQuery(packet, arrival));
}

// Of this thread: what others do meanwhile is not counted.
double ProcessorNanos() {
  timespec spent{};
  SUMMON_CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent) == 0);
  return static_cast<double>(spent.tv_sec) * 1e9 + static_cast<double>(spent.tv_nsec);
}

class Bench final {
 public:
  explicit Bench(const Options& options) : options_(options) {}

  // Nanoseconds of processor time for an answer to each of the names that `name` gives.
  Sample Measure(const std::function<std::string(unsigned)>& name, dns::Signer* signer) {
    std::vector<dns::Query> queries;
    for (unsigned i = 0; i < options_.answers; ++i) queries.push_back(Ask(name(i)));
    const dns::AnswerOptions answering{.signer = signer};
    const double started = ProcessorNanos();
    for (const dns::Query& query : queries) {
      const dns::Response response = dns::WriteAnswer(zones_.table(), query, answering, space_);
      SUMMON_CHECK(!response.truncated && response.rcode != dns::Rcode::kServFail);
    }
    return {(ProcessorNanos() - started) / options_.answers};
  }

  std::vector<Way> Ways() {
    const auto host = [](const char* apex) {
      return [apex](unsigned i) { return StrCat('h', i % kHostsPerZone, '.', apex); };
    };
    // A name that was never asked for before.
    const auto fresh = [this](unsigned) { return StrCat('x', ++invented_, ".signed.test"); };
    const auto known = [](unsigned i) { return StrCat('n', i % kHostsPerZone, ".signed.test"); };
    return {
        {"unsigned", [=, this] { return Result<Sample>(Measure(host("plain.test"), &signer_)); }},
        {"remembered",
         [=, this] { return Result<Sample>(Measure(host("signed.test"), &signer_)); }},
        {"made",
         [=, this] {
           dns::dnssec::OnlineSigner empty(clock_, kUnlimited);
           return Result<Sample>(Measure(host("signed.test"), &empty));
         }},
        {"denial remembered",
         [=, this] { return Result<Sample>(Measure(known, &signer_)); }},
        {"denial made", [=, this] { return Result<Sample>(Measure(fresh, &signer_)); }},
    };
  }

 private:
  static inline const dns::dnssec::OnlineSigner::Options kUnlimited{
      .signatures_per_s = std::numeric_limits<std::uint32_t>::max()};
  const Options options_;
  const Zones zones_;
  const SystemClock clock_;
  dns::dnssec::OnlineSigner signer_{clock_, kUnlimited};
  std::uint64_t invented_ = 0;
  std::array<std::uint8_t, dns::kTcpSpace> space_{};
};

int Run(const Options& options) {
  const Holdings before = LookAtOurselves();
  std::printf("%s\n", MachineText().c_str());
  Bench bench(options);
  Measurement measurement{.name = "dnssec",
                          .columns = {{"answer", "ns", "processor time from query to answer"}},
                          .peer = "unsigned",
                          .ways = {}};
  measurement.ways = MeasureInTurn(bench.Ways(), {.count = options.samples});
  std::printf("%s\n", Table(measurement, 0).c_str());
  return WriteFiles(measurement, {.folder = options.folder}) | ReportLeftovers(before);
}

}  // namespace
}  // namespace summon::benchmarks

int main(int argc, char** argv) {
  summon::benchmarks::Options options;
  CLI::App app{"Answers of a signed zone: with signatures that are remembered, and that are made."};
  app.add_option("--samples", options.samples, "of each way")->capture_default_str();
  app.add_option("--answers", options.answers, "in one sample")
      ->check(CLI::Range(1u, 1'000u))
      ->capture_default_str();
  app.add_option("--folder", options.folder, "where raw samples go")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return summon::benchmarks::Run(options);
}
