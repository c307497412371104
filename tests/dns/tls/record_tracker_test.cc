// SPDX-License-Identifier: Apache-2.0
// Where records end, however their octets come.
#include "dns/tls/record_tracker.h"

#include <gtest/gtest.h>

#include <vector>

namespace summon::dns::tls {
namespace {

// Two records: three octets, then none.
const std::vector<std::uint8_t> kRecords = {23, 3, 3, 0, 3, 7, 7, 7, 21, 3, 3, 0, 0};

TEST(RecordTracker, IsBetweenRecordsWhenEachHasCome) {
  RecordTracker tracker;
  EXPECT_FALSE(tracker.inside());
  tracker.Feed(kRecords);
  EXPECT_FALSE(tracker.inside());
}

TEST(RecordTracker, SaysTheSameWhenOctetsComeOneByOne) {
  RecordTracker tracker;
  std::string inside;
  for (const std::uint8_t octet : kRecords) {
    tracker.Feed(Bytes(&octet, 1));
    inside += tracker.inside() ? 'i' : '.';
  }
  EXPECT_EQ(inside, "iiiiiii.iiii.");
}

TEST(RecordTracker, KnowsLengthsOfTwoOctets) {
  RecordTracker tracker;
  const std::vector<std::uint8_t> head = {23, 3, 3, 1, 2};  // 258 octets
  tracker.Feed(head);
  tracker.Feed(std::vector<std::uint8_t>(257));
  EXPECT_TRUE(tracker.inside());
  tracker.Feed(std::vector<std::uint8_t>(1));
  EXPECT_FALSE(tracker.inside());
}

}  // namespace
}  // namespace summon::dns::tls
