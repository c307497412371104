// SPDX-License-Identifier: Apache-2.0
#pragma once
// The frames between whoever starts a monitor process and the monitor: the only header of the
// hypervisor that other rooms include.
//
// A monitor (summon-monitor for KVM, summon-spt for the process sandbox) is exec'd with one end
// of a SOCK_SEQPACKET pair as descriptor kControlFd. It prepares what it can, says so (kPrepared),
// and waits. It receives exactly one JobFrame, with descriptors; from then on it receives only
// OrderFrames, without descriptors, and sends ReportFrames: stages as they are reached, answers to
// orders, and one end report just before it exits. The starter trusts nothing in a report but its
// size: the monitor runs a hostile guest. A monitor whose starter closes its end is ended.
// Both sides are built from one source tree, so layouts are the host's own; kProtocolVersion
// catches a mixed installation.

#include <cstddef>
#include <cstdint>

namespace summon::hypervisor {

inline constexpr int kControlFd = 3;
inline constexpr std::uint32_t kProtocolMagic = 0x4e4d5553;  // "SUMN"
inline constexpr std::uint32_t kProtocolVersion = 3;

// How many namespaces a monitor is given to enter, as consecutive descriptors (--namespaces=).
inline constexpr int kNamespaces = 5;

// Solo5 manifest bounds: at most 63 devices, names of at most 67 characters.
inline constexpr std::size_t kDevicesMax = 63;
inline constexpr std::size_t kDeviceNameSize = 68;
inline constexpr std::size_t kCommandLineSize = 8192;  // with the NUL; Solo5 hvt ABI

enum class DeviceType : std::uint32_t { kBlock = 1, kNet = 2 };  // as in the Solo5 manifest

// What is checked of the frames that a guest sends (hypervisor/devices/frame_check.h).
enum class FrameCheck : std::uint32_t {
  kAddress = 1,  // the sender is the device's MAC and `ipv4`; IPv4 and ARP only
  kMac = 2,      // the sender is the device's MAC
  kOff = 3,      // nothing
};

struct JobDevice {
  char name[kDeviceNameSize];  // NUL terminated
  DeviceType type;
  std::uint8_t mac[6];         // net
  std::uint16_t mtu;           // net; bytes without the Ethernet header
  std::uint32_t sector_size;   // block; power of two >= 512
  std::uint32_t read_only;     // block; 1: writes answer EINVAL
  std::uint64_t capacity;      // block; bytes, a multiple of sector_size
  std::uint8_t ipv4[4];        // net; the service's own address, with FrameCheck::kAddress
  FrameCheck frame_check;      // net; there is no default: 0 is refused
};

// What a job wants, and with it which descriptors come. Descriptors have the order of these flags,
// after the image and the console, and before the devices' (tap, non-blocking, or block file, one
// for each of the first `device_count` devices).
enum JobFlags : std::uint32_t {
  // An open /dev/kvm.
  kJobHasKvm = 1u << 0,
  // Check the image against the job, then end: kHalted 0, or why not. No guest runs.
  kJobCheckOnly = 1u << 1,
  // Check the image, write it laid out as guest memory into this empty memory file, then end as
  // for kJobCheckOnly. summon-monitor only. The file is a *layout*; the starter seals it.
  kJobLayOut = 1u << 2,
  // The image descriptor is a sealed layout that was made for this same job (devices, memory,
  // command line). It is mapped, not copied. Brings no descriptor of its own.
  kJobLaidOut = 1u << 3,
  // Do not boot: go on from the snapshot in this file, which nobody changes. With kJobLaidOut. A
  // snapshot that does not fit ends with kSnapshotRejected, and nothing of the guest has run.
  kJobRestore = 1u << 4,
  // Get everything ready for the guest's next instruction, say kHeld, and wait for kGo.
  // Brings no descriptor of its own.
  kJobHold = 1u << 5,
  // The guest may be asked for a snapshot (kTakeSnapshot): it goes into this empty memory file.
  kJobSnapshots = 1u << 6,
  // A guest that ends by a fault or an abort leaves an ELF core in this empty file.
  kJobCoreFile = 1u << 7,
};

// Sent packed (packed_job.h).
struct JobFrame {
  std::uint32_t magic;
  std::uint32_t version;
  std::uint32_t flags;
  std::uint32_t device_count;
  std::uint64_t memory_bytes;  // guest RAM
  JobDevice devices[kDevicesMax];
  char command_line[kCommandLineSize];  // NUL terminated
};

// What a starter may ask of a monitor that has its job. Answered by summon-monitor, whether its
// guest waits or runs; summon-spt, which is the guest after its jump, ends when it gets one.
enum class OrderKind : std::uint32_t {
  // A held guest runs. A guest that runs already: its first packet and first byte are reported
  // anew (it was stopped and goes on).
  kGo = 1,
  // Answer kPong with the same number: are you there?
  kPing = 2,
  // As soon as the guest waits in POLL with nothing to read: write a snapshot and end with
  // kSnapshotTaken. Only for jobs with kJobSnapshots.
  kTakeSnapshot = 3,
};

struct OrderFrame {
  std::uint32_t magic;
  std::uint32_t version;
  OrderKind kind;
  std::uint32_t reserved;
  std::uint64_t number;  // kPing
};

// Where an instance is on its way to its first answer, in order of time. An instance that goes on
// from a snapshot reaches them too: kReady is when its guest's POLL answers.
enum class Stage : std::uint32_t {
  kAssigned = 1,       // a monitor process has the job
  kLoaded = 2,         // the image is checked and laid out in guest memory
  kRunning = 3,        // the guest's first instruction is about to run
  kReady = 4,          // the guest made its first POLL
  kFirstPacketIn = 5,  // the first frame was handed to the guest
  kFirstByteOut = 6,   // the guest sent the first frame that carries TCP, UDP or ICMP echo payload
};

inline constexpr std::size_t kStages = 6;

enum class EndReason : std::uint32_t {
  kHalted = 1,         // the guest made HALT (or exit_group); exit_status says how
  kGuestFault = 2,     // the guest did what it must not; `detail` says what
  kImageRejected = 3,  // not an image we can boot; `detail` says why and where
  kJobInvalid = 4,     // the job frame or its descriptors make no sense
  kHostFault = 5,      // KVM or the kernel failed us
  kSnapshotTaken = 6,  // the guest is in the snapshot; `number` has its size
  kSnapshotRejected = 7,  // the snapshot cannot be gone on from; `detail` says why
};

// How a guest runs on its virtual CPU (docs/hypervisor.md).
enum class GuestModeCode : std::uint32_t { kRing0 = 0, kRing3 = 1 };

enum class ReportKind : std::uint32_t {
  kStage = 1,
  kEnd = 2,
  kPrepared = 3,  // summon-monitor with --kvm-fd: the machine is made; it waits for its job
  kHeld = 4,      // kJobHold: it waits for kGo
  kPong = 5,
};

// A packet holds one or more of these, at most kReportsPerPacketMax.
inline constexpr std::size_t kReportsPerPacketMax = kStages + 1;
struct ReportFrame {
  std::uint32_t magic;
  std::uint32_t version;
  ReportKind kind;
  Stage stage;             // kStage
  std::int64_t at_nanos;   // kStage; CLOCK_MONOTONIC
  EndReason reason;        // kEnd
  std::int32_t exit_status;
  std::uint64_t frames_dropped;        // kEnd; frames the tap refused
  std::uint64_t frames_forged;         // kEnd; frames in another's name, which never left
  std::uint64_t console_bytes_lost;    // kEnd
  // kPong: the question's. kPrepared: frequency of the guest's time-stamp counter, Hz.
  // kSnapshotTaken: bytes of memory that the snapshot file holds.
  std::uint64_t number;
  GuestModeCode guest_mode;  // kPrepared
  std::uint32_t reserved;
  char detail[256];        // kEnd; NUL terminated, for people
};
inline constexpr std::size_t kReportPacketBytesMax = kReportsPerPacketMax * sizeof(ReportFrame);

}  // namespace summon::hypervisor
