// SPDX-License-Identifier: Apache-2.0
#pragma once
// The frames between whoever starts a monitor process and the monitor: the only header of the
// hypervisor that other rooms include.
//
// A monitor (summon-monitor for KVM, summon-spt for the process sandbox) is exec'd with one end
// of a SOCK_SEQPACKET pair as descriptor kControlFd and waits. It receives exactly one JobFrame,
// with descriptors, and from then on only sends ReportFrames: stages as they are reached, and one
// end report just before it exits. The starter trusts nothing in a report but its size: the
// monitor runs a hostile guest. Both sides are built from one source tree, so layouts are the
// host's own; kProtocolVersion catches a mixed installation.

#include <cstddef>
#include <cstdint>

namespace summon::hypervisor {

inline constexpr int kControlFd = 3;
inline constexpr std::uint32_t kProtocolMagic = 0x4e4d5553;  // "SUMN"
inline constexpr std::uint32_t kProtocolVersion = 1;

// Solo5 manifest bounds: at most 63 devices, names of at most 67 characters.
inline constexpr std::size_t kDevicesMax = 63;
inline constexpr std::size_t kDeviceNameSize = 68;
inline constexpr std::size_t kCommandLineSize = 8192;  // with the NUL; Solo5 hvt ABI

enum class DeviceType : std::uint32_t { kBlock = 1, kNet = 2 };  // as in the Solo5 manifest

struct JobDevice {
  char name[kDeviceNameSize];  // NUL terminated
  DeviceType type;
  std::uint8_t mac[6];         // net
  std::uint16_t mtu;           // net; bytes without the Ethernet header
  std::uint32_t sector_size;   // block; power of two >= 512
  std::uint32_t read_only;     // block; 1: writes answer EINVAL
  std::uint64_t capacity;      // block; bytes, a multiple of sector_size
};

enum JobFlags : std::uint32_t {
  kJobHasKvm = 1u << 0,    // the third descriptor is an open /dev/kvm
  kJobCheckOnly = 1u << 1,  // check the image against the job, then end: kHalted 0, or why not
};

// Descriptors, in this order: image (readable), console (writable), /dev/kvm when kJobHasKvm, then
// one for each of the first `device_count` devices: tap (non-blocking) or block file.
struct JobFrame {
  std::uint32_t magic;
  std::uint32_t version;
  std::uint32_t flags;
  std::uint32_t device_count;
  std::uint64_t memory_bytes;  // guest RAM
  JobDevice devices[kDevicesMax];
  char command_line[kCommandLineSize];  // NUL terminated
};

// Where an instance is on its way to its first answer, in order of time.
enum class Stage : std::uint32_t {
  kAssigned = 1,       // a monitor process has the job
  kLoaded = 2,         // the image is checked and laid out in guest memory
  kRunning = 3,        // the guest's first instruction is about to run
  kReady = 4,          // the guest made its first POLL
  kFirstPacketIn = 5,  // the first frame was handed to the guest
  kFirstByteOut = 6,   // the guest sent the first frame that carries TCP, UDP or ICMP echo payload
};

enum class EndReason : std::uint32_t {
  kHalted = 1,         // the guest made HALT (or exit_group); exit_status says how
  kGuestFault = 2,     // the guest did what it must not; `detail` says what
  kImageRejected = 3,  // not an image we can boot; `detail` says why and where
  kJobInvalid = 4,     // the job frame or its descriptors make no sense
  kHostFault = 5,      // KVM or the kernel failed us
};

enum class ReportKind : std::uint32_t { kStage = 1, kEnd = 2 };

struct ReportFrame {
  std::uint32_t magic;
  std::uint32_t version;
  ReportKind kind;
  Stage stage;             // kStage
  std::int64_t at_nanos;   // kStage; CLOCK_MONOTONIC
  EndReason reason;        // kEnd
  std::int32_t exit_status;
  std::uint64_t frames_dropped;        // kEnd; frames the tap refused
  std::uint64_t console_bytes_lost;    // kEnd
  char detail[256];        // kEnd; NUL terminated, for people
};

}  // namespace summon::hypervisor
