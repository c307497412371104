// SPDX-License-Identifier: Apache-2.0
// Runs summon-spt; see the header.
#include "tests/hypervisor/spt_harness.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <iterator>

#include "base/check.h"
#include "base/seqpacket.h"
#include "hypervisor/control/packed_job.h"

namespace summon::hypervisor {
namespace {

UniqueFd MakeImageFile(const std::vector<std::uint8_t>& image) {
  UniqueFd file(memfd_create("image", MFD_CLOEXEC));
  SUMMON_CHECK(file.valid());
  SUMMON_CHECK(write(file.get(), image.data(), image.size()) ==
               static_cast<ssize_t>(image.size()));
  return file;
}

JobDevice& AddDevice(JobFrame& frame, const char* name) {
  JobDevice& device = frame.devices[frame.device_count++];
  strncpy(device.name, name, sizeof device.name - 1);
  return device;
}

bool WaitReadable(int fd, int patience_ms) {
  pollfd wanted = {fd, POLLIN, 0};
  return poll(&wanted, 1, patience_ms) == 1;
}

// Makes prctl(PR_SET_SYSCALL_USER_DISPATCH) answer EINVAL in this process and what it executes.
void TakeDispatchAway() {
  constexpr std::uint32_t kSetDispatch = 59;
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kSetDispatch, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program = {std::size(code), code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    _exit(124);
  }
}

}  // namespace

SptProcess::SptProcess(std::vector<std::string> arguments, SptKernel kernel) {
  auto pair = SeqpacketPair(Blocking::kNo);  // as the launcher does
  SUMMON_CHECK(pair.ok());
  int console[2];
  SUMMON_CHECK(pipe2(console, O_CLOEXEC | O_NONBLOCK) == 0);
  control_ = std::move(pair->first);
  console_read_ = UniqueFd(console[0]);
  console_write_ = UniqueFd(console[1]);
  std::vector<char*> argv = {const_cast<char*>("summon-spt")};
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_ = fork();
  SUMMON_CHECK(pid_ >= 0);
  if (pid_ == 0) {
    if (pair->second.get() == kControlFd) {
      (void)fcntl(kControlFd, F_SETFD, 0);
    } else if (dup2(pair->second.get(), kControlFd) < 0) {
      _exit(125);
    }
    if (kernel == SptKernel::kWithoutDispatch) TakeDispatchAway();
    // policy_use_test puts a recorder of system calls in between.
    if (const char* recorder = getenv("SUMMON_RECORDER")) {
      argv[0] = const_cast<char*>(SUMMON_SPT_PATH);
      argv.insert(argv.begin(), const_cast<char*>(recorder));
      execv(recorder, argv.data());
    }
    execv(SUMMON_SPT_PATH, argv.data());
    _exit(126);
  }
}

SptProcess::~SptProcess() {
  if (pid_ < 0) return;
  (void)kill(pid_, SIGKILL);
  (void)waitpid(pid_, nullptr, 0);
}

JobFrame SptProcess::Job() {
  JobFrame frame = {};
  frame.magic = kProtocolMagic;
  frame.version = kProtocolVersion;
  frame.memory_bytes = 4u << 20;
  return frame;
}

void SptProcess::AddNet(JobFrame& frame, const char* name) {
  JobDevice& device = AddDevice(frame, name);
  device.type = DeviceType::kNet;
  device.mac[0] = 2;
  device.mtu = 1500;
  device.frame_check = FrameCheck::kMac;
}

void SptProcess::AddBlock(JobFrame& frame, const char* name, std::uint64_t capacity) {
  JobDevice& device = AddDevice(frame, name);
  device.type = DeviceType::kBlock;
  device.sector_size = 512;
  device.capacity = capacity;
}

void SptProcess::Send(const JobFrame& frame, const std::vector<std::uint8_t>& image,
                      const std::vector<int>& devices) {
  const UniqueFd file = MakeImageFile(image);
  std::vector<int> fds = {file.get(), console_write_.get()};
  fds.insert(fds.end(), devices.begin(), devices.end());
  SUMMON_CHECK(SendPacket(control_.get(), PackJob(frame), fds).ok());
}

void SptProcess::SendBytes(const std::vector<std::uint8_t>& bytes) {
  SUMMON_CHECK(SendPacket(control_.get(), bytes).ok());
}

std::optional<ReportFrame> SptProcess::NextReport() {
  if (!WaitReadable(control_.get(), kPatienceMs)) return std::nullopt;
  auto packet = ReceivePacket(control_.get(), sizeof(ReportFrame));
  if (!packet.ok() || !packet->has_value()) return std::nullopt;
  if ((**packet).bytes.size() != sizeof(ReportFrame)) return std::nullopt;
  ReportFrame report;
  memcpy(&report, (**packet).bytes.data(), sizeof report);
  return report;
}

std::optional<Stage> SptProcess::NextStage() {
  const auto report = NextReport();
  if (!report || report->kind != ReportKind::kStage) return std::nullopt;
  return report->stage;
}

void SptProcess::HangUp() { control_.Reset(); }

SptExit SptProcess::Wait() {
  const UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
  SptExit end;
  if (!WaitReadable(pidfd.get(), kPatienceMs)) return end;
  int status = 0;
  SUMMON_CHECK(waitpid(pid_, &status, 0) == pid_);
  pid_ = -1;
  if (WIFEXITED(status)) end.status = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) end.signal = WTERMSIG(status);
  return end;
}

std::string SptProcess::Console() {
  char text[4096];
  const ssize_t count = read(console_read_.get(), text, sizeof text);
  return count > 0 ? std::string(text, static_cast<std::size_t>(count)) : std::string();
}

}  // namespace summon::hypervisor
