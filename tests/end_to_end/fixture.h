// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the end-to-end tests share: a house for each launcher, and when to skip.

#include <gtest/gtest.h>

#include <string>

#include "tests/testbed/clients.h"
#include "tests/testbed/house.h"

namespace summon::end_to_end {

inline constexpr Duration kPatience = std::chrono::seconds(20);

// Why tests of `launcher` ("KVM", "PROCESS") cannot run here; empty when they can.
std::string WhyNot(const std::string& launcher);

// A query for an A record, asked from the client's namespace.
Result<testbed::DnsAnswer> Ask(const testbed::House& house, const std::string& name,
                               std::uint16_t type = 1, Duration patience = kPatience);
// A page, fetched from the client's namespace.
Result<testbed::HttpAnswer> Fetch(const testbed::House& house, const std::string& address,
                                  const std::string& path = "/", Duration patience = kPatience);

// Whether the service answered the client's first SYN: it was sent once, or the machine was so busy
// that the boot took as long as a client waits.
testing::AssertionResult AnsweredTheFirstPacket(testbed::House& house, const std::string& service,
                                                const testbed::HttpAnswer& page);

// Tests that hold for every launcher. Each test starts the house it needs.
class EveryLauncher : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (const std::string why = WhyNot(GetParam()); !why.empty()) GTEST_SKIP() << why;
  }
  // Starts a house with `web` at 10.77.0.10 under the launcher of this test.
  void StartHouse(const std::string& policy = "idle_timeout_s: 60",
                  const std::string& more_services = "");
  testbed::House& house() { return *house_; }

 private:
  std::unique_ptr<testbed::House> house_;
};

inline constexpr const char* kWeb = "10.77.0.10";
inline constexpr const char* kWebName = "web.summon.test";

}  // namespace summon::end_to_end
