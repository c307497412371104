// SPDX-License-Identifier: Apache-2.0
// Tables, JSON and plots; see the header.
#include "benchmarks/query_to_first_byte/report.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>

#include "base/check.h"
#include "base/strings.h"
#include "base/version.h"

namespace summon::benchmarks {

namespace {

std::string FirstLineWith(const char* path, std::string_view key) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    if (line.starts_with(key)) return line.substr(line.find(':') + 1);
  }
  return "?";
}

std::vector<double> Column(const Way& way, double Sample::*field) {
  std::vector<double> values;
  for (const Sample& sample : way.samples) values.push_back(sample.*field);
  return values;
}

unsigned LostFirstPackets(const Way& way) {
  unsigned lost = 0;
  for (const Sample& sample : way.samples) lost += sample.retransmits > 0 ? 1 : 0;
  return lost;
}

std::string Row(const Way& way, const Way* peer) {
  const auto first = Column(way, &Sample::first_byte_us);
  const auto answer = Column(way, &Sample::answer_us);
  char line[256];
  int used = std::snprintf(line, sizeof line, "%-9s %6zu  %9.0f %9.0f  %9.0f %9.0f  %5u %7zu",
                           way.label.c_str(), way.samples.size(), Percentile(answer, 0.5),
                           Percentile(answer, 0.99), Percentile(first, 0.5),
                           Percentile(first, 0.99), LostFirstPackets(way), way.failures.size());
  if (peer != nullptr && !peer->samples.empty()) {
    const auto base = Column(*peer, &Sample::first_byte_us);
    std::snprintf(line + used, sizeof line - static_cast<std::size_t>(used), "  %6.2fx %6.2fx",
                  Percentile(first, 0.5) / Percentile(base, 0.5),
                  Percentile(first, 0.99) / Percentile(base, 0.99));
  }
  return StrCat(line, '\n');
}

// Where things are in the plot, in pixels.
constexpr double kWidth = 720;
constexpr double kHeight = 400;
constexpr double kLeft = 60;
constexpr double kRight = 20;
constexpr double kTop = 30;
constexpr double kBottom = 50;
constexpr double kMicrosMin = 100;
constexpr double kMicrosMax = 10'000'000;

double PlotX(double micros) {
  const double clamped = std::clamp(micros, kMicrosMin, kMicrosMax);
  return kLeft + (kWidth - kLeft - kRight) * std::log10(clamped / kMicrosMin) /
                     std::log10(kMicrosMax / kMicrosMin);
}

double PlotY(double fraction) { return kTop + (kHeight - kTop - kBottom) * (1 - fraction); }

std::string Text(double x, double y, const std::string& anchor, const std::string& text) {
  return StrCat("<text x='", x, "' y='", y, "' text-anchor='", anchor, "'>", text, "</text>\n");
}

std::string Axes() {
  std::string svg;
  const char* const labels[] = {"0.1 ms", "1 ms", "10 ms", "100 ms", "1 s", "10 s"};
  double micros = kMicrosMin;
  for (const char* label : labels) {
    svg += StrCat("<line x1='", PlotX(micros), "' y1='", PlotY(0), "' x2='", PlotX(micros),
                  "' y2='", PlotY(1), "' stroke='#ddd'/>\n",
                  Text(PlotX(micros), PlotY(0) + 20, "middle", label));
    micros *= 10;
  }
  for (const double fraction : {0.0, 0.5, 0.9, 1.0}) {
    svg += StrCat("<line x1='", kLeft, "' y1='", PlotY(fraction), "' x2='", kWidth - kRight,
                  "' y2='", PlotY(fraction), "' stroke='#ddd'/>\n",
                  Text(kLeft - 8, PlotY(fraction) + 4, "end", StrCat(fraction * 100, " %")));
  }
  return svg;
}

std::string Curve(const Way& way, const std::string& colour) {
  auto values = Column(way, &Sample::first_byte_us);
  std::sort(values.begin(), values.end());
  std::string points;
  for (std::size_t i = 0; i < values.size(); ++i) {
    points += StrCat(PlotX(values[i]), ',',
                     PlotY(static_cast<double>(i + 1) / static_cast<double>(values.size())), ' ');
  }
  return StrCat("<polyline fill='none' stroke-width='2' stroke='", colour, "' points='", points,
                "'/>\n");
}

}  // namespace

double Percentile(std::vector<double> values, double fraction) {
  SUMMON_CHECK(!values.empty());
  std::sort(values.begin(), values.end());
  const double rank = std::ceil(fraction * static_cast<double>(values.size()));
  return values[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
}

std::string MachineText() {
  utsname system{};
  (void)uname(&system);  // fails only for a bad pointer
  std::ifstream load_file("/proc/loadavg");
  std::string load;
  std::getline(load_file, load);
  return StrCat("machine:", FirstLineWith("/proc/cpuinfo", "model name"), ", ",
                sysconf(_SC_NPROCESSORS_ONLN), " processors, ",
                FirstLineWith("/proc/meminfo", "MemTotal"), "\nsystem:  ", system.sysname, " ",
                system.release, ", load ", load, "\nsummon:  ", kVersion, "\n");
}

std::string Table(const std::vector<Way>& ways, const std::string& peer_label) {
  const auto peer = std::find_if(ways.begin(), ways.end(),
                                 [&](const Way& way) { return way.label == peer_label; });
  std::string table = StrCat(
      "                     query to answer    query to first byte   lost   fail-  ratio to ",
      peer_label,
      "\nway      samples    p50 us    p99 us     p50 us    p99 us  firsts   ures     p50     "
      "p99\n");
  for (const Way& way : ways) {
    if (way.samples.empty()) {
      table += StrCat(way.label, ": no samples; ", way.failures.size(), " failures\n");
      continue;
    }
    table += Row(way, peer == ways.end() ? nullptr : &*peer);
  }
  return table;
}

std::string SamplesJson(const std::vector<Way>& ways) {
  std::string json = StrCat("{\"machine\": ", Quote(MachineText()), ",\n \"ways\": [");
  for (const Way& way : ways) {
    json += StrCat(&way == &ways.front() ? "" : ",", "\n  {\"label\": ", Quote(way.label),
                   ", \"failures\": ", way.failures.size(), ", \"samples\": [");
    for (const Sample& sample : way.samples) {
      json += StrCat(&sample == &way.samples.front() ? "" : ",", "\n   {\"answer_us\": ",
                     sample.answer_us, ", \"connect_us\": ", sample.connect_us,
                     ", \"first_byte_us\": ", sample.first_byte_us, ", \"retransmits\": ",
                     sample.retransmits, "}");
    }
    json += "]}";
  }
  return json + "\n ]}\n";
}

std::string PlotSvg(const std::vector<Way>& ways) {
  const char* const colours[] = {"#0060c0", "#c04000", "#208020", "#808080"};
  std::string svg = StrCat("<svg xmlns='http://www.w3.org/2000/svg' width='", kWidth, "' height='",
                           kHeight, "' font-family='sans-serif' font-size='12'>\n",
                           "<rect width='100%' height='100%' fill='white'/>\n", Axes());
  std::size_t index = 0;
  for (const Way& way : ways) {
    const std::string colour = colours[index % std::size(colours)];
    svg += Curve(way, colour);
    const double y = kTop + 20 * static_cast<double>(index + 1);
    svg += StrCat("<g fill='", colour, "'>", Text(kLeft + 10, y, "start", way.label), "</g>\n");
    ++index;
  }
  svg += Text(kWidth / 2, kHeight - 8, "middle", "DNS query to first byte of the page");
  return svg + "</svg>\n";
}

}  // namespace summon::benchmarks
