// SPDX-License-Identifier: Apache-2.0
// Tables and waterfalls in text; see the header.
#include "summoner/cli/show.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <cstdio>

#include "base/strings.h"

namespace summon::cli {

namespace {

constexpr std::size_t kColumns = 8;
using Row = std::vector<std::string>;

std::string Seconds(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, seconds < 10 ? "%.1fs" : "%.0fs", seconds);
  return text;
}

std::string Join(const google::protobuf::RepeatedPtrField<std::string>& pieces) {
  std::string joined;
  for (const std::string& piece : pieces) joined += (joined.empty() ? "" : ", ") + piece;
  return joined;
}

std::string Padded(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

std::string Line(const std::string& label, const std::string& value) {
  constexpr std::size_t kLabelWidth = 14;
  return value.empty() ? "" : Padded(label, kLabelWidth) + value + "\n";
}

std::string Mib(std::uint64_t bytes) {
  constexpr double kBytesPerMib = 1024.0 * 1024.0;
  char text[48];
  std::snprintf(text, sizeof text, "%.1f MiB", static_cast<double>(bytes) / kBytesPerMib);
  return text;
}

// The rung, and what the service holds there.
std::string RungText(const control::Service& service) {
  std::string text = service.rung();
  if (service.rest_memory_bytes() > 0) {
    text += StrCat(", ", Mib(service.rest_memory_bytes()), " in memory");
  }
  if (service.rest_disk_bytes() > 0) {
    text += StrCat(", ", Mib(service.rest_disk_bytes()), " on disk");
  }
  return text;
}

// One stage of the waterfall: its time and a bar that shows when it was reached.
std::string WaterfallLine(const control::Stage& stage, double end_us) {
  constexpr double kBarWidth = 40;
  const auto length = static_cast<std::size_t>(
      end_us > 0 ? std::clamp(stage.at_us() / end_us * kBarWidth, 0.0, kBarWidth) : 0);
  char time[32];
  std::snprintf(time, sizeof time, "%10.3f ms  ", stage.at_us() / 1000);
  return "  " + Padded(stage.name(), 18) + time + std::string(length, '-') + "|\n";
}

}  // namespace

std::string ListTable(const std::vector<control::Service>& services) {
  std::vector<Row> rows = {
      {"NAME", "STATE", "RUNG", "LAUNCHER", "ADDRESS", "SUMMONS", "LEASE", "NAMES"}};
  for (const control::Service& service : services) {
    rows.push_back({service.name(), service.state(),
                    service.rung().empty() ? "-" : service.rung(),
                    service.launcher().empty() ? "-" : service.launcher(), service.address(),
                    StrCat(service.generation()),
                    service.lease_s() > 0 ? Seconds(service.lease_s()) : "-",
                    Join(service.dns_names())});
  }
  std::vector<std::size_t> widths(kColumns, 0);
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < kColumns; ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string table;
  for (const Row& row : rows) {
    for (std::size_t i = 0; i + 1 < kColumns; ++i) table += Padded(row[i], widths[i] + 2);
    table += row.back() + "\n";
  }
  return table;
}

std::string StatusText(const control::Service& service) {
  std::string text = Line("service", service.name());
  text += Line("names", Join(service.dns_names()));
  text += Line("address", service.address());
  text += Line("state", StrCat(service.state(), " for ", Seconds(service.since_s())));
  text += Line("rung", RungText(service));
  text += Line("launcher", service.launcher());
  text += Line("memory", StrCat(service.memory_mib(), " MiB"));
  text += Line("summons", StrCat(service.generation()));
  text += Line("last trigger", service.last_trigger());
  const bool booted = service.woke_from() == "off";
  text += Line("woke from", booted ? "off: it booted" : service.woke_from());
  if (service.lease_s() > 0) text += Line("lease", Seconds(service.lease_s()));
  if (service.quiet_s() > 0) text += Line("quiet for", Seconds(service.quiet_s()));
  if (service.waiters() > 0) text += Line("waiters", StrCat(service.waiters()));
  text += Line("last end", service.last_end());
  text += Line("problem", service.problem());
  if (service.last_summon_size() > 0) {
    double end_us = 0;
    for (const control::Stage& stage : service.last_summon()) {
      end_us = std::max(end_us, stage.at_us());
    }
    text += "last summon, from its first event:\n";
    for (const control::Stage& stage : service.last_summon()) text += WaterfallLine(stage, end_us);
  }
  return text;
}

std::string Json(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string text;
  // Fails only for messages with Any fields, which ours have not.
  if (!google::protobuf::util::MessageToJsonString(message, &text, options).ok()) text = "{}";
  return text;
}

}  // namespace summon::cli
