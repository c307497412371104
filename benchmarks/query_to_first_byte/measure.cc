// SPDX-License-Identifier: Apache-2.0
// Measuring one summon; see the header.
#include "benchmarks/query_to_first_byte/measure.h"

#include <thread>

#include "base/strings.h"
#include "tests/testbed/clients.h"

namespace summon::benchmarks {

namespace {

constexpr Duration kPatience = std::chrono::seconds(20);

std::string Change(std::size_t before, std::size_t after) {
  return StrCat(after >= before ? "+" : "-", after >= before ? after - before : before - after);
}

Status PutAwayTo(testbed::House& house, const Target& target) {
  control::Request request;
  control::Request::Reclaim& reclaim = *request.mutable_reclaim();
  reclaim.set_service(target.service);
  reclaim.set_rung(target.rung);
  reclaim.set_wait_rested(true);
  reclaim.set_timeout_ms(kPatience / std::chrono::milliseconds(1));
  const auto response = SUMMON_TRY(house.Ask(request));
  if (response.code() != "ok") return Error(ErrorCode::kIo, response.error());
  return Ok();
}

// summond hears of a wake from launcherd, which can be after the client has its page: what is not
// known yet is waited for. What stays unknown is an error.
Status CheckWokeFrom(testbed::House& house, const Target& target) {
  constexpr Duration kKnownPatience = std::chrono::seconds(1);
  constexpr Duration kLookAgain = std::chrono::milliseconds(2);
  const SystemClock clock;
  const Instant deadline = clock.Now() + kKnownPatience;
  std::string woke_from = house.StatusOf(target.service).woke_from();
  while (woke_from.empty() && clock.Now() < deadline) {
    std::this_thread::sleep_for(kLookAgain);
    woke_from = house.StatusOf(target.service).woke_from();
  }
  if (woke_from == target.rung) return Ok();
  return Error(ErrorCode::kInvalid, StrCat("it woke from ", Quote(woke_from)));
}

}  // namespace

Status MakeRun(testbed::House& house, const std::string& service) {
  control::Request request;
  request.mutable_summon()->set_service(service);
  request.mutable_summon()->set_wait_ready(true);
  request.mutable_summon()->set_timeout_ms(kPatience / std::chrono::milliseconds(1));
  const auto response = SUMMON_TRY(house.Ask(request));
  if (response.code() != "ok") return Error(ErrorCode::kIo, response.error());
  return Ok();
}

std::vector<Column> QueryColumns() {
  return {{"answer", "us", "DNS query to answer"},
          {"connect", "us", "connect to connection"},
          {"first_byte", "us", "DNS query to first byte of the page"},
          {"retransmits", "segments", "segments that the client sent again"}};
}

Status PutAway(testbed::House& house, const Target& target) {
  if (target.service.empty()) return Ok();
  // A service that is off cannot come to rest above: it is made to run first.
  if (!target.rung.empty() && house.StatusOf(target.service).rung() == "off") {
    SUMMON_TRY(MakeRun(house, target.service));
  }
  return PutAwayTo(house, target);
}

Result<Sample> MeasureOnce(testbed::House& house, const Target& target) {
  SUMMON_TRY(PutAway(house, target));
  std::this_thread::sleep_for(kSettle);
  const testbed::InNamespace client(house.network().client());
  const auto answer = SUMMON_TRY(
      testbed::AskDns({.name = target.name, .server = testbed::Network::kHostAddress}, kPatience));
  if (!answer.address) {
    return Error(ErrorCode::kIo, StrCat(target.name, ": no address, rcode ", answer.rcode));
  }
  const auto page = SUMMON_TRY(
      testbed::FetchHttp({.address = answer.address->ToString(), .port = target.port}, kPatience));
  if (page.status != 200) return Error(ErrorCode::kIo, StrCat("HTTP status ", page.status));
  if (!target.rung.empty()) SUMMON_TRY(CheckWokeFrom(house, target));
  return Sample{Micros(answer.answered - answer.asked), Micros(page.connected - page.connecting),
                Micros(page.first_byte - answer.asked), static_cast<double>(page.retransmits)};
}

Resources Look(testbed::House& house) {
  return {.summond_descriptors = house.summond().OpenDescriptors(),
          .launcherd_descriptors = house.launcherd().OpenDescriptors(),
          .monitors = house.Monitors().size(),
          .interfaces = house.network().HostInterfaces().size(),
          .summond_kib = house.summond().ResidentKib(),
          .launcherd_kib = house.launcherd().ResidentKib()};
}

std::string Differences(const Resources& before, const Resources& after) {
  return StrCat(
      "left over: summond ", Change(before.summond_descriptors, after.summond_descriptors),
      " descriptors, ", Change(before.summond_kib, after.summond_kib), " KiB; launcherd ",
      Change(before.launcherd_descriptors, after.launcherd_descriptors), " descriptors, ",
      Change(before.launcherd_kib, after.launcherd_kib), " KiB; ",
      Change(before.monitors, after.monitors), " monitors (those that wait are counted too); ",
      Change(before.interfaces, after.interfaces), " interfaces\n");
}

}  // namespace summon::benchmarks
