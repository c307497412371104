// SPDX-License-Identifier: Apache-2.0
// A scrape over a real socket on a free loopback port.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/strings.h"
#include "base/unique_fd.h"
#include "metrics/catalogue.h"

namespace summon::metrics {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string Get(int port, std::string_view path) {
  const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  // SAFETY: every sockaddr_* type may be passed to the socket calls as a sockaddr (POSIX).
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return "cannot connect";
  }
  const std::string request =
      StrCat("GET ", path, " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  if (write(fd.get(), request.data(), request.size()) < 0) return "cannot write";
  std::string response;
  char buffer[4096];
  ssize_t got = 0;
  while ((got = read(fd.get(), buffer, sizeof buffer)) > 0) {
    response.append(buffer, static_cast<std::size_t>(got));
  }
  return response;
}

TEST(MetricsExposer, ServesTheCatalogueOverHttp) {
  Catalogue catalogue("1.2.3", "process");
  const auto exposer = Exposer::Create(catalogue, "127.0.0.1:0");
  ASSERT_TRUE(exposer.ok()) << exposer.error().message();
  catalogue.SetWaiters(5);
  const std::string response = Get((*exposer)->port(), "/metrics");
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(response, HasSubstr("\nsummon_waiters 5"));
}

// civetweb alone takes two seconds.
TEST(MetricsExposer, EndsAtOnce) {
  const Catalogue catalogue("1", "kvm");
  auto exposer = Exposer::Create(catalogue, "127.0.0.1:0");
  ASSERT_TRUE(exposer.ok()) << exposer.error().message();
  ASSERT_THAT(Get((*exposer)->port(), "/metrics"), StartsWith("HTTP/1.1 200"));
  const SystemClock clock;
  const Instant asked = clock.Now();
  exposer->reset();
  EXPECT_LT(clock.Now() - asked, std::chrono::seconds(1));
}

TEST(MetricsExposer, EndsAtOnceOnEveryAddress) {
  const Catalogue catalogue("1", "kvm");
  auto exposer = Exposer::Create(catalogue, "0.0.0.0:0");
  ASSERT_TRUE(exposer.ok()) << exposer.error().message();
  const SystemClock clock;
  const Instant asked = clock.Now();
  exposer->reset();
  EXPECT_LT(clock.Now() - asked, std::chrono::seconds(1));
}

TEST(MetricsExposer, APortInUseIsAnErrorThatSaysHowToMendIt) {
  const Catalogue catalogue("1", "kvm");
  const auto first = Exposer::Create(catalogue, "127.0.0.1:0");
  ASSERT_TRUE(first.ok()) << first.error().message();
  const auto second = Exposer::Create(catalogue, StrCat("127.0.0.1:", (*first)->port()));
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code(), ErrorCode::kBusy);
  EXPECT_THAT(second.error().message(), StartsWith("serve metrics on 127.0.0.1:"));
  EXPECT_THAT(second.error().message(), HasSubstr("metrics_listen chooses another"));
}

}  // namespace
}  // namespace summon::metrics
