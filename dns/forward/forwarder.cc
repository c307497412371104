// SPDX-License-Identifier: Apache-2.0
// Tying the forwarder's parts together; see the header.
#include "dns/forward/forwarder.h"

#include <ifaddrs.h>

#include <algorithm>
#include <cstring>

#include "base/strings.h"

namespace summon::dns::forward {

namespace {

bool IsUnspecified(const Endpoint& endpoint) {
  return std::all_of(endpoint.octets.begin(), endpoint.octets.end(),
                     [](std::uint8_t octet) { return octet == 0; });
}

bool IsLoopback(const Endpoint& endpoint) {
  if (endpoint.family == Endpoint::Family::kIpv4) return endpoint.octets[0] == 127;
  return std::all_of(endpoint.octets.begin(), endpoint.octets.begin() + 15,
                     [](std::uint8_t octet) { return octet == 0; }) &&
         endpoint.octets[15] == 1;
}

bool IsOfThisMachine(const Endpoint& address) {
  if (IsLoopback(address) || IsUnspecified(address)) return true;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return false;
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, freeifaddrs);
  for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr) continue;
    const int family = one->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    SocketAddress known;
    known.size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    std::memcpy(&known.storage, one->ifa_addr, known.size);
    const auto endpoint = known.ToEndpoint();
    if (endpoint && endpoint->family == address.family && endpoint->octets == address.octets) {
      return true;
    }
  }
  return false;
}

}  // namespace

bool IsOwnEndpoint(const Endpoint& server, const std::vector<Endpoint>& own) {
  return std::any_of(own.begin(), own.end(), [&server](const Endpoint& one) {
    if (one.port != server.port || one.family != server.family) return false;
    if (one.octets == server.octets) return true;
    return (IsUnspecified(one) && IsOfThisMachine(server)) ||
           (IsUnspecified(server) && IsOfThisMachine(one));
  });
}

Forwarder::Forwarder(Loop& loop, Logger& log, const Settings& settings, Counters& counters)
    : loop_(loop),
      log_(log),
      settings_(settings),
      counters_(counters),
      rules_(settings.rules.size()),
      timer_(loop, [this] { OnTimer(); }) {}

Forwarder::~Forwarder() = default;

Result<std::unique_ptr<Forwarder>> Forwarder::Create(Loop& loop, Logger& log,
                                                     const Settings& settings, Counters& counters,
                                                     SendAnswer send) {
  std::unique_ptr<Forwarder> made(new Forwarder(loop, log, settings, counters));
  const SipKey key{made->random_.Number64(), made->random_.Number64()};
  made->engine_ = std::make_unique<Engine>(
      settings, Engine::Parts{loop, *made, counters, key, std::move(send)});
  Forwarder* raw = made.get();
  for (std::size_t i = 0; i < settings.rules.size(); ++i) {
    const Rule& rule = settings.rules[i];
    if (rule.resolv_conf.empty()) {
      SUMMON_TRY(made->UseServers(i, rule.upstreams));
      continue;
    }
    made->rules_[i].watch = std::make_unique<ResolvConfWatch>(
        loop, log, rule.resolv_conf,
        [raw, i](const std::vector<Endpoint>& servers) { raw->OnServers(i, servers); });
  }
  return made;
}

bool Forwarder::IsOurselves(const Endpoint& server) const {
  return IsOwnEndpoint(server, settings_.own_endpoints);
}

void Forwarder::OnServers(std::size_t rule, const std::vector<Endpoint>& servers) {
  std::vector<Endpoint> usable;
  for (const Endpoint& server : servers) {
    if (!IsOurselves(server)) {
      usable.push_back(server);
      continue;
    }
    ++counters_.own_upstreams;
    log_.Warning("upstream left out: it is this server",
                 {{"upstream", server.ToString()}, {"file", settings_.rules[rule].resolv_conf}});
  }
  const Status used = UseServers(rule, std::move(usable));
  if (!used.ok()) log_.Error("upstream servers not used", {{"why", used.error().message()}});
}

Status Forwarder::UseServers(std::size_t rule, std::vector<Endpoint> servers) {
  RuleState& state = rules_[rule];
  if (state.channel) {
    if (!state.channel->idle()) state.leaving.push_back(std::move(state.channel));
    state.channel.reset();
    if (state.leaving.size() > kLeavingMax) state.leaving.erase(state.leaving.begin());
  }
  if (servers.empty()) return Ok();
  AresChannel::Options options;
  options.upstreams = std::move(servers);
  options.mix_case = settings_.rules[rule].mix_case;
  // Twice: c-ares may know of questions that were given up for some seconds more.
  options.slots_max = std::min<std::size_t>(2 * settings_.in_flight_max, 65'535);
  state.channel =
      SUMMON_TRY(AresChannel::Create(loop_, options, random_, counters_, *engine_));
  return Ok();
}

bool Forwarder::Take(const Query& query, Responder& responder) {
  const bool taken = engine_->Take(query, responder);
  if (taken) Arm();
  return taken;
}

void Forwarder::Arm() {
  if (armed_ || !engine_->busy()) return;
  armed_ = true;
  timer_.Set(loop_.Now() + Engine::kTick);
}

void Forwarder::OnTimer() {
  armed_ = false;
  engine_->OnTime();
  for (RuleState& state : rules_) {
    std::erase_if(state.leaving, [](const auto& channel) { return channel->idle(); });
  }
  Arm();
}

bool Forwarder::Ask(Ticket ticket, std::size_t rule, const Question& question) {
  RuleState& state = rules_[rule];
  return state.channel && state.channel->Ask(ticket, question);
}

void Forwarder::GiveUp(Ticket ticket) {
  for (RuleState& state : rules_) {
    if (state.channel) state.channel->GiveUp(ticket);
    for (auto& channel : state.leaving) channel->GiveUp(ticket);
  }
}

bool Forwarder::IsUpstream(std::size_t rule, const Endpoint& address) const {
  // Behind a loopback address there may be anybody of this machine, a client as well as a server.
  const RuleState& state = rules_[rule];
  return state.channel && !IsLoopback(address) && state.channel->IsUpstream(address);
}

bool Forwarder::IsOurs(Ticket ticket, const Name& name) const {
  return std::any_of(rules_.begin(), rules_.end(), [&](const RuleState& state) {
    return state.channel && state.channel->IsOurs(ticket, name);
  });
}

}  // namespace summon::dns::forward
