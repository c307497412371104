// SPDX-License-Identifier: Apache-2.0
// Each benchmark with a few samples: it runs, writes its files, and leaves nothing behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/strings.h"
#include "tests/testbed/process.h"

namespace summon::testbed {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string ReadText(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

class Benchmarks : public testing::Test {
 protected:
  void SetUp() override {
    // Which tenders take part is up to each test.
    (void)unsetenv("SOLO5_HVT");
    (void)unsetenv("SOLO5_SPT");
  }

  // Runs it with its files in a folder of this test's.
  void Run(const std::string& name, const Arguments& arguments) {
    Arguments command = {ProgramPath(name), "--folder", folder_.path()};
    command.insert(command.end(), arguments.begin(), arguments.end());
    const auto finished = FinishIn(-1, command);
    ASSERT_TRUE(finished.ok()) << finished.error().message();
    output_ = finished->output;
    EXPECT_EQ(finished->exit_status, 0) << output_;
    EXPECT_THAT(output_, AllOf(HasSubstr("machine: "), HasSubstr("system:  ")));
  }

  void ExpectFiles(const std::string& name) {
    EXPECT_THAT(ReadText(folder_.path() + "/" + name + ".json"),
                AllOf(HasSubstr(StrCat("{\"benchmark\": \"", name, "\"")), HasSubstr("\"ways\"")));
    EXPECT_THAT(ReadText(folder_.path() + "/" + name + ".svg"),
                AllOf(HasSubstr("<polyline"), HasSubstr("</svg>")));
  }

  const ScratchFolder folder_;
  std::string output_;
};

TEST_F(Benchmarks, BootMeasuresEveryWayAndLeavesNothing) {
  if (access("/dev/kvm", R_OK | W_OK) != 0) GTEST_SKIP() << "no usable /dev/kvm";
  ASSERT_NO_FATAL_FAILURE(Run("boot", {"--samples", "2", "--instances", "2"}));
  ExpectFiles("boot");
  EXPECT_THAT(output_, HasSubstr("left over: +0 descriptors, +0 processes"));
  EXPECT_THAT(ReadText(folder_.path() + "/boot.json"),
              AllOf(HasSubstr("\"native\""), HasSubstr("\"kvm parked\""),
                    HasSubstr("\"kvm saved\""), HasSubstr("\"process pool\"")));
}

TEST_F(Benchmarks, BootWithoutKvmMeasuresProcesses) {
  ASSERT_NO_FATAL_FAILURE(
      Run("boot", {"--samples", "2", "--instances", "0", "--kvm", "/nonexistent"}));
  ExpectFiles("boot");
  EXPECT_THAT(output_, HasSubstr("the ways on KVM are left out"));
  EXPECT_THAT(ReadText(folder_.path() + "/boot.json"), Not(HasSubstr("kvm pool")));
}

TEST_F(Benchmarks, VersusSolo5MeasuresSummonAloneWithoutTenders) {
  if (access("/dev/kvm", R_OK | W_OK) != 0) GTEST_SKIP() << "no usable /dev/kvm";
  ASSERT_NO_FATAL_FAILURE(Run("versus_solo5", {"--samples", "2"}));
  ExpectFiles("versus_solo5_hvt");
  ExpectFiles("versus_solo5_spt");
  EXPECT_THAT(output_, HasSubstr("SOLO5_HVT names it"));
  EXPECT_THAT(output_, HasSubstr("left over: +0 descriptors, +0 processes"));
}

// Any program that prints can stand for a tender: what is asked is whether it takes part.
TEST_F(Benchmarks, VersusSolo5ComparesWithTheTenderThatIsNamed) {
  const std::string tender = folder_.Write("tender", "#!/bin/sh\necho pretended\n");
  std::filesystem::permissions(tender, std::filesystem::perms::owner_all);
  ASSERT_NO_FATAL_FAILURE(
      Run("versus_solo5", {"--samples", "2", "--kvm", "/nonexistent", "--solo5-spt", tender}));
  EXPECT_THAT(output_,
              AllOf(HasSubstr("solo5-spt: pretended"), HasSubstr("p50 and p99 to solo5-spt")));
}

TEST_F(Benchmarks, QueryToFirstByteMeasuresEveryLauncher) {
  if (access("/dev/kvm", R_OK | W_OK) != 0) GTEST_SKIP() << "no usable /dev/kvm";
  if (geteuid() != 0) GTEST_SKIP() << "needs root for network namespaces";
  ASSERT_NO_FATAL_FAILURE(Run("query_to_first_byte", {"--summons", "2"}));
  ExpectFiles("query_to_first_byte");
  // Waiting monitors come and go as the pool learns; none may outlive the house.
  EXPECT_THAT(output_,
              AllOf(HasSubstr("; +0 interfaces"), HasSubstr("no daemon and no monitor is left")));
}

TEST_F(Benchmarks, NetworkMeasuresRoundTripsAndThroughput) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root for network namespaces and taps";
  ASSERT_NO_FATAL_FAILURE(
      Run("network", {"--samples", "2", "--bodies", "1", "--body-bytes", "100000"}));
  ExpectFiles("network_round_trip");
  ExpectFiles("network_throughput");
  EXPECT_THAT(output_, HasSubstr("left over: +0 descriptors, +0 processes"));
}

TEST_F(Benchmarks, StormServesEveryVisitAndLeavesNothing) {
  if (access("/dev/kvm", R_OK | W_OK) != 0) GTEST_SKIP() << "no usable /dev/kvm";
  if (geteuid() != 0) GTEST_SKIP() << "needs root for network namespaces and taps";
  ASSERT_NO_FATAL_FAILURE(Run("storm", {"--services", "10", "--rate", "10", "--seconds", "1"}));
  ExpectFiles("storm_burst");
  ExpectFiles("storm_steady");
  EXPECT_THAT(output_, AllOf(HasSubstr("summon burst: 10 visits, 10 served"),
                             HasSubstr("summon burst: 10 summons"),
                             HasSubstr("left over: +0 descriptors, +0 processes")));
}

TEST_F(Benchmarks, DensityCountsWhatRuns) {
  if (access("/dev/kvm", R_OK | W_OK) != 0) GTEST_SKIP() << "no usable /dev/kvm";
  if (geteuid() != 0) GTEST_SKIP() << "needs root for network namespaces and taps";
  ASSERT_NO_FATAL_FAILURE(Run("density", {"--instances", "5", "--extra", "2"}));
  ExpectFiles("density");
  EXPECT_THAT(output_, AllOf(HasSubstr("6 instances of 16 MiB run"),
                             HasSubstr("left over: +0 descriptors, +0 processes")));
}

TEST_F(Benchmarks, DnssecMeasuresSignedAnswers) {
  ASSERT_NO_FATAL_FAILURE(Run("dnssec", {"--samples", "2", "--answers", "10"}));
  ExpectFiles("dnssec");
  EXPECT_THAT(output_, AllOf(HasSubstr("denial made"),
                             HasSubstr("left over: +0 descriptors, +0 processes")));
}

TEST_F(Benchmarks, DensityBeyondThisMachineIsRefusedBeforeItStarts) {
  const auto finished = FinishIn(-1, {ProgramPath("density"), "--instances", "5000"});
  ASSERT_TRUE(finished.ok());
  EXPECT_EQ(finished->exit_status, 1);
  EXPECT_THAT(finished->output, HasSubstr("5001 services need"));
}

TEST_F(Benchmarks, WrongOptionsAreRefused) {
  const auto finished = FinishIn(-1, {ProgramPath("boot"), "--samples", "0"});
  ASSERT_TRUE(finished.ok());
  EXPECT_NE(finished->exit_status, 0);
  EXPECT_THAT(finished->output, HasSubstr("--samples"));
}

// Others take part where they have been fetched; ours is there always.
TEST_F(Benchmarks, VersusDnsMeasuresOurServerAlone) {
  ASSERT_NO_FATAL_FAILURE(
      Run("versus_dns", {"--servers", "summond", "--rounds", "1", "--seconds", "0.1"}));
  ExpectFiles("dns_hits_1000");
  EXPECT_THAT(output_, HasSubstr("server's processor time for a query, us"));
}

}  // namespace
}  // namespace summon::testbed
