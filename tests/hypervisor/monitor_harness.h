// SPDX-License-Identifier: Apache-2.0
#pragma once
// Starts the real summon-monitor with a job, as a launcher does, and collects what it says; and a
// few bytes' worth of assembler for guests too hostile for a compiler.

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "hypervisor/abi/hypercall.h"
#include "hypervisor/control/protocol.h"
#include "tests/hypervisor/tiny_image.h"

namespace summon::hypervisor {

// Machine code, one instruction a call.
class Assembler final {
 public:
  Assembler& Raw(std::initializer_list<std::uint8_t> bytes);
  // mov dword [address], value; the address is below 2 GiB.
  Assembler& Store32(std::uint32_t address, std::uint32_t value);
  Assembler& Store64(std::uint32_t address, std::uint64_t value);
  // Hypercall `number` with the structure at `argument`.
  Assembler& Call(Hypercall number, std::uint32_t argument);
  // A 32-bit out of `value` to `port`.
  Assembler& Out(std::uint16_t port, std::uint32_t value);
  // mov eax, [address]
  Assembler& Load(std::uint32_t address);
  // HALT with what is in EAX.
  Assembler& HaltWithLoaded();
  // HALT with `status`; its structure goes to the last bytes of the tiny image's data.
  Assembler& Halt(std::uint32_t status);
  // Prints `text`, which is stored from kTinyData + 0x200 on.
  Assembler& Puts(const std::string& text);

  std::vector<std::uint8_t> code() const { return code_; }

 private:
  Assembler& Word(std::uint32_t value);

  std::vector<std::uint8_t> code_;
};

class MonitorProcess final {
 public:
  // Where the machine is made: before the job, from descriptor 4, as a pool does it; or with it.
  enum class Kvm { kBefore, kWithJob, kNone };

  MonitorProcess(Kvm kvm, std::vector<std::string> arguments);
  ~MonitorProcess();  // kills and reaps it
  MonitorProcess(const MonitorProcess&) = delete;
  MonitorProcess& operator=(const MonitorProcess&) = delete;

  // Takes the report that the machine is made; false when it does not come.
  bool AwaitPrepared();
  // Sends an order to a monitor that has its job.
  void Order(OrderKind kind, std::uint64_t number = 0);

  // A job for an image without devices; 4 MiB of memory.
  static JobFrame Job(const std::string& command_line = "");
  static void AddNet(JobFrame& frame, const char* name);
  static void AddBlock(JobFrame& frame, const char* name, std::uint64_t capacity);

  // Sends the job; `devices` are borrowed, in the frame's order.
  void Send(JobFrame frame, const std::vector<std::uint8_t>& image,
            const std::vector<int>& devices = {});
  // The same with descriptors of the caller's: image, what the flags bring, devices; the console
  // is put in.
  void SendWith(const JobFrame& frame, int image, const std::vector<int>& others);
  // Sends raw bytes without descriptors.
  void SendBytes(const std::vector<std::uint8_t>& bytes);

  // The next report, or nothing when the process is gone (or silent for kPatienceMs).
  std::optional<ReportFrame> NextReport();
  // Reads reports to the end report; `stages()` then holds the stages before it.
  std::optional<ReportFrame> End();
  const std::vector<Stage>& stages() const { return stages_; }
  void HangUp() { control_.Reset(); }
  // The wait status once it has ended; nothing when it does not within kPatienceMs.
  std::optional<int> Wait();
  // What the guest printed until now.
  std::string Console();
  // Makes the console's pipe end where a reader has gone away.
  void CloseConsoleReader() { console_read_.Reset(); }
  int pid() const { return pid_; }

  static constexpr int kPatienceMs = 20'000;

 private:
  const Kvm kvm_;
  int pid_ = -1;
  UniqueFd control_;
  UniqueFd console_read_;
  UniqueFd console_write_;
  std::deque<ReportFrame> received_;  // and not taken yet
  std::vector<Stage> stages_;
};

// Whether tests can use KVM here; the reason when not.
std::optional<std::string> WhyNoKvm();

// The bytes of a file; aborts the test program when it cannot be read.
std::vector<std::uint8_t> ReadFile(const std::string& path);

}  // namespace summon::hypervisor
