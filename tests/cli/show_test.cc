// SPDX-License-Identifier: Apache-2.0
// How services are shown.
#include "summoner/cli/show.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace summon::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

control::Service Hello() {
  control::Service service;
  service.set_name("hello");
  service.add_dns_names("hello.summon.test");
  service.set_address("10.77.0.10");
  service.set_state("ready");
  service.set_rung("running");
  service.set_launcher("kvm");
  service.set_generation(3);
  return service;
}

TEST(Show, ListHasAHeadAndALineForEachService) {
  const std::string table = ListTable({Hello()});
  EXPECT_THAT(table, HasSubstr("NAME"));
  EXPECT_THAT(table, HasSubstr("hello  ready  running  kvm       10.77.0.10  3"));
}

TEST(Show, EmptyListIsOnlyTheHead) {
  const std::string table = ListTable({});
  EXPECT_EQ(table.find('\n'), table.size() - 1);
}

TEST(Show, StatusLeavesOutWhatIsNotThere) {
  EXPECT_THAT(StatusText(Hello()), Not(HasSubstr("problem")));
}

TEST(Show, StatusShowsTheRungAndWhatItHolds) {
  control::Service service = Hello();
  service.set_rung("parked");
  service.set_rest_memory_bytes(3 * 1024 * 1024 / 2);
  service.set_rest_disk_bytes(1024 * 1024);
  EXPECT_THAT(StatusText(service), HasSubstr("parked, 1.5 MiB in memory, 1.0 MiB on disk\n"));
}

TEST(Show, StatusShowsWhatTheLastSummonWokeFrom) {
  control::Service service = Hello();
  service.set_woke_from("saved");
  EXPECT_THAT(StatusText(service), HasSubstr("woke from     saved\n"));
}

TEST(Show, WaterfallShowsStagesInMilliseconds) {
  control::Service service = Hello();
  control::Stage* stage = service.add_last_summon();
  stage->set_name("ready");
  stage->set_at_us(1234.5);
  EXPECT_THAT(StatusText(service), HasSubstr("1.234 ms"));
}

TEST(Show, JsonHasEveryFieldWithItsSchemaName) {
  const std::string json = Json(Hello());
  EXPECT_THAT(json, HasSubstr("\"dns_names\""));
  EXPECT_THAT(json, HasSubstr("\"problem\": \"\""));
}

}  // namespace
}  // namespace summon::cli
