// SPDX-License-Identifier: Apache-2.0
// Runs summon-monitor; see the header.
#include "tests/hypervisor/monitor_harness.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "base/check.h"
#include "base/seqpacket.h"
#include "base/strings.h"
#include "hypervisor/control/packed_job.h"

namespace summon::hypervisor {
namespace {

constexpr int kKvmFd = 4;
constexpr int kOutOfTheWay = 64;

UniqueFd MakeImageFile(const std::vector<std::uint8_t>& image) {
  UniqueFd file(memfd_create("image", MFD_CLOEXEC));
  SUMMON_CHECK(file.valid());
  SUMMON_CHECK(write(file.get(), image.data(), image.size()) ==
               static_cast<ssize_t>(image.size()));
  return file;
}

UniqueFd OpenKvm() { return UniqueFd(open("/dev/kvm", O_RDWR | O_CLOEXEC)); }

bool WaitReadable(int fd) {
  pollfd wanted = {fd, POLLIN, 0};
  return poll(&wanted, 1, MonitorProcess::kPatienceMs) == 1;
}

JobDevice& AddDevice(JobFrame& frame, const char* name) {
  JobDevice& device = frame.devices[frame.device_count++];
  strncpy(device.name, name, sizeof device.name - 1);
  return device;
}

}  // namespace

Assembler& Assembler::Raw(std::initializer_list<std::uint8_t> bytes) {
  code_.insert(code_.end(), bytes);
  return *this;
}

Assembler& Assembler::Word(std::uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) {
    code_.push_back(static_cast<std::uint8_t>(value >> shift));
  }
  return *this;
}

Assembler& Assembler::Store32(std::uint32_t address, std::uint32_t value) {
  return Raw({0xc7, 0x04, 0x25}).Word(address).Word(value);
}

Assembler& Assembler::Store64(std::uint32_t address, std::uint64_t value) {
  return Store32(address, static_cast<std::uint32_t>(value))
      .Store32(address + 4, static_cast<std::uint32_t>(value >> 32));
}

Assembler& Assembler::Out(std::uint16_t port, std::uint32_t value) {
  return Raw({0xb8}).Word(value).Raw({0xba}).Word(port).Raw({0xef});
}

Assembler& Assembler::Call(Hypercall number, std::uint32_t argument) {
  return Out(static_cast<std::uint16_t>(kHypercallPortBase + static_cast<unsigned>(number)),
             argument);
}

Assembler& Assembler::Load(std::uint32_t address) {
  return Raw({0x8b, 0x04, 0x25}).Word(address);
}

Assembler& Assembler::HaltWithLoaded() {
  constexpr std::uint32_t kStructure = kTinyData + kTinyDataMemorySize - 16;
  Store64(kStructure, 0);
  return Raw({0x89, 0x04, 0x25}).Word(kStructure + 8).Call(Hypercall::kHalt, kStructure);
}

Assembler& Assembler::Halt(std::uint32_t status) {
  constexpr std::uint32_t kStructure = kTinyData + kTinyDataMemorySize - 16;
  return Store64(kStructure, 0).Store32(kStructure + 8, status).Call(Hypercall::kHalt, kStructure);
}

Assembler& Assembler::Puts(const std::string& text) {
  constexpr std::uint32_t kStructure = kTinyData + 0x100;
  constexpr std::uint32_t kText = kTinyData + 0x200;
  for (std::size_t i = 0; i < text.size(); i += 4) {
    std::uint32_t word = 0;
    memcpy(&word, text.data() + i, std::min<std::size_t>(4, text.size() - i));
    Store32(kText + static_cast<std::uint32_t>(i), word);
  }
  return Store64(kStructure, kText).Store64(kStructure + 8, text.size())
      .Call(Hypercall::kPuts, kStructure);
}

MonitorProcess::MonitorProcess(Kvm kvm, std::vector<std::string> arguments) : kvm_(kvm) {
  auto pair = SeqpacketPair(Blocking::kYes);
  SUMMON_CHECK(pair.ok());
  int console[2];
  SUMMON_CHECK(pipe2(console, O_CLOEXEC | O_NONBLOCK) == 0);
  control_ = std::move(pair->first);
  console_read_ = UniqueFd(console[0]);
  console_write_ = UniqueFd(console[1]);
  UniqueFd kvm_fd;
  if (kvm == Kvm::kBefore) {
    kvm_fd = OpenKvm();
    arguments.push_back(StrCat("--kvm-fd=", kKvmFd));
  }
  std::vector<char*> argv = {const_cast<char*>("summon-monitor")};
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const UniqueFd control(fcntl(pair->second.get(), F_DUPFD_CLOEXEC, kOutOfTheWay));
  UniqueFd kvm_high;
  if (kvm_fd.valid()) kvm_high = UniqueFd(fcntl(kvm_fd.get(), F_DUPFD_CLOEXEC, kOutOfTheWay));
  pid_ = fork();
  SUMMON_CHECK(pid_ >= 0);
  if (pid_ == 0) {
    if (dup2(control.get(), kControlFd) < 0) _exit(125);
    if (kvm_high.valid() && dup2(kvm_high.get(), kKvmFd) < 0) _exit(125);
    // policy_use_test puts a recorder of system calls in between.
    if (const char* recorder = getenv("SUMMON_RECORDER")) {
      argv[0] = const_cast<char*>(SUMMON_MONITOR_PATH);
      argv.insert(argv.begin(), const_cast<char*>(recorder));
      execv(recorder, argv.data());
    }
    execv(SUMMON_MONITOR_PATH, argv.data());
    _exit(126);
  }
}

MonitorProcess::~MonitorProcess() {
  if (pid_ < 0) return;
  (void)kill(pid_, SIGKILL);
  (void)waitpid(pid_, nullptr, 0);
}

JobFrame MonitorProcess::Job(const std::string& command_line) {
  JobFrame frame = {};
  frame.magic = kProtocolMagic;
  frame.version = kProtocolVersion;
  frame.memory_bytes = 4u << 20;
  strncpy(frame.command_line, command_line.c_str(), sizeof frame.command_line - 1);
  return frame;
}

void MonitorProcess::AddNet(JobFrame& frame, const char* name) {
  JobDevice& device = AddDevice(frame, name);
  device.type = DeviceType::kNet;
  device.mac[0] = 2;
  device.mtu = 1500;
  device.frame_check = FrameCheck::kMac;
}

void MonitorProcess::AddBlock(JobFrame& frame, const char* name, std::uint64_t capacity) {
  JobDevice& device = AddDevice(frame, name);
  device.type = DeviceType::kBlock;
  device.sector_size = 512;
  device.capacity = capacity;
}

void MonitorProcess::Send(JobFrame frame, const std::vector<std::uint8_t>& image,
                          const std::vector<int>& devices) {
  const UniqueFd file = MakeImageFile(image);
  std::vector<int> fds = {file.get(), console_write_.get()};
  UniqueFd kvm;
  if (kvm_ == Kvm::kWithJob) {
    kvm = OpenKvm();
    frame.flags |= kJobHasKvm;
    fds.push_back(kvm.get());
  }
  fds.insert(fds.end(), devices.begin(), devices.end());
  SUMMON_CHECK(SendPacket(control_.get(), PackJob(frame), fds).ok());
}

void MonitorProcess::SendWith(const JobFrame& frame, int image, const std::vector<int>& others) {
  std::vector<int> fds = {image, console_write_.get()};
  fds.insert(fds.end(), others.begin(), others.end());
  SUMMON_CHECK(SendPacket(control_.get(), PackJob(frame), fds).ok());
}

void MonitorProcess::Order(OrderKind kind, std::uint64_t number) {
  const OrderFrame order{kProtocolMagic, kProtocolVersion, kind, 0, number};
  // SAFETY: a trivially copyable frame, seen as bytes.
  const Bytes bytes(reinterpret_cast<const std::uint8_t*>(&order), sizeof order);
  SUMMON_CHECK(SendPacket(control_.get(), bytes).ok());
}

bool MonitorProcess::AwaitPrepared() {
  const auto report = NextReport();
  return report && report->kind == ReportKind::kPrepared;
}

void MonitorProcess::SendBytes(const std::vector<std::uint8_t>& bytes) {
  SUMMON_CHECK(SendPacket(control_.get(), bytes).ok());
}

std::optional<ReportFrame> MonitorProcess::NextReport() {
  if (received_.empty()) {
    if (!WaitReadable(control_.get())) return std::nullopt;
    auto packet = ReceivePacket(control_.get(), kReportPacketBytesMax);
    if (!packet.ok() || !packet->has_value()) return std::nullopt;
    if ((**packet).bytes.size() % sizeof(ReportFrame) != 0) return std::nullopt;
    ByteReader reports((**packet).bytes);
    while (reports.remaining() > 0) received_.push_back(*reports.Read<ReportFrame>());
  }
  const ReportFrame report = received_.front();
  received_.pop_front();
  return report;
}

std::optional<ReportFrame> MonitorProcess::End() {
  for (;;) {
    const auto report = NextReport();
    if (!report || report->kind == ReportKind::kEnd) return report;
    if (report->kind == ReportKind::kStage) stages_.push_back(report->stage);
  }
}

std::optional<int> MonitorProcess::Wait() {
  const UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
  if (!WaitReadable(pidfd.get())) return std::nullopt;
  int status = 0;
  if (waitpid(pid_, &status, 0) != pid_) return std::nullopt;
  pid_ = -1;
  return status;
}

std::string MonitorProcess::Console() {
  std::string text;
  char buffer[4096];
  for (;;) {
    const ssize_t size = read(console_read_.get(), buffer, sizeof buffer);
    if (size <= 0) return text;
    text.append(buffer, static_cast<std::size_t>(size));
  }
}

std::optional<std::string> WhyNoKvm() {
  if (OpenKvm().valid()) return std::nullopt;
  return StrCat("no usable /dev/kvm: ", strerror(errno));
}

std::vector<std::uint8_t> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  SUMMON_CHECK(file.good());
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace summon::hypervisor
