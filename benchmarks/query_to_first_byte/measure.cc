// SPDX-License-Identifier: Apache-2.0
// Measuring one summon; see the header.
#include "benchmarks/query_to_first_byte/measure.h"

#include <thread>

#include "base/strings.h"
#include "tests/testbed/clients.h"

namespace summon::benchmarks {

namespace {

constexpr Duration kPatience = std::chrono::seconds(20);

double Micros(Duration duration) {
  return std::chrono::duration<double, std::micro>(duration).count();
}

}  // namespace

Status MeasureOnce(testbed::House& house, Way& way) {
  if (!way.service.empty()) SUMMON_TRY(house.Reclaim(way.service));
  std::this_thread::sleep_for(kSettle);
  const testbed::InNamespace client(house.network().client());
  const auto answer = SUMMON_TRY(testbed::AskDns(
      {.name = way.name, .server = testbed::Network::kHostAddress}, kPatience));
  if (!answer.address) {
    return Error(ErrorCode::kIo, StrCat(way.name, ": no address, rcode ", answer.rcode));
  }
  const auto page = SUMMON_TRY(testbed::FetchHttp(
      {.address = answer.address->ToString(), .port = way.port}, kPatience));
  if (page.status != 200) return Error(ErrorCode::kIo, StrCat("HTTP status ", page.status));
  way.samples.push_back({.answer_us = Micros(answer.answered - answer.asked),
                         .connect_us = Micros(page.connected - page.connecting),
                         .first_byte_us = Micros(page.first_byte - answer.asked),
                         .retransmits = page.retransmits});
  return Ok();
}

Resources Look(testbed::House& house) {
  return {.summond_descriptors = house.summond().OpenDescriptors(),
          .launcherd_descriptors = house.launcherd().OpenDescriptors(),
          .monitors = house.Monitors().size(),
          .interfaces = house.network().HostInterfaces().size(),
          .summond_kib = house.summond().ResidentKib(),
          .launcherd_kib = house.launcherd().ResidentKib()};
}

}  // namespace summon::benchmarks
