// SPDX-License-Identifier: Apache-2.0
// The echo guest under `summon run` on a tap of a made-up network: on KVM in both modes and as a
// process.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/unique_fd.h"
#include "tests/testbed/network.h"
#include "tests/testbed/process.h"

namespace summon {
namespace {

using testbed::RunIn;

struct Mode {
  std::string label;
  std::vector<std::string> options;
  std::string image;
};

class RunNet : public testing::TestWithParam<Mode> {
 protected:
  void SetUp() override {
    const UniqueFd kvm(open("/dev/kvm", O_RDWR | O_CLOEXEC));
    if (GetParam().image == "echo.hvt" && !kvm.valid()) GTEST_SKIP() << "no usable /dev/kvm";
    auto made = testbed::NewNamespace();
    if (!made.ok()) GTEST_SKIP() << made.error().message();
    namespace_ = std::move(made).value();
    for (const testbed::Arguments& command : std::vector<testbed::Arguments>{
             {"ip", "tuntap", "add", "t0", "mode", "tap"},
             {"ip", "link", "set", "t0", "mtu", "9000"},
             {"ip", "addr", "add", "10.0.0.1/24", "dev", "t0"},
             {"ip", "link", "set", "t0", "up"}}) {
      const auto ran = RunIn(namespace_.get(), command);
      if (!ran.ok()) GTEST_SKIP() << ran.error().message();
    }
    testbed::Arguments line = {testbed::ProgramPath("summon"), "run", "--mem=16",
                               "--net:service=t0"};
    line.insert(line.end(), GetParam().options.begin(), GetParam().options.end());
    line.push_back(testbed::GuestPath(GetParam().image));
    line.push_back("--ipv4=10.0.0.2/24");
    auto started = testbed::Daemon::Start(namespace_.get(), line, folder_.path() + "/log");
    ASSERT_TRUE(started.ok()) << started.error().message();
    guest_ = std::move(started).value();
  }
  // Three answers to pings with `bytes` of payload that must not be cut into fragments.
  Result<std::string> Ping(const std::string& bytes) const {
    return RunIn(namespace_.get(), {"ping", "-c", "3", "-i", "0.2", "-w", "20", "-M", "do", "-s",
                                    bytes, "10.0.0.2"});
  }

  testbed::ScratchFolder folder_;
  UniqueFd namespace_;
  std::unique_ptr<testbed::Daemon> guest_;
};

TEST_P(RunNet, PingIsAnswered) {
  const auto ping = Ping("56");
  EXPECT_TRUE(ping.ok()) << ping.error().message() << guest_->Log();
}

// The guest has the interface's MTU: 9000 bytes with 28 of headers.
TEST_P(RunNet, JumboFramesPassWhole) {
  const auto ping = Ping("8972");
  EXPECT_TRUE(ping.ok()) << ping.error().message() << guest_->Log();
}

const Mode kRing3{"KvmRing3", {"--guest-mode=ring3"}, "echo.hvt"};
const Mode kRing0{"KvmRing0", {"--guest-mode=ring0"}, "echo.hvt"};
const Mode kProcess{"Process", {}, "echo.spt"};

INSTANTIATE_TEST_SUITE_P(Modes, RunNet, testing::Values(kRing3, kRing0, kProcess),
                         [](const auto& tested) { return tested.param.label; });

}  // namespace
}  // namespace summon
