// SPDX-License-Identifier: Apache-2.0
#pragma once
// The port to whatever makes instances. One conformance test holds for every implementation
// (tests/launcher/conformance.h): the fake, the monitor launcher, and the same over RPC.
//
// All calls and callbacks happen on one loop thread. No call blocks, none calls back before it
// returns. Requests succeed or fail through Events only.
//
// Life of an instance, as its launcher tells it:
//     Launch -> Stage* -> exactly one Ended
// Every accepted Launch has exactly one Ended, whatever happens; after it nothing more is said of
// that instance. Reclaim asks for it; Ended with kReclaimed says that it is at rest, and on which
// rung. What rests belongs to the service, not to an instance: the next Launch, with the next
// generation, wakes it.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "launcher/launch_order.h"

namespace summon::launcher {

// The way of an instance to its first answer; times are CLOCK_MONOTONIC. A kind that cannot see
// a stage leaves it out; kReady is always told, once, unless the instance ends before it.
enum class Stage : std::uint8_t {
  kAssigned,
  kLoaded,
  kRunning,
  kReady,
  kFirstPacketIn,
  kFirstByteOut,
};
std::string_view StageName(Stage stage);

// Where a service rests while no instance of it runs, from what wakes fastest to what holds least.
// An instance comes to rest by Reclaim; the next Launch wakes what rests, or boots the image.
enum class Rung : std::uint8_t {
  kPaused,  // its process is stopped: holds its memory, uses no CPU
  kParked,  // a snapshot in memory, loaded by a waiting monitor: holds the pages that were used
  kSaved,   // a snapshot in a file: holds disk
  kOff,     // nothing is left
};
inline constexpr std::size_t kRungs = 4;
std::string_view RungName(Rung rung);  // "paused", "parked", "saved", "off"

// What a resting service holds on the host. Estimates of the launcher; 0 when off.
struct Rest {
  Rung rung = Rung::kOff;
  std::uint64_t memory_bytes = 0;
  std::uint64_t disk_bytes = 0;
  friend bool operator==(const Rest&, const Rest&) = default;
};

struct StageReport {
  Stage stage = Stage::kAssigned;
  Instant at{};
  Kind kind = Kind::kKvm;
  Rung from = Rung::kOff;  // what it woke from; kOff: it booted
};

enum class EndReason : std::uint8_t {
  kReclaimed,      // we asked for it
  kHalted,         // the guest ended by itself; exit_status says how
  kGuestFault,     // the guest did what it must not; that VM was ended
  kImageRejected,  // the image cannot be booted
  kMonitorDied,    // its process was killed or crashed
  kUnavailable,    // no kind of the order can run here now
  kHostFault,      // KVM, the kernel or a resource failed
  kLost,           // the launcher itself went away
};
std::string_view EndReasonName(EndReason reason);

struct EndReport {
  EndReason reason = EndReason::kReclaimed;
  std::int32_t exit_status = 0;  // kHalted; kGuestFault of a process: 128 + its signal
  std::string detail{};          // for people: what, why and how to mend it
  std::uint64_t frames_dropped = 0;
  std::uint64_t frames_forged = 0;  // in another's name: they never left
  std::uint64_t console_bytes_lost = 0;
  Rest rest{};  // kReclaimed: where the service rests now; else off: nothing is left
};

// Frames that passed the service's tap since it was made.
struct Traffic {
  std::uint64_t frames_to_guest = 0;
  std::uint64_t frames_from_guest = 0;
  std::uint64_t frames_dropped = 0;  // the tap's queue was full
  friend bool operator==(const Traffic&, const Traffic&) = default;
};

// How fast and how dear a rung is on this machine: medians over the last kRungSamplesMax wakes
// (Launch to kReady) and rests of all services of a kind.
inline constexpr std::size_t kRungSamplesMax = 128;
struct RungMeasure {
  Kind kind = Kind::kKvm;
  Rung rung = Rung::kOff;
  std::uint32_t samples = 0;  // at most kRungSamplesMax; never 0
  Duration wake_p50{};
  std::uint64_t memory_p50_bytes = 0;
};

// What a launcher tells. The target outlives the launcher.
class Events {
 public:
  virtual ~Events() = default;
  // The answer to Prepare: the order stands, or why it does not (the former one then stands).
  virtual void OnPrepared(ServiceId service, Status status) = 0;
  virtual void OnStage(InstanceId instance, const StageReport& report) = 0;
  virtual void OnEnded(InstanceId instance, const EndReport& report) = 0;
  // A frame that should wake it waits in the queue of a service without instance. Told once for
  // each time of rest; again after the next Ended.
  virtual void OnPacket(ServiceId service, Instant seen) = 0;
  // The counters changed; told at most once a second (kTrafficPeriod) and service.
  virtual void OnTraffic(ServiceId service, const Traffic& traffic) = 0;
  // Whether instances of this kind can be made at the moment, and if not, why. Told once soon
  // after construction, then at each change.
  virtual void OnAvailability(Kind kind, const Status& status) = 0;
  // The service has no instance, and what rests of it changed without a Launch: it was lowered,
  // its monitor died, its snapshot was lost. Also told soon after Prepare, or when a launcher in
  // another process is reached again, when something rests from before (whoever asked for it was
  // restarted meanwhile).
  virtual void OnRest(ServiceId service, const Rest& rest) = 0;
  // A measure changed; told at most once a second (kTrafficPeriod) and rung.
  virtual void OnRungMeasured(const RungMeasure& measure) = 0;
};

inline constexpr Duration kTrafficPeriod = std::chrono::seconds(1);

class Launcher {
 public:
  virtual ~Launcher() = default;

  // States or restates what instances of `service` are made of: checks the images, makes the tap
  // (up, with the route and the permanent neighbour entry) and begins to watch it. A running
  // instance goes on; the new order holds from the next Launch. What rests is kept when the order
  // is the same in everything that a machine is made of, else dropped. Answer: OnPrepared.
  virtual void Prepare(ServiceId service, LaunchOrder order) = 0;

  // Takes back Prepare: ends the instance, if any (told as kReclaimed), and removes the tap.
  virtual void Forget(ServiceId service) = 0;

  // Makes an instance: wakes what rests, or boots the image when nothing does. A rest that cannot
  // be woken (a damaged file, a dead monitor) is dropped, said in the log, and the image is booted
  // within the same Launch. The service is prepared and has no other instance that has not Ended
  // (else the launch Ends with kHostFault and the running one is not disturbed).
  virtual void Launch(InstanceId instance) = 0;

  // Brings an instance to rest at `rung`, or at the nearest rung below that its kind and its state
  // allow (kOff always does). Ended with kReclaimed says where it rests. Unknown or ended
  // instances are ignored. A second call for the same instance may only ask for a lower rung.
  virtual void Reclaim(InstanceId instance, Rung rung) = 0;

  // A service without instance gives up what it holds above `rung`; OnRest follows when something
  // changed. Ignored while it has an instance, and when it rests at `rung` or below.
  virtual void Lower(ServiceId service, Rung rung) = 0;

  // The last bytes that instances of the service printed, at most kConsoleBytesMax, oldest first.
  // `done` runs later, once; nothing for a service that is not prepared.
  static constexpr std::size_t kConsoleBytesMax = 64 * 1024;
  virtual void ReadConsole(ServiceId service, std::function<void(std::string)> done) = 0;
};

// An instance that was already there when its launcher was reached: it outlived the process that
// had asked for it.
struct InventoryEntry {
  std::string service;
  std::uint64_t generation = 0;
  Kind kind = Kind::kKvm;
  bool ready = false;
  Instant launched{};
};

}  // namespace summon::launcher
