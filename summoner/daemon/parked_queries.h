// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which queries wait for an answer, so that one that is sent again is known as the same, and no
// network takes more than its share of a service's places.
//
// Keys are keyed hashes of what the network chose, taken as the things themselves: that two of
// some thousand are equal does not happen in 64 bits that nobody outside can predict. What is kept
// is bounded by what the summoner lets wait.

#include <cstdint>
#include <unordered_map>

#include "base/ids.h"
#include "base/siphash.h"
#include "dns/message.h"

namespace summon::summoner {

// `Parked` is what waits; borrowed.
template <typename Parked>
class ParkedQueries final {
 public:
  explicit ParkedQueries(SipKey key) : key_(key) {}

  struct Keys {
    std::uint64_t query = 0;    // address, port, id, name as it was written, type, transport
    std::uint64_t network = 0;  // the client's network (/24, /56) and the service
  };
  Keys KeysOf(const dns::Query& query, ServiceId service) const {
    std::array<std::uint8_t, kHeadSize + dns::Name::kWireMax> octets;
    const dns::Endpoint prefix = query.client.Prefix();
    const auto head = HeadOf(prefix, static_cast<std::uint32_t>(service));
    Keys keys;
    keys.network = SipHash24(key_, head);
    const auto exact = HeadOf(
        query.client, static_cast<std::uint32_t>(query.id) << 16 |
                          static_cast<std::uint32_t>(query.type));
    std::copy(exact.begin(), exact.end(), octets.begin());
    octets[kTransportAt] = static_cast<std::uint8_t>(static_cast<unsigned>(query.transport) + 1u);
    const Bytes name = query.name.wire();
    std::copy(name.begin(), name.end(), octets.begin() + kHeadSize);
    keys.query = SipHash24(key_, Bytes(octets.data(), kHeadSize + name.size()));
    return keys;
  }

  bool empty() const { return parked_.empty(); }
  std::size_t size() const { return parked_.size(); }

  template <typename Function>
  void ForEach(Function function) const {
    for (const auto& [key, parked] : parked_) function(*parked);
  }

  // The one that waits with the same question; null when none does.
  Parked* Find(const Keys& keys) const {
    const auto found = parked_.find(keys.query);
    return found == parked_.end() ? nullptr : found->second;
  }
  // How many of the network's wait for the service.
  std::uint32_t OfNetwork(const Keys& keys) const {
    const auto found = networks_.find(keys.network);
    return found == networks_.end() ? 0 : found->second;
  }

  // `parked` waits, and none with the same question did; and does not any more.
  void Add(const Keys& keys, Parked& parked) {
    parked_.emplace(keys.query, &parked);
    ++networks_[keys.network];
  }
  void Remove(const Keys& keys) {
    parked_.erase(keys.query);
    const auto found = networks_.find(keys.network);
    if (--found->second == 0) networks_.erase(found);
  }

 private:
  // Address (16), family, port (2), a number (4), and a place for the transport.
  static constexpr std::size_t kHeadSize = 24;
  static constexpr std::size_t kTransportAt = kHeadSize - 1;

  static std::array<std::uint8_t, kHeadSize> HeadOf(const dns::Endpoint& client,
                                                    std::uint32_t number) {
    std::array<std::uint8_t, kHeadSize> head{};
    std::copy(client.octets.begin(), client.octets.end(), head.begin());
    std::size_t at = client.octets.size();
    head[at++] = static_cast<std::uint8_t>(client.family);
    for (int shift = 8; shift >= 0; shift -= 8) {
      head[at++] = static_cast<std::uint8_t>(client.port >> shift);
    }
    for (int shift = 24; shift >= 0; shift -= 8) {
      head[at++] = static_cast<std::uint8_t>(number >> shift);
    }
    return head;
  }

  SipKey key_;
  std::unordered_map<std::uint64_t, Parked*> parked_;
  std::unordered_map<std::uint64_t, std::uint32_t> networks_;
};

}  // namespace summon::summoner
