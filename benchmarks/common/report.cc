// SPDX-License-Identifier: Apache-2.0
// Tables and JSON; see the header. The picture is in plot.cc.
#include "benchmarks/common/report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "base/strings.h"
#include "benchmarks/common/machine.h"

namespace summon::benchmarks {

namespace {

constexpr std::size_t kLabelWidth = 18;
// Of one way, so many failures are shown.
constexpr std::size_t kFailuresShown = 3;

std::string Padded(std::string text, std::size_t width) {
  text.resize(std::max(width, text.size() + 1), ' ');
  return text;
}

std::string Cell(double value) {
  if (std::isnan(value)) return "         -";
  char text[32];
  const char* const format = std::fabs(value) < 100 ? " %9.2f" : " %9.0f";
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string RatioCell(double value, double base) {
  char text[32];
  std::snprintf(text, sizeof text, " %6.2fx", value / base);
  return text;
}

std::string Row(const Series& way, const std::vector<double>& values,
                const std::vector<double>& base) {
  char counts[48];
  std::snprintf(counts, sizeof counts, "%7zu %8zu", way.samples.size(), way.failures.size());
  std::string row = Padded(way.label, kLabelWidth) + counts;
  if (values.empty()) return row + "  none\n";
  for (const double fraction : {0.0, 0.5, 0.99, 1.0}) row += Cell(Percentile(values, fraction));
  if (base.empty()) return row + "\n";
  return row + RatioCell(Percentile(values, 0.5), Percentile(base, 0.5)) +
         RatioCell(Percentile(values, 0.99), Percentile(base, 0.99)) + "\n";
}

std::vector<double> PeerColumn(const Measurement& measurement, std::size_t column) {
  const auto peer = std::find_if(measurement.ways.begin(), measurement.ways.end(),
                                 [&](const Series& way) { return way.label == measurement.peer; });
  if (peer == measurement.ways.end()) return {};
  return ColumnOf(*peer, column);
}

double Median(const Series& way, std::size_t later, std::ptrdiff_t earlier) {
  std::vector<double> differences;
  for (const Sample& sample : way.samples) {
    const double from = earlier < 0 ? 0 : sample[static_cast<std::size_t>(earlier)];
    const double difference = sample[later] - from;
    if (!std::isnan(difference)) differences.push_back(difference);
  }
  return differences.empty() ? kNothing : Percentile(differences, 0.5);
}

std::string JsonNumber(double value) {
  if (!std::isfinite(value)) return "null";
  char text[32];
  std::snprintf(text, sizeof text, "%.10g", value);
  return text;
}

std::string SeriesJson(const Series& way) {
  std::string json = StrCat("{\"label\": ", Quote(way.label),
                            ", \"failures\": ", way.failures.size(), ", \"samples\": [");
  std::string between = "\n   [";
  for (const Sample& sample : way.samples) {
    for (const double value : sample) {
      json += between + JsonNumber(value);
      between = ", ";
    }
    json += "]";
    between = ",\n   [";
  }
  return json + "]}";
}

int WriteOne(const std::string& path, const std::string& content) {
  std::ofstream file(path, std::ios::binary);
  file << content;
  file.close();
  if (!file) {
    std::fprintf(stderr, "cannot write %s (--folder names another place)\n", path.c_str());
    return 1;
  }
  std::printf("wrote %s\n", path.c_str());
  return 0;
}

}  // namespace

std::string Table(const Measurement& measurement, std::size_t column) {
  const Column& what = measurement.columns.at(column);
  const std::vector<double> base = PeerColumn(measurement, column);
  std::string table = StrCat(what.title, ", ", what.unit, "\n") + Padded("way", kLabelWidth) +
                      "samples failures       min       p50       p99       max";
  if (!base.empty()) table += StrCat("  p50 and p99 to ", measurement.peer);
  table += "\n";
  for (const Series& way : measurement.ways) table += Row(way, ColumnOf(way, column), base);
  return table;
}

std::string StageTable(const Measurement& measurement, const std::vector<std::size_t>& columns) {
  std::string table = Padded("p50 of each step", kLabelWidth);
  for (const std::size_t column : columns) {
    std::string name = measurement.columns[column].name;
    name.insert(0, name.size() < 10 ? 10 - name.size() : 1, ' ');
    table += name;
  }
  table += "\n";
  for (const Series& way : measurement.ways) {
    table += Padded(way.label, kLabelWidth);
    std::ptrdiff_t earlier = -1;  // from the start
    for (const std::size_t column : columns) {
      const double median = Median(way, column, earlier);
      const std::size_t width =
          std::max<std::size_t>(measurement.columns[column].name.size() + 1, 10);
      std::string cell = Cell(median);
      cell.insert(0, width - std::min(width, cell.size()), ' ');
      table += cell;
      if (!std::isnan(median)) earlier = static_cast<std::ptrdiff_t>(column);
    }
    table += "\n";
  }
  return table;
}

std::string SamplesJson(const Measurement& measurement) {
  std::string json =
      StrCat("{\"benchmark\": ", Quote(measurement.name), ",\n \"machine\": ", Quote(MachineText()),
             ",\n \"peer\": ", Quote(measurement.peer), ",\n \"columns\": [");
  for (const Column& column : measurement.columns) {
    json += StrCat(&column == &measurement.columns.front() ? "" : ", ",
                   "{\"name\": ", Quote(column.name), ", \"unit\": ", Quote(column.unit), "}");
  }
  json += "],\n \"ways\": [";
  for (const Series& way : measurement.ways) {
    json += StrCat(&way == &measurement.ways.front() ? "\n  " : ",\n  ", SeriesJson(way));
  }
  return json + "\n ]}\n";
}

int WriteFiles(const Measurement& measurement, const Destination& destination) {
  std::error_code failed;
  std::filesystem::create_directories(destination.folder, failed);  // writing tells if this failed
  const std::string stem = destination.folder + "/" + measurement.name;
  int status = WriteOne(stem + ".json", SamplesJson(measurement));
  status |= WriteOne(stem + ".svg", PlotSvg(measurement, destination.column));
  for (const Series& way : measurement.ways) {
    if (!way.failures.empty()) status = 1;
    for (std::size_t i = 0; i < std::min(way.failures.size(), kFailuresShown); ++i) {
      std::fprintf(stderr, "%s failed: %s\n", way.label.c_str(), way.failures[i].c_str());
    }
    if (way.failures.size() > kFailuresShown) {
      std::fprintf(stderr, "%s: and %zu failures more\n", way.label.c_str(),
                   way.failures.size() - kFailuresShown);
    }
  }
  return status;
}

}  // namespace summon::benchmarks
