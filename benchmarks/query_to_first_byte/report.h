// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the benchmark prints and writes: a table with ratios, raw samples as JSON, a plot as SVG.

#include <string>
#include <vector>

#include "benchmarks/query_to_first_byte/measure.h"

namespace summon::benchmarks {

// The value below which `fraction` of `values` lie (nearest rank). `values` is not empty.
double Percentile(std::vector<double> values, double fraction);

// The machine, for the head of the report: processor, cores, memory, kernel, load.
std::string MachineText();

// p50 and p99 of each way, and the ratio to the way labelled `peer`.
std::string Table(const std::vector<Way>& ways, const std::string& peer);

std::string SamplesJson(const std::vector<Way>& ways);

// Empirical distributions of query to first byte, time on a logarithmic axis.
std::string PlotSvg(const std::vector<Way>& ways);

}  // namespace summon::benchmarks
