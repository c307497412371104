// SPDX-License-Identifier: Apache-2.0
// summon-spt as a launcher sees it: the real program, real system calls, tiny guests.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "base/strings.h"
#include "base/unique_fd.h"
#include "tests/hypervisor/spt_guests.h"
#include "tests/hypervisor/spt_harness.h"
#include "tests/hypervisor/tiny_image.h"

namespace summon::hypervisor {
namespace {

using Image = std::vector<std::uint8_t>;

Image ImageOf(std::vector<std::uint8_t> code, std::vector<TinyDevice> devices = {}) {
  return BuildTinyImage(
      {.target = Target::kSpt, .code = std::move(code), .devices = std::move(devices)});
}

const TinyDevice kService = {"service", DeviceType::kNet};
const TinyDevice kStorage = {"storage", DeviceType::kBlock};
constexpr std::uint64_t kStorageCapacity = 2048;  // four sectors

// A stand-in for a tap: whole frames both ways. `far` is the network's side.
struct FakeTap {
  UniqueFd guest;
  UniqueFd far;
};

FakeTap MakeTap() {
  int fds[2];
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

UniqueFd MakeStorage() {
  UniqueFd file(memfd_create("storage", MFD_CLOEXEC));
  EXPECT_EQ(ftruncate(file.get(), static_cast<off_t>(kStorageCapacity)), 0);
  EXPECT_EQ(pwrite(file.get(), "disk!", 5, 512), 5);
  return file;
}

std::string BootInfoOf(const UniqueFd& storage) {
  char bytes[8] = {};
  EXPECT_EQ(pread(storage.get(), bytes, sizeof bytes, 512), 8);
  return std::string(bytes, sizeof bytes);
}

// An Ethernet frame with an IPv4 UDP datagram of 8 bytes: echoed, it is an answer.
std::string UdpFrame() {
  std::string frame(14 + 20 + 8, '\0');
  frame[12] = 8;
  frame[14] = 0x45;
  frame[17] = 28;
  frame[14 + 9] = 17;
  return frame;
}

std::string ArpFrame() {
  std::string frame(42, '\0');
  frame[12] = 8;
  frame[13] = 6;
  return frame;
}

// Runs a guest without devices to its end.
SptExit RunToEnd(std::vector<std::uint8_t> code) {
  SptProcess process;
  process.Send(SptProcess::Job(), ImageOf(std::move(code)));
  return process.Wait();
}

// Runs a guest with a block device to its end.
SptExit RunWithStorage(std::vector<std::uint8_t> code, const UniqueFd& storage,
                       std::uint32_t read_only) {
  SptProcess process;
  JobFrame job = SptProcess::Job();
  SptProcess::AddBlock(job, "storage", kStorageCapacity);
  job.devices[0].read_only = read_only;
  process.Send(job, ImageOf(std::move(code), {kStorage}), {storage.get()});
  return process.Wait();
}

TEST(Spt, ExitStatusOfTheGuestIsThatOfTheProcess) {
  EXPECT_EQ(RunToEnd(GuestExit42()).status, 42);
}

TEST(Spt, StagesAreReportedBeforeTheGuestRuns) {
  SptProcess process;
  process.Send(SptProcess::Job(), ImageOf(GuestExit42()));
  EXPECT_EQ(process.NextStage(), Stage::kAssigned);
  EXPECT_EQ(process.NextStage(), Stage::kLoaded);
  EXPECT_EQ(process.NextStage(), Stage::kRunning);
  EXPECT_FALSE(process.NextReport().has_value());
}

TEST(Spt, ConsoleIsDescriptorOne) {
  SptProcess process;
  process.Send(SptProcess::Job(), ImageOf(GuestPrint()));
  EXPECT_EQ(process.Wait().status, 0);
  EXPECT_EQ(process.Console(), "hello\n");
}

TEST(Spt, CommandLineReachesTheGuest) {
  SptProcess process;
  JobFrame job = SptProcess::Job();
  strcpy(job.command_line, "--ipv4=10.0.0.2/24");
  process.Send(job, ImageOf(GuestPrintCommand()));
  EXPECT_EQ(process.Wait().status, 0);
  EXPECT_EQ(process.Console(), "--ipv");
}

TEST(Spt, WallClockIsThere) { EXPECT_EQ(RunToEnd(GuestWallClock()).status, 7); }

TEST(Spt, FirstPollIsReadyAndTheTimerWakesIt) {
  SptProcess process;
  process.Send(SptProcess::Job(), ImageOf(GuestSleep()));
  (void)process.NextStage();
  (void)process.NextStage();
  EXPECT_EQ(process.NextStage(), Stage::kRunning);
  EXPECT_EQ(process.NextStage(), Stage::kReady);
  EXPECT_EQ(process.Wait().status, 1);
}

TEST(Spt, FramesPassAndTheLaterStagesAreReported) {
  SptProcess process;
  const FakeTap tap = MakeTap();
  JobFrame job = SptProcess::Job();
  SptProcess::AddNet(job, "service");
  process.Send(job, ImageOf(GuestEcho(), {kService}), {tap.guest.get()});
  (void)process.NextStage();
  (void)process.NextStage();
  EXPECT_EQ(process.NextStage(), Stage::kRunning);
  EXPECT_EQ(process.NextStage(), Stage::kReady);
  const std::string arp = ArpFrame();
  EXPECT_EQ(write(tap.far.get(), arp.data(), arp.size()), static_cast<ssize_t>(arp.size()));
  EXPECT_EQ(process.NextStage(), Stage::kFirstPacketIn);
  const std::string udp = UdpFrame();
  EXPECT_EQ(write(tap.far.get(), udp.data(), udp.size()), static_cast<ssize_t>(udp.size()));
  EXPECT_EQ(process.NextStage(), Stage::kFirstByteOut);
  // The watch is off now: frames pass as before, and no further stage comes.
  const int flags = fcntl(tap.far.get(), F_GETFL);
  EXPECT_EQ(fcntl(tap.far.get(), F_SETFL, flags & ~O_NONBLOCK), 0);
  char frame[64];
  EXPECT_EQ(read(tap.far.get(), frame, sizeof frame), static_cast<ssize_t>(arp.size()));
  EXPECT_EQ(read(tap.far.get(), frame, sizeof frame), static_cast<ssize_t>(udp.size()));
  EXPECT_EQ(write(tap.far.get(), udp.data(), udp.size()), static_cast<ssize_t>(udp.size()));
  EXPECT_EQ(read(tap.far.get(), frame, sizeof frame), static_cast<ssize_t>(udp.size()));
}

TEST(Spt, FrameThatWaitedInTheTapIsReadAfterTheBoot) {
  SptProcess process;
  const FakeTap tap = MakeTap();
  const std::string udp = UdpFrame();
  EXPECT_EQ(write(tap.far.get(), udp.data(), udp.size()), static_cast<ssize_t>(udp.size()));
  JobFrame job = SptProcess::Job();
  SptProcess::AddNet(job, "service");
  process.Send(job, ImageOf(GuestEcho(), {kService}), {tap.guest.get()});
  for (int i = 0; i < 5; ++i) (void)process.NextStage();
  EXPECT_EQ(process.NextStage(), Stage::kFirstByteOut);
}

TEST(Spt, KernelWithoutDispatchReportsReadyBeforeTheJumpAndNoMore) {
  SptProcess process({}, SptKernel::kWithoutDispatch);
  const FakeTap tap = MakeTap();
  const std::string udp = UdpFrame();
  EXPECT_EQ(write(tap.far.get(), udp.data(), udp.size()), static_cast<ssize_t>(udp.size()));
  JobFrame job = SptProcess::Job();
  SptProcess::AddNet(job, "service");
  process.Send(job, ImageOf(GuestEcho(), {kService}), {tap.guest.get()});
  (void)process.NextStage();
  (void)process.NextStage();
  EXPECT_EQ(process.NextStage(), Stage::kRunning);
  EXPECT_EQ(process.NextStage(), Stage::kReady);
  const int flags = fcntl(tap.far.get(), F_GETFL);
  EXPECT_EQ(fcntl(tap.far.get(), F_SETFL, flags & ~O_NONBLOCK), 0);
  char frame[64];
  EXPECT_EQ(read(tap.far.get(), frame, sizeof frame), static_cast<ssize_t>(udp.size()));
  EXPECT_EQ(kill(process.pid(), SIGKILL), 0);
  EXPECT_FALSE(process.NextReport().has_value());
}

TEST(Spt, PausedGuestGoesOnWhereItWas) {
  SptProcess process;
  const FakeTap tap = MakeTap();
  JobFrame job = SptProcess::Job();
  SptProcess::AddNet(job, "service");
  process.Send(job, ImageOf(GuestEcho(), {kService}), {tap.guest.get()});
  for (int i = 0; i < 4; ++i) (void)process.NextStage();
  ASSERT_EQ(kill(process.pid(), SIGSTOP), 0);
  const std::string udp = UdpFrame();
  EXPECT_EQ(write(tap.far.get(), udp.data(), udp.size()), static_cast<ssize_t>(udp.size()));
  ASSERT_EQ(kill(process.pid(), SIGCONT), 0);
  EXPECT_EQ(process.NextStage(), Stage::kFirstPacketIn);
  EXPECT_EQ(process.NextStage(), Stage::kFirstByteOut);
}

TEST(Spt, ForbiddenCallEndsTheProcessWithSigsys) {
  EXPECT_EQ(RunToEnd(GuestGetpid()).signal, SIGSYS);
}

TEST(Spt, OnlyWholeReportsPassOnTheControlSocket) {
  EXPECT_EQ(RunToEnd(GuestFloodControl()).signal, SIGSYS);
}

TEST(Spt, AddressZeroFaults) { EXPECT_EQ(RunToEnd(GuestReadZero()).signal, SIGSEGV); }

TEST(Spt, ThreadPointerIsClearedBeforeTheGuestRuns) {
  EXPECT_EQ(RunToEnd(GuestReadTls()).signal, SIGSEGV);
}

TEST(Spt, TextIsNotWritable) { EXPECT_EQ(RunToEnd(GuestWriteText()).signal, SIGSEGV); }

TEST(Spt, BootAreaIsNotWritable) { EXPECT_EQ(RunToEnd(GuestWriteBootInfo()).signal, SIGSEGV); }

TEST(Spt, StackIsNotExecutable) { EXPECT_EQ(RunToEnd(GuestRunStack()).signal, SIGSEGV); }

TEST(Spt, SectorIsRead) {
  SptProcess process;
  const UniqueFd storage = MakeStorage();
  JobFrame job = SptProcess::Job();
  SptProcess::AddBlock(job, "storage", kStorageCapacity);
  process.Send(job, ImageOf(GuestReadSector(), {kStorage}), {storage.get()});
  EXPECT_EQ(process.Wait().status, 0);
  EXPECT_EQ(process.Console(), "disk!");
}

TEST(Spt, SectorIsWritten) {
  const UniqueFd storage = MakeStorage();
  EXPECT_EQ(RunWithStorage(GuestWriteSector(), storage, 0).status, 0);
  // The guest writes its boot information, which begins with its memory's size: 4 MiB.
  EXPECT_EQ(BootInfoOf(storage), std::string("\0\0\x40\0\0\0\0\0", 8));
}

TEST(Spt, WriteToReadOnlyDeviceAnswersInvalidAndChangesNothing) {
  const UniqueFd storage = MakeStorage();
  EXPECT_EQ(RunWithStorage(GuestWriteSector(), storage, 1).status, EINVAL);
  EXPECT_EQ(BootInfoOf(storage), std::string("disk!\0\0\0", 8));
}

TEST(Spt, WritePastTheEndOfADeviceEndsTheProcess) {
  const UniqueFd storage = MakeStorage();
  EXPECT_EQ(RunWithStorage(GuestWritePastEnd(), storage, 0).signal, SIGSYS);
  EXPECT_EQ(lseek(storage.get(), 0, SEEK_END), static_cast<off_t>(kStorageCapacity));
}

TEST(Spt, TransferOfMoreThanASectorEndsTheProcess) {
  const UniqueFd storage = MakeStorage();
  EXPECT_EQ(RunWithStorage(GuestWriteTwoSectors(), storage, 0).signal, SIGSYS);
}

TEST(Spt, SixtyThreeDevicesAttach) {
  SptProcess process;
  const UniqueFd storage = MakeStorage();
  JobFrame job = SptProcess::Job();
  std::vector<TinyDevice> devices;
  std::vector<int> fds;
  for (std::size_t i = 0; i < kDevicesMax; ++i) {
    const std::string name = StrCat("disk", i);
    devices.push_back({name, DeviceType::kBlock});
    SptProcess::AddBlock(job, name.c_str(), kStorageCapacity);
    fds.push_back(storage.get());
  }
  process.Send(job, ImageOf(GuestExit42(), devices), fds);
  EXPECT_EQ(process.Wait().status, 42);
}

TEST(Spt, SpinningGuestEndsWithItsLauncher) {
  SptProcess process;
  process.Send(SptProcess::Job(), ImageOf(GuestSpin()));
  for (int i = 0; i < 3; ++i) (void)process.NextStage();
  process.HangUp();
  EXPECT_EQ(process.Wait().signal, SIGKILL);
}

TEST(Spt, WaitingGuestEndsWithItsLauncher) {
  SptProcess process;
  const FakeTap tap = MakeTap();
  JobFrame job = SptProcess::Job();
  SptProcess::AddNet(job, "service");
  process.Send(job, ImageOf(GuestEcho(), {kService}), {tap.guest.get()});
  for (int i = 0; i < 4; ++i) (void)process.NextStage();
  process.HangUp();
  EXPECT_EQ(process.Wait().signal, SIGKILL);
}

TEST(Spt, LauncherThatGoesBeforeTheJobIsNoFault) {
  SptProcess process;
  process.HangUp();
  EXPECT_EQ(process.Wait().status, 0);
}

TEST(Spt, RunningGuestHasOnlyItsDescriptors) {
  if (geteuid() != 0) GTEST_SKIP() << "must be root to look into a process that is not dumpable";
  SptProcess process;
  process.Send(SptProcess::Job(), ImageOf(GuestSpin()));
  for (int i = 0; i < 3; ++i) (void)process.NextStage();
  const std::filesystem::directory_iterator open(StrCat("/proc/", process.pid(), "/fd"));
  // Console, control socket, epoll set and timer.
  EXPECT_EQ(std::distance(begin(open), end(open)), 4);
}

TEST(Spt, RunningGuestHasNoPrivileges) {
  SptProcess process;
  process.Send(SptProcess::Job(), ImageOf(GuestSpin()));
  for (int i = 0; i < 3; ++i) (void)process.NextStage();
  std::ifstream status(StrCat("/proc/", process.pid(), "/status"));
  const std::string text{std::istreambuf_iterator<char>(status), {}};
  EXPECT_NE(text.find("NoNewPrivs:\t1"), std::string::npos);
  EXPECT_NE(text.find("CapEff:\t0000000000000000"), std::string::npos);
  EXPECT_NE(text.find("CapPrm:\t0000000000000000"), std::string::npos);
}

TEST(Spt, UserIsDroppedWhenRoot) {
  if (geteuid() != 0) GTEST_SKIP() << "must be root to become another user";
  SptProcess process({"--uid=61234"});
  process.Send(SptProcess::Job(), ImageOf(GuestSpin()));
  for (int i = 0; i < 3; ++i) (void)process.NextStage();
  std::ifstream status(StrCat("/proc/", process.pid(), "/status"));
  const std::string text{std::istreambuf_iterator<char>(status), {}};
  EXPECT_NE(text.find("Uid:\t61234\t61234\t61234\t61234"), std::string::npos);
  EXPECT_NE(text.find("Gid:\t61234\t61234\t61234\t61234"), std::string::npos);
}

TEST(Spt, CheckOnlyAcceptsAGoodImageWithoutRunningIt) {
  SptProcess process;
  JobFrame job = SptProcess::Job();
  job.flags = kJobCheckOnly;
  process.Send(job, ImageOf(GuestExit42()));
  EXPECT_EQ(process.NextStage(), Stage::kAssigned);
  const auto report = process.NextReport();
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->kind, ReportKind::kEnd);
  EXPECT_EQ(report->reason, EndReason::kHalted);
  EXPECT_EQ(report->exit_status, 0);
  EXPECT_EQ(process.Wait().status, 0);
}

TEST(Spt, ImageForAnotherTargetIsRejectedWithAHint) {
  SptProcess process;
  process.Send(SptProcess::Job(), BuildTinyImage(TinyImage{}));  // hvt
  EXPECT_EQ(process.NextStage(), Stage::kAssigned);
  const auto report = process.NextReport();
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->reason, EndReason::kImageRejected);
  EXPECT_STREQ(report->detail,
               "the image is built for hvt (target 1); this launcher needs spt; use the kvm "
               "launcher");
  EXPECT_EQ(process.Wait().status, 1);
}

TEST(Spt, DeviceThatIsNotConfiguredIsNamed) {
  SptProcess process;
  process.Send(SptProcess::Job(), ImageOf(GuestExit42(), {kService}));
  EXPECT_EQ(process.NextStage(), Stage::kAssigned);
  const auto report = process.NextReport();
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->reason, EndReason::kImageRejected);
  EXPECT_STREQ(report->detail,
               "net device \"service\" is not configured; the image declares net \"service\"");
}

TEST(Spt, JobOfAWrongSizeIsInvalid) {
  SptProcess process;
  process.SendBytes({1, 2, 3});
  const auto report = process.NextReport();
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->reason, EndReason::kJobInvalid);
  EXPECT_EQ(process.Wait().status, 1);
}

TEST(Spt, UnknownArgumentIsAUsageError) {
  SptProcess process({"--uid=abc"});
  EXPECT_EQ(process.Wait().status, 64);
}

}  // namespace
}  // namespace summon::hypervisor
