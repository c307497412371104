// SPDX-License-Identifier: Apache-2.0
// One unikernel in the foreground, with real images of the process kind: they run anywhere.
#include "launcher/foreground/foreground.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/strings.h"
#include "base/unique_fd.h"

namespace summon::launcher {

namespace {

ForegroundOptions Options(std::string_view guest, std::vector<std::string> arguments = {}) {
  ForegroundOptions options;
  options.image = StrCat(SUMMON_GUESTS, "/", guest);
  options.memory_mib = 16;
  options.monitor_dir = SUMMON_PROGRAMS;
  options.arguments = std::move(arguments);
  return options;
}

TEST(Foreground, TheConsoleGoesToOurOutput) {
  testing::internal::CaptureStdout();
  const Result<int> ran = RunForeground(Options("hello.spt", {"one", "two"}));
  const std::string text = testing::internal::GetCapturedStdout();
  ASSERT_TRUE(ran.ok()) << ran.error().message();
  EXPECT_EQ(*ran, 0);
  EXPECT_NE(text.find("Hello from Summon"), std::string::npos);
  EXPECT_NE(text.find("one two"), std::string::npos);
}

TEST(Foreground, TheExitStatusIsTheGuests) {
  const Result<int> ran = RunForeground(Options("hostile.spt", {"halt_status", "42"}));
  ASSERT_TRUE(ran.ok()) << ran.error().message();
  EXPECT_EQ(*ran, 42);
}

TEST(Foreground, AGuestFaultIsTheSignalsStatusAndSaysWhy) {
  testing::internal::CaptureStderr();
  const Result<int> ran = RunForeground(Options("hostile.spt", {"write_text"}));
  const std::string text = testing::internal::GetCapturedStderr();
  ASSERT_TRUE(ran.ok()) << ran.error().message();
  EXPECT_EQ(*ran, 128 + SIGSEGV);
  EXPECT_NE(text.find("SIGSEGV"), std::string::npos) << text;
}

// A name in the temporary folder for something that exists; gone with the object.
class Link {
 public:
  Link(std::string_view name, const std::string& target)
      : path_(StrCat(testing::TempDir(), "summon-", getpid(), "-", name)) {
    EXPECT_EQ(symlink(target.c_str(), path_.c_str()), 0) << path_;
  }
  ~Link() { (void)unlink(path_.c_str()); }
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

TEST(Foreground, AnImageWhoseNameSaysNothingRunsAsWhatItIs) {
  const Link link("plain", StrCat(SUMMON_GUESTS, "/hello.spt"));
  ForegroundOptions options = Options("");
  options.image = link.path();
  testing::internal::CaptureStdout();
  const Result<int> ran = RunForeground(options);
  const std::string text = testing::internal::GetCapturedStdout();
  ASSERT_TRUE(ran.ok()) << ran.error().message();
  EXPECT_EQ(*ran, 0);
  EXPECT_NE(text.find("Hello from Summon"), std::string::npos);
}

TEST(Foreground, AnImageWhoseNameIsWrongIsRejectedByItsPath) {
  const Link link("wrong.spt", StrCat(SUMMON_GUESTS, "/hello.hvt"));
  ForegroundOptions options = Options("");
  options.image = link.path();
  const Result<int> ran = RunForeground(options);
  ASSERT_FALSE(ran.ok());
  EXPECT_EQ(ran.error().code(), ErrorCode::kInvalid);
  EXPECT_EQ(ran.error().message().find(link.path()), 0u) << ran.error().message();
  EXPECT_NE(ran.error().message().find("use the kvm launcher"), std::string::npos);
}

// Each start of a monitor is a good part of what a short run takes.
TEST(Foreground, ANameThatSaysTheKindNeedsOneMonitorOnly) {
  char folder[] = "/tmp/summon-monitors-XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  const std::string counter = StrCat(folder, "/starts");
  const std::string program = StrCat(folder, "/summon-spt");
  const std::string script = StrCat("#!/bin/sh\necho started >> ", counter, "\nexec ",
                                    SUMMON_PROGRAMS, "/summon-spt \"$@\"\n");
  std::ofstream(program) << script;
  ASSERT_EQ(chmod(program.c_str(), 0755), 0);
  ForegroundOptions options = Options("hello.spt");
  options.monitor_dir = folder;
  const Result<int> ran = RunForeground(options);
  std::ifstream starts(counter);
  const std::string counted{std::istreambuf_iterator<char>(starts), {}};
  std::filesystem::remove_all(folder);
  ASSERT_TRUE(ran.ok()) << ran.error().message();
  EXPECT_EQ(counted, "started\n");
}

TEST(Foreground, AMissingImageIsAnError) {
  const Result<int> ran = RunForeground(Options("no-such.spt"));
  ASSERT_FALSE(ran.ok());
  EXPECT_EQ(ran.error().code(), ErrorCode::kNotFound);
}

TEST(Foreground, AMistypedImageGetsASuggestion) {
  const Result<int> ran = RunForeground(Options("helo.spt"));
  ASSERT_FALSE(ran.ok());
  EXPECT_NE(ran.error().message().find("did you mean"), std::string::npos);
  EXPECT_NE(ran.error().message().find("hello.spt"), std::string::npos) << ran.error().message();
}

TEST(Foreground, ADirectoryIsNoImage) {
  ForegroundOptions options = Options("");
  options.image = "/tmp";
  const Result<int> ran = RunForeground(options);
  ASSERT_FALSE(ran.ok());
  EXPECT_EQ(ran.error().message(), "/tmp is a directory; must be an image");
}

TEST(Foreground, AnImageForTheOtherLauncherSaysWhichOneItNeeds) {
  ForegroundOptions options = Options("hello.hvt");
  options.kind = Kind::kProcess;
  const Result<int> ran = RunForeground(options);
  ASSERT_FALSE(ran.ok());
  EXPECT_NE(ran.error().message().find("use the kvm launcher"), std::string::npos)
      << ran.error().message();
}

TEST(Foreground, ANodeThatIsNotKvmSendsToTheDoctor) {
  ForegroundOptions options = Options("hello.hvt");
  options.kvm_path = "/dev/null";
  const Result<int> ran = RunForeground(options);
  ASSERT_FALSE(ran.ok());
  EXPECT_NE(ran.error().message().find("summon doctor"), std::string::npos)
      << ran.error().message();
}

TEST(Foreground, ACoreOfAProcessIsRefused) {
  ForegroundOptions options = Options("hello.spt");
  options.core_directory = testing::TempDir();
  const Result<int> ran = RunForeground(options);
  ASSERT_FALSE(ran.ok());
  EXPECT_NE(ran.error().message().find("built for hvt"), std::string::npos);
}

TEST(Foreground, WhatIsNoImageIsAnErrorBeforeAnythingRuns) {
  ForegroundOptions options = Options("");
  options.image = "/proc/self/exe";
  const Result<int> ran = RunForeground(options);
  ASSERT_FALSE(ran.ok());
  EXPECT_EQ(ran.error().code(), ErrorCode::kInvalid);
}

TEST(Foreground, AMissingDeviceIsNamed) {
  const Result<int> ran = RunForeground(Options("disk.spt"));
  ASSERT_FALSE(ran.ok());
  EXPECT_NE(ran.error().message().find("storage"), std::string::npos) << ran.error().message();
}

TEST(Foreground, ABlockDeviceByNumberWorks) {
  const std::string path = StrCat(testing::TempDir(), "summon-disk-", getpid());
  const UniqueFd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(ftruncate(file.get(), 1 << 20), 0);
  ForegroundOptions options = Options("disk.spt");
  options.blocks.push_back(ForegroundBlock{"storage", StrCat("@", file.get()), 512});
  testing::internal::CaptureStdout();
  const Result<int> ran = RunForeground(options);
  const std::string text = testing::internal::GetCapturedStdout();
  (void)unlink(path.c_str());
  ASSERT_TRUE(ran.ok()) << ran.error().message();
  EXPECT_EQ(*ran, 0) << text;
  EXPECT_NE(text.find("SUCCESS"), std::string::npos);
}

TEST(Foreground, ADescriptorThatIsNoTapIsAnError) {
  ForegroundOptions options = Options("echo.spt");
  options.nets.push_back(ForegroundNet{"service", "@0", {}});
  const Result<int> ran = RunForeground(options);
  ASSERT_FALSE(ran.ok());
  EXPECT_NE(ran.error().message().find("@0"), std::string::npos);
}

TEST(Foreground, AnInterfaceThatIsNotThereIsAnErrorThatSaysHowToMakeIt) {
  ForegroundOptions options = Options("echo.spt");
  options.nets.push_back(ForegroundNet{"service", "no-such-tap", {}});
  const Result<int> ran = RunForeground(options);
  ASSERT_FALSE(ran.ok());
  EXPECT_NE(ran.error().message().find("ip tuntap add"), std::string::npos);
}

}  // namespace
}  // namespace summon::launcher
