// SPDX-License-Identifier: Apache-2.0
#pragma once
// What every benchmark prints and writes: tables with ratios to the peer, raw samples as JSON, and
// the distributions as a picture.

#include <string>
#include <vector>

#include "benchmarks/common/measurement.h"

namespace summon::benchmarks {

// Samples, failures, min, p50, p99, max of one column for each way, and the ratios to the peer.
std::string Table(const Measurement& measurement, std::size_t column);

// Where the time goes: p50 of the differences between columns that follow each other in time, the
// last one last. A way that lacks a column has its time counted to the next that it has.
std::string StageTable(const Measurement& measurement, const std::vector<std::size_t>& columns);

std::string SamplesJson(const Measurement& measurement);

// Empirical distributions of one column, on a logarithmic axis.
std::string PlotSvg(const Measurement& measurement, std::size_t column);

// Writes <folder>/<name>.json and, of `column`, <folder>/<name>.svg; prints where they are, and
// failures on standard error. Makes the folder. The exit status for main(): 0, or 1 when
// something failed.
struct Destination {
  std::string folder;
  std::size_t column = 0;
};
int WriteFiles(const Measurement& measurement, const Destination& destination);

}  // namespace summon::benchmarks
