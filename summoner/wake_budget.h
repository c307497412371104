// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which lookups may boot a machine, as far as abuse goes: a lookup costs its sender 60 octets, and
// a boot costs us a great deal more.
//
// Asked only about lookups from networks that are not trusted, and only when the service is at
// rest: joining a summon costs nothing. A lookup that is refused here still gets its answer, and
// the client's packet, which follows a real answer to a real address, wakes the service all the
// same.
//
// Pure: no clock, no socket, no allocation that a packet causes. Clients are known by a keyed hash
// of their network (/24, /56), made by the caller.

#include <array>
#include <cstdint>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "base/ids.h"
#include "summoner/keyed_cache.h"

namespace summon::summoner {

// What is known about the address that a lookup came from.
enum class Proof : std::uint8_t {
  kNone,    // one datagram: anybody may have sent it
  kSeen,    // likewise, but the network has proved itself lately
  kProven,  // a connection, or a cookie that we gave to this address
};

enum class ProofPolicy : std::uint8_t {
  kAlways,         // who has not proved itself is asked to, then boots
  kUnderPressure,  // likewise, but only when much is asked for
};

struct WakeLimits {
  static constexpr std::size_t kServicesPerHourMax = 64;  // bounds the memory of one network

  ProofPolicy proof = ProofPolicy::kAlways;
  std::uint32_t boots_per_second = 2;
  std::uint32_t boots_burst = 8;
  std::uint32_t in_flight_max = 4;  // summons on their way, of all kinds
  std::uint32_t queue_max = 64;     // summons that wait for memory, of all kinds
  // One network: so many boots in a window, so many different services in an hour.
  std::uint32_t prefix_boots = 3;
  Duration prefix_window = std::chrono::seconds(10);
  std::uint32_t prefix_services_per_hour = 20;
  // One service: the time between two boots, twice as long after each in a row that no packet from
  // a client came to.
  Duration service_interval = std::chrono::seconds(5);
  Duration cool_down_max = std::chrono::minutes(10);
  friend bool operator==(const WakeLimits&, const WakeLimits&) = default;
};

enum class WakeVerdict : std::uint8_t {
  kBoot,
  kProve,        // not before the client has proved its address: ask it to, over TCP
  kCoolDown,     // the service was booted lately
  kUnproven,     // it was asked to prove itself, and did not
  kRate,         // too many boots
  kInFlight,     // too much is being started or waits for memory
  kPrefixRate,   // the client's network has had its boots
  kPrefixHour,   // the client's network has had its services
};
inline constexpr std::size_t kWakeVerdicts = 8;
std::string_view WakeVerdictName(WakeVerdict verdict);  // "boot", "prove", "cool_down", ...

class WakeBudget final {
 public:
  static constexpr std::size_t kPrefixes = 1'024;  // networks that booted something lately
  static constexpr std::size_t kSeen = 8'192;      // networks that proved themselves
  static constexpr std::size_t kAsked = 4'096;     // who was asked to prove itself lately
  static constexpr Duration kSeenFor = std::chrono::hours(24);
  // A client that was asked to come back over TCP does so within this, or not at all.
  static constexpr Duration kAskedFor = std::chrono::seconds(10);
  // Pressure lasts so long after its last sign.
  static constexpr Duration kPressureFor = std::chrono::seconds(10);

  explicit WakeBudget(const WakeLimits& limits);

  void SetLimits(const WakeLimits& limits) { limits_ = limits; }
  const WakeLimits& limits() const { return limits_; }

  struct Lookup {
    ServiceId service{};
    std::uint64_t prefix = 0;  // keyed hash of the client's network
    Proof proof = Proof::kNone;
  };
  struct Load {
    std::uint32_t in_flight = 0;
    std::uint32_t queued = 0;
  };
  // Whether this lookup may boot its service, which is at rest; takes from the budgets if so.
  WakeVerdict Decide(const Lookup& lookup, const Load& load, Instant now);

  // The client's network has proved itself; and whether it has lately.
  void NoteProven(std::uint64_t prefix, Instant now) { seen_.FindOrMake(prefix, now) = now; }
  bool HasProven(std::uint64_t prefix, Instant now);

  // A packet from a client reached the service: its last boot was not in vain.
  void OnUsed(ServiceId service);
  // The service is no longer configured.
  void Forget(ServiceId service) { services_.erase(service); }

  // Unproven lookups do not boot at the moment, under ProofPolicy::kUnderPressure too.
  bool UnderPressure(Instant now) const { return now < pressure_until_; }

 private:
  struct Bucket {
    Instant refilled{};
    std::int64_t level = 0;
    bool filled = false;  // else it is full
  };
  // How a bucket fills: by `gain` for each `step`. Levels are in thousand millionths of a boot, so
  // that a rate by the second is a gain by the nanosecond, and nothing is rounded away.
  struct Flow {
    std::int64_t level_max = 0;
    std::int64_t gain = 0;
    Duration step{1};
  };
  struct Prefix {
    Bucket boots;
    Instant hour_began{};
    std::uint32_t services = 0;
    std::array<ServiceId, WakeLimits::kServicesPerHourMax> booted{};
  };
  struct Service {
    Instant booted{};
    std::uint32_t fruitless = 0;  // boots in a row, the last one included until OnUsed
  };

  static void Refill(Bucket& bucket, const Flow& flow, Instant now);
  Flow GlobalFlow() const;
  Flow PrefixFlow() const;
  bool CoolsDown(ServiceId service, Instant now) const;
  void FeelPressure(const Lookup& lookup, const Load& load, Instant now);
  bool WasAsked(const Lookup& lookup, Instant now);
  static bool Booted(const Prefix& prefix, ServiceId service);
  void Take(const Lookup& lookup, Prefix& prefix, Instant now);

  WakeLimits limits_;
  Bucket global_;
  Bucket unproven_;  // what unproven lookups ask for; empty is a sign of pressure
  Instant pressure_until_{};
  KeyedCache<Prefix> prefixes_{kPrefixes};
  KeyedCache<Instant> seen_{kSeen};
  KeyedCache<Instant> asked_{kAsked};
  std::unordered_map<ServiceId, Service> services_;  // of the configuration, not of the network
};

}  // namespace summon::summoner
