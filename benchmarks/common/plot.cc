// SPDX-License-Identifier: Apache-2.0
// Distributions as SVG, written by hand: text that any browser shows, and no library.
#include <algorithm>
#include <cmath>

#include "base/strings.h"
#include "benchmarks/common/report.h"

namespace summon::benchmarks {

namespace {

// Where things are, in pixels.
constexpr double kWidth = 720;
constexpr double kHeight = 400;
constexpr double kLeft = 60;
constexpr double kRight = 20;
constexpr double kTop = 30;
constexpr double kBottom = 50;

// Whole decades around what is shown.
struct Axis {
  int first_decade = 0;
  int last_decade = 1;

  double X(double value) const {
    const double decades = static_cast<double>(last_decade - first_decade);
    const double at = std::log10(std::max(value, 1e-9)) - first_decade;
    return kLeft + (kWidth - kLeft - kRight) * std::clamp(at / decades, 0.0, 1.0);
  }
};

double Y(double fraction) { return kTop + (kHeight - kTop - kBottom) * (1 - fraction); }

Axis AxisOf(const Measurement& measurement, std::size_t column) {
  double least = std::numeric_limits<double>::max();
  double most = 0;
  for (const Series& way : measurement.ways) {
    for (const double value : ColumnOf(way, column)) {
      if (value > 0) least = std::min(least, value);
      most = std::max(most, value);
    }
  }
  if (most <= 0) return {};
  const int first = static_cast<int>(std::floor(std::log10(least)));
  return {first, std::max(first + 1, static_cast<int>(std::ceil(std::log10(most))))};
}

struct Label {
  double x = 0;
  double y = 0;
  std::string anchor;
  std::string text;
};

std::string Escaped(const std::string& text) {
  std::string safe;
  for (const char c : text) {
    if (c == '<')
      safe += "&lt;";
    else if (c == '&')
      safe += "&amp;";
    else
      safe += c;
  }
  return safe;
}

std::string Draw(const Label& label) {
  return StrCat("<text x='", label.x, "' y='", label.y, "' text-anchor='", label.anchor, "'>",
                Escaped(label.text), "</text>\n");
}

// A value on the axis; microseconds become milliseconds and seconds.
std::string Marked(double value, const std::string& unit) {
  if (unit != "us") return StrCat(value, " ", unit);
  if (value >= 1e6) return StrCat(value / 1e6, " s");
  return value >= 1e3 ? StrCat(value / 1e3, " ms") : StrCat(value, " us");
}

std::string Grid(const Axis& axis, const std::string& unit) {
  std::string svg;
  for (int decade = axis.first_decade; decade <= axis.last_decade; ++decade) {
    const double value = std::pow(10.0, decade);
    svg += StrCat("<line x1='", axis.X(value), "' y1='", Y(0), "' x2='", axis.X(value), "' y2='",
                  Y(1), "' stroke='#ddd'/>\n");
    svg += Draw({axis.X(value), Y(0) + 20, "middle", Marked(value, unit)});
  }
  for (const double fraction : {0.0, 0.5, 0.9, 1.0}) {
    svg += StrCat("<line x1='", kLeft, "' y1='", Y(fraction), "' x2='", kWidth - kRight, "' y2='",
                  Y(fraction), "' stroke='#ddd'/>\n");
    svg += Draw({kLeft - 8, Y(fraction) + 4, "end", StrCat(fraction * 100, " %")});
  }
  return svg;
}

std::string Curve(const Axis& axis, std::vector<double> values) {
  std::sort(values.begin(), values.end());
  std::string points;
  for (std::size_t i = 0; i < values.size(); ++i) {
    points += StrCat(axis.X(values[i]), ',',
                     Y(static_cast<double>(i + 1) / static_cast<double>(values.size())), ' ');
  }
  return StrCat("<polyline fill='none' stroke-width='2' points='", points, "'/>\n");
}

}  // namespace

std::string PlotSvg(const Measurement& measurement, std::size_t column) {
  constexpr const char* kColours[] = {"#0060c0", "#c04000", "#208020", "#808080",
                                      "#8020a0", "#b08000", "#00a0a0", "#d04080"};
  const Column& what = measurement.columns.at(column);
  const Axis axis = AxisOf(measurement, column);
  std::string svg =
      StrCat("<svg xmlns='http://www.w3.org/2000/svg' width='", kWidth, "' height='", kHeight,
             "' font-family='sans-serif' font-size='12'>\n",
             "<rect width='100%' height='100%' fill='white'/>\n", Grid(axis, what.unit));
  std::size_t index = 0;
  for (const Series& way : measurement.ways) {
    const std::string colour = kColours[index % std::size(kColours)];
    ++index;
    svg += StrCat("<g stroke='", colour, "'>", Curve(axis, ColumnOf(way, column)), "</g>\n");
    svg += StrCat("<g fill='", colour, "'>",
                  Draw({kLeft + 10, kTop + 18 * static_cast<double>(index), "start", way.label}),
                  "</g>\n");
  }
  return svg + Draw({kWidth / 2, kHeight - 8, "middle", what.title}) + "</svg>\n";
}

}  // namespace summon::benchmarks
