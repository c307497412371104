// SPDX-License-Identifier: Apache-2.0
// Taking turns, and the few statistics that are shown.
#include "benchmarks/common/measurement.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace summon::benchmarks {

namespace {

struct Standing {
  std::size_t failures_in_a_row = 0;
};

void MeasureOnce(const Way& way, Series& series, Standing& standing) {
  Result<Sample> sample = way.measure();
  if (sample.ok()) {
    standing.failures_in_a_row = 0;
    series.samples.push_back(std::move(sample).value());
  } else {
    ++standing.failures_in_a_row;
    series.failures.push_back(sample.error().message());
  }
}

}  // namespace

std::vector<double> ColumnOf(const Series& series, std::size_t column) {
  std::vector<double> values;
  for (const Sample& sample : series.samples) {
    if (!std::isnan(sample.at(column))) values.push_back(sample[column]);
  }
  return values;
}

double Percentile(std::vector<double> values, double fraction) {
  SUMMON_CHECK(!values.empty());
  std::sort(values.begin(), values.end());
  const double rank = std::ceil(fraction * static_cast<double>(values.size()));
  return values[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
}

std::vector<Series> MeasureInTurn(const std::vector<Way>& ways, const Rounds& rounds) {
  std::vector<Series> all(ways.size());
  std::vector<Standing> standings(ways.size());
  for (std::size_t i = 0; i < ways.size(); ++i) all[i].label = ways[i].label;
  const SystemClock clock;
  const Instant deadline = clock.Now() + rounds.limit;
  for (unsigned round = 0; round < rounds.warm_up + rounds.count; ++round) {
    if (round == rounds.warm_up) {
      // Failures of the warm-up stay: a way that cannot run must be seen.
      for (Series& series : all) series.samples.clear();
    }
    for (std::size_t turn = 0; turn < ways.size(); ++turn) {
      const std::size_t i = (round + turn) % ways.size();
      if (standings[i].failures_in_a_row >= kFailuresInARowMax) continue;
      MeasureOnce(ways[i], all[i], standings[i]);
    }
    if (clock.Now() > deadline) break;
  }
  return all;
}

double Micros(Duration duration) {
  return std::chrono::duration<double, std::micro>(duration).count();
}

}  // namespace summon::benchmarks
