// SPDX-License-Identifier: Apache-2.0
// Status and waterfall as a control message; see the header.
#include "summoner/daemon/status_message.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/strings.h"

namespace summon::summoner {

namespace {

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

// The stamps of a summon that were reached, in order of time.
std::vector<std::pair<std::string_view, Instant>> Stamps(const Waterfall& fall) {
  std::vector<std::pair<std::string_view, Instant>> stamps;
  const auto add = [&stamps](std::string_view name, const std::optional<Instant>& at) {
    if (at) stamps.emplace_back(name, *at);
  };
  add(fall.trigger == Trigger::kPacket ? "packet_seen" : "query_received", fall.received);
  add("decision", fall.decided);
  for (std::size_t i = 0; i < kStages; ++i) {
    add(launcher::StageName(static_cast<launcher::Stage>(i)), fall.stages[i]);
  }
  add("answer_sent", fall.answer_sent);
  std::stable_sort(stamps.begin(), stamps.end(),
                   [](const auto& a, const auto& b) { return a.second < b.second; });
  return stamps;
}

std::string EndText(const launcher::EndReport& end) {
  std::string text(launcher::EndReasonName(end.reason));
  if (end.reason == launcher::EndReason::kHalted) text += StrCat(" with ", end.exit_status);
  if (!end.detail.empty()) text += StrCat(": ", end.detail);
  return text;
}

}  // namespace

control::Service StatusMessage(const configs::Service& service, const ServiceStatus& status,
                               Instant now) {
  control::Service message;
  message.set_name(service.name);
  for (const std::string& name : service.dns_names) message.add_dns_names(name);
  message.set_address(service.address.ToString());
  message.set_state(std::string(PhaseName(status.phase)));
  const bool runs = status.phase != PhaseKind::kAsleep && status.phase != PhaseKind::kFailed;
  message.set_rung(runs ? "running" : std::string(RungName(status.rest.rung)));
  message.set_rest_memory_bytes(status.rest.memory_bytes);
  message.set_rest_disk_bytes(status.rest.disk_bytes);
  if (const auto from = status.last_summon.from) {
    message.set_woke_from(std::string(RungName(*from)));
  }
  if (status.kind) message.set_launcher(std::string(launcher::KindName(*status.kind)));
  message.set_generation(status.generation);
  message.set_since_s(Seconds(now - status.since));
  message.set_lease_s(std::max(0.0, Seconds(status.lease_until - now)));
  if (status.quiet_since) message.set_quiet_s(Seconds(now - *status.quiet_since));
  message.set_waiters(status.waiters);
  message.set_memory_mib(status.memory_mib);
  if (status.last_trigger) {
    message.set_last_trigger(std::string(TriggerName(*status.last_trigger)));
  }
  if (status.last_end) message.set_last_end(EndText(*status.last_end));
  message.set_problem(status.problem);
  message.set_prepared(status.prepared);
  const auto stamps = Stamps(status.last_summon);
  for (const auto& [name, at] : stamps) {
    control::Stage* stage = message.add_last_summon();
    stage->set_name(std::string(name));
    stage->set_at_us(static_cast<double>((at - stamps.front().second).count()) / 1000.0);
  }
  return message;
}

}  // namespace summon::summoner
