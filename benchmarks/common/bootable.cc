// SPDX-License-Identifier: Apache-2.0
// Laying out, booting and putting away.
#include "benchmarks/common/bootable.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "base/seqpacket.h"
#include "base/strings.h"

namespace summon::benchmarks {

using hypervisor::JobFrame;

namespace {

constexpr std::uint16_t kMtu = 1500;
constexpr std::size_t kFrameBytes = 60;  // the smallest of Ethernet

Result<UniqueFd> MemoryFile(const char* name) {
  UniqueFd file(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file.valid()) return ErrnoError("make memory file", errno);
  return file;
}

Status Seal(int file) {
  constexpr int kSeals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  if (fcntl(file, F_ADD_SEALS, kSeals) != 0) return ErrnoError("seal memory file", errno);
  return Ok();
}

std::unique_ptr<JobFrame> FrameOf(const BootableSpec& spec) {
  auto frame = std::make_unique<JobFrame>();
  frame->magic = hypervisor::kProtocolMagic;
  frame->version = hypervisor::kProtocolVersion;
  frame->memory_bytes = std::uint64_t{spec.memory_mib} << 20;
  std::strncpy(frame->command_line, spec.command_line.c_str(), sizeof frame->command_line - 1);
  if (spec.net.empty()) return frame;
  hypervisor::JobDevice& device = frame->devices[frame->device_count++];
  std::strncpy(device.name, spec.net.c_str(), sizeof device.name - 1);
  device.type = hypervisor::DeviceType::kNet;
  const std::uint8_t mac[] = {2, 0, 0, 0, 0, 1};  // locally administered
  std::memcpy(device.mac, mac, sizeof mac);
  device.mtu = kMtu;
  device.frame_check = hypervisor::FrameCheck::kMac;  // as on a tap without an address
  return frame;
}

// Of a job whose flags ask for no guest.
Status AwaitChecked(Monitor& monitor) {
  const hypervisor::ReportFrame end = SUMMON_TRY(monitor.Await(hypervisor::ReportKind::kEnd));
  if (end.reason == hypervisor::EndReason::kHalted) return Ok();
  return Error(ErrorCode::kInvalid,
               std::string(end.detail, strnlen(end.detail, sizeof end.detail)));
}

Result<UniqueFd> LayOut(Stable& stable, JobFrame frame, int image) {
  UniqueFd layout = SUMMON_TRY(MemoryFile("layout"));
  const auto monitor = SUMMON_TRY(Monitor::Start(stable, {.machine = Machine::kNone}));
  std::vector<int> fds = {image, layout.get()};
  std::vector<Cable> cables;
  for (std::size_t i = 0; i < frame.device_count; ++i) {
    cables.push_back(SUMMON_TRY(Cable::Make()));
    fds.push_back(cables.back().guest.get());
  }
  frame.flags = hypervisor::kJobLayOut;
  SUMMON_TRY(monitor->Give(frame, fds));
  SUMMON_TRY(AwaitChecked(*monitor));
  SUMMON_TRY(Seal(layout.get()));
  return layout;
}

}  // namespace

Result<Bootable> Prepare(Stable& stable, const BootableSpec& spec) {
  Bootable bootable{spec.kind, UniqueFd(open(spec.image.c_str(), O_RDONLY | O_CLOEXEC)),
                    FrameOf(spec)};
  if (!bootable.file.valid()) {
    return ErrnoError(StrCat("open ", spec.image, " (ninja guests makes it)"), errno);
  }
  if (spec.kind == launcher::Kind::kKvm) {
    bootable.file =
        SUMMON_TRY(LayOut(stable, *bootable.frame, bootable.file.get()).Wrap(spec.image));
    bootable.frame->flags = hypervisor::kJobLaidOut;
  }
  return bootable;
}

Result<Cable> Cable::Make() {
  auto [guest, ours] = SUMMON_TRY(SeqpacketPair(Blocking::kNo));
  return Cable{std::move(guest), std::move(ours)};
}

Status Cable::SendFrame() const {
  const std::uint8_t frame[kFrameBytes] = {};
  if (send(ours.get(), frame, sizeof frame, MSG_NOSIGNAL) == kFrameBytes) return Ok();
  return ErrnoError("send a frame to the guest", errno);
}

Result<Running> Boot(Stable& stable, const Bootable& bootable, const std::string& guest_mode,
                     Snapshots snapshots) {
  Running running{
      SUMMON_TRY(Cable::Make()), UniqueFd(),
      SUMMON_TRY(Monitor::Start(stable, {.kind = bootable.kind, .guest_mode = guest_mode}))};
  SUMMON_TRY(running.monitor->AwaitWaiting());
  JobFrame frame = *bootable.frame;
  std::vector<int> fds = {bootable.file.get()};
  if (snapshots == Snapshots::kPossible) {
    running.snapshot = SUMMON_TRY(MemoryFile("snapshot"));
    frame.flags |= hypervisor::kJobSnapshots;
    fds.push_back(running.snapshot.get());
  }
  if (frame.device_count > 0) fds.push_back(running.cable.guest.get());
  SUMMON_TRY(running.monitor->Give(frame, fds));
  SUMMON_TRY(running.monitor->AwaitStage(hypervisor::Stage::kReady));
  return running;
}

Result<UniqueFd> TakeSnapshot(Stable& stable, const Bootable& bootable,
                              const std::string& guest_mode) {
  Running running = SUMMON_TRY(Boot(stable, bootable, guest_mode, Snapshots::kPossible));
  SUMMON_TRY(running.monitor->Order(hypervisor::OrderKind::kTakeSnapshot));
  const auto end = SUMMON_TRY(running.monitor->Await(hypervisor::ReportKind::kEnd));
  if (end.reason != hypervisor::EndReason::kSnapshotTaken) {
    return Error(ErrorCode::kUnavailable,
                 StrCat("no snapshot was taken: ",
                        std::string(end.detail, strnlen(end.detail, sizeof end.detail))));
  }
  SUMMON_TRY(Seal(running.snapshot.get()));
  return std::move(running.snapshot);
}

}  // namespace summon::benchmarks
