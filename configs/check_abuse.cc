// SPDX-License-Identifier: Apache-2.0
// What bounds abuse: who may, how many answers, how many boots.
#include "base/strings.h"
#include "configs/checks.h"

namespace summon::configs {

namespace {

constexpr std::size_t kPrefixesMax = 256;  // each query may be held against all of them

constexpr Range kAnswersPerS{0, 1'000'000};
constexpr Range kBurstFactor{1, 100};
constexpr Range kSlip{0, 10};
constexpr Range kBuckets{1'024, 16'777'216};
constexpr Range kBoots{1, 10'000};
constexpr Range kInFlight{1, 4'096};
constexpr Range kQueue{1, 65'536};
constexpr Range kServicesPerNetwork{1, 64};
constexpr Range kWaitS{0, 86'400};

std::vector<IpPrefix> Local() { return ParsePrefixes("local").value(); }

std::uint32_t Number32(const Node& node, const char* field, Range range) {
  return static_cast<std::uint32_t>(node.Number(field, range));
}

}  // namespace

Networks CheckNetworks(const Node& node, const char* field, const PrefixTexts& texts) {
  if (texts.empty()) return std::nullopt;
  std::vector<IpPrefix> out;
  for (int i = 0; i < texts.size(); ++i) {
    auto prefixes = ParsePrefixes(texts[i]);
    if (!prefixes.ok()) {
      node.Error(field, i, StrCat(field, ' ', prefixes.error().message()));
    } else {
      out.insert(out.end(), prefixes->begin(), prefixes->end());
    }
  }
  if (out.size() > kPrefixesMax) {
    node.Error(field, static_cast<int>(kPrefixesMax) < texts.size() ? kPrefixesMax : -1,
               StrCat(field, " has ", out.size(), " networks; must be 0..", kPrefixesMax));
  }
  return out;
}

void CheckRateLimit(const schema::RateLimit& limit, const Node& node, RateLimit& out) {
  out.enabled = limit.enabled();
  out.positive_per_s = Number32(node, "positive_per_s", kAnswersPerS);
  out.no_data_per_s = Number32(node, "no_data_per_s", kAnswersPerS);
  out.nxdomain_per_s = Number32(node, "nxdomain_per_s", kAnswersPerS);
  out.error_per_s = Number32(node, "error_per_s", kAnswersPerS);
  out.burst_factor = Number32(node, "burst_factor", kBurstFactor);
  out.slip = Number32(node, "slip", kSlip);
  out.buckets = Number32(node, "buckets", kBuckets);
  out.exempt = CheckNetworks(node, "exempt", limit.exempt()).value_or(Local());
}

void CheckWake(const schema::Wake& wake, const Node& node, Wake& out) {
  out.proof_always = wake.proof() == schema::Wake::ALWAYS;
  out.trusted = CheckNetworks(node, "trusted", wake.trusted()).value_or(Local());
  out.boots_per_s = Number32(node, "boots_per_s", kBoots);
  out.boots_burst = Number32(node, "boots_burst", kBoots);
  out.in_flight_max = Number32(node, "in_flight_max", kInFlight);
  out.queue_max = Number32(node, "queue_max", kQueue);
  out.boots_per_network = Number32(node, "boots_per_network", kBoots);
  out.services_per_network = Number32(node, "services_per_network", kServicesPerNetwork);
  out.service_interval = std::chrono::seconds(node.Number("service_interval_s", kWaitS));
  out.cool_down_max = std::chrono::seconds(node.Number("cool_down_max_s", kWaitS));
}

}  // namespace summon::configs
