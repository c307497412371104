// SPDX-License-Identifier: Apache-2.0
#pragma once
// Samples of several ways to do the same thing, taken in turn within one run: machines drift, so
// only what was measured side by side is compared.

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace summon::benchmarks {

// In a sample: this column does not exist for this way.
inline constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

struct Column {
  std::string name;   // in the JSON: first_byte
  std::string unit;   // us, Mbit/s, KiB
  std::string title;  // for people: "job to first console byte"
};

using Sample = std::vector<double>;  // one value for each column

// One way of doing it, and what was seen of it.
struct Series {
  std::string label;
  std::vector<Sample> samples;
  std::vector<std::string> failures;
};

struct Measurement {
  std::string name;  // of the benchmark, and of the files that it writes
  std::vector<Column> columns;
  std::string peer;  // label of the way that the others are compared with
  std::vector<Series> ways;
};

// What exists of one column.
std::vector<double> ColumnOf(const Series& series, std::size_t column);

// The value below which `fraction` of `values` lie (nearest rank). `values` is not empty.
double Percentile(std::vector<double> values, double fraction);

struct Way {
  std::string label;
  std::function<Result<Sample>()> measure;
};

struct Rounds {
  unsigned warm_up = 3;  // rounds that are not counted
  unsigned count = 0;
  Duration limit = std::chrono::minutes(10);  // no further round begins after this time
};

// A way that fails this often without a success between is left out of the rounds that remain.
inline constexpr std::size_t kFailuresInARowMax = 5;

// Each round measures every way once; every round begins with another way, so that none always
// follows the same one.
std::vector<Series> MeasureInTurn(const std::vector<Way>& ways, const Rounds& rounds);

double Micros(Duration duration);

}  // namespace summon::benchmarks
