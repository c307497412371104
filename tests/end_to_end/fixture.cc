// SPDX-License-Identifier: Apache-2.0
// Helpers of the end-to-end tests; see the header.
#include "tests/end_to_end/fixture.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/strings.h"

namespace summon::end_to_end {

std::string WhyNot(const std::string& launcher) {
  if (geteuid() != 0) return "needs root for namespaces and taps";
  if (access("/dev/net/tun", R_OK | W_OK) != 0) return "no /dev/net/tun";
  if (launcher == "KVM") {
    const UniqueFd kvm(open("/dev/kvm", O_RDWR | O_CLOEXEC));
    if (!kvm.valid()) return "no usable /dev/kvm";
  }
  return "";
}

Result<testbed::DnsAnswer> Ask(const testbed::House& house, const std::string& name,
                               std::uint16_t type, Duration patience) {
  const testbed::InNamespace client(house.network().client());
  return testbed::AskDns(
      {.name = name, .type = type, .server = testbed::Network::kHostAddress}, patience);
}

Result<testbed::HttpAnswer> Fetch(const testbed::House& house, const std::string& address,
                                  const std::string& path, Duration patience) {
  const testbed::InNamespace client(house.network().client());
  return testbed::FetchHttp({.address = address, .path = path}, patience);
}

testing::AssertionResult AnsweredTheFirstPacket(testbed::House& house, const std::string& service,
                                                const testbed::HttpAnswer& page) {
  if (page.retransmits == 0) return testing::AssertionSuccess();
  // Linux sends a SYN again after 1 s (RFC 6298 section 2.1); the packet came a little after the
  // query from which the stages are counted.
  constexpr double kPatienceOfSynUs = 900'000;
  double ready_us = 0;
  const auto knows_ready = [&] {
    const control::Service status = house.StatusOf(service);
    for (const control::Stage& stage : status.last_summon()) {
      if (stage.name() == "ready") ready_us = stage.at_us();
    }
    return ready_us > 0;
  };
  if (testbed::Await(knows_ready, kPatience) && ready_us >= kPatienceOfSynUs) {
    return testing::AssertionSuccess() << "the boot took " << ready_us << " us";
  }
  return testing::AssertionFailure() << "a first packet was lost: it was sent "
                                     << page.retransmits + 1 << " times, and the service was ready "
                                     << ready_us << " us after it was summoned\n"
                                     << house.Logs();
}

void EveryLauncher::StartHouse(const std::string& policy, const std::string& more_services) {
  auto started = testbed::House::Start(
      {.services = testbed::Text({.name = "web",
                         .address = kWeb,
                         .launcher = GetParam(),
                         .policy = policy}) +
                   more_services});
  ASSERT_TRUE(started.ok()) << started.error().message();
  house_ = std::move(started).value();
  const Status asleep = house_->AwaitState("web", "asleep", kPatience);
  ASSERT_TRUE(asleep.ok()) << asleep.error().message();
}

}  // namespace summon::end_to_end
