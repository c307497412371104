// SPDX-License-Identifier: Apache-2.0
// Which queries wake a service, and how parked ones are answered; see the header.
#include "summoner/daemon/frontend.h"

#include <utility>

#include "base/random.h"
#include "base/strings.h"
#include "dns/rate_limit.h"
#include "summoner/daemon/zone_data.h"

namespace summon::summoner {

// What is told beside an address whose service is not ready. Policy that says not to wait for it
// makes the answer no late one.
std::optional<dns::ExtendedError> LatenessOf(AnswerReason reason) {
  switch (reason) {
    case AnswerReason::kReady:
    case AnswerReason::kNotAwaited: return std::nullopt;
    case AnswerReason::kHeldLongEnough:
      return dns::ExtendedError{dns::EdeCode::kNotReady, "it is still starting"};
    case AnswerReason::kNoRoom:
      return dns::ExtendedError{dns::EdeCode::kNotReady, "there is no room for it now"};
    case AnswerReason::kWaitersFull:
      return dns::ExtendedError{dns::EdeCode::kNotReady, "it is starting, and too many wait"};
  }
  return std::nullopt;
}

// A query that waits for its service. Keeps the query, not the packet.
class Frontend::ParkedQuery final : public Reply {
 public:
  ParkedQuery(Frontend& frontend, const dns::Query& query, dns::Responder responder)
      : frontend_(frontend), query_(query), responder_(std::move(responder)) {}
  ~ParkedQuery() override {
    if (is_orphan_) return;
    if (frontend_.asking_ == this) frontend_.asking_ = nullptr;
    if (keys_) frontend_.parked_.Remove(*keys_);
  }
  ParkedQuery(const ParkedQuery&) = delete;
  ParkedQuery& operator=(const ParkedQuery&) = delete;

  // The frontend has ended; the conductor, which holds this, ends soon, and answers nobody before.
  void Orphan() { is_orphan_ = true; }
  // It waits from now on.
  void Park(const ParkedQueries<ParkedQuery>::Keys& keys) {
    keys_ = keys;
    frontend_.parked_.Add(keys, *this);
  }
  // The same question came again: the answer goes out once, the way that the last one came. It is
  // not held any longer for it, or one who repeats quickly would wait for ever.
  void Refresh(dns::Responder responder) { responder_ = std::move(responder); }

  bool Answer(std::chrono::seconds ttl, AnswerReason reason) override {
    dns::AnswerOptions options;
    options.extended_error = LatenessOf(reason);
    options.owned_ttl = static_cast<std::uint32_t>(ttl.count());
    return frontend_.SendFromTable(query_, responder_, options) == dns::SendOutcome::kSent;
  }

  void Refuse(RefuseReason, const std::string& detail) override {
    (void)frontend_.SendServFail(query_, responder_, detail);  // the asker may be gone
  }

 private:
  Frontend& frontend_;
  const dns::Query query_;
  dns::Responder responder_;
  std::optional<ParkedQueries<ParkedQuery>::Keys> keys_;
  bool is_orphan_ = false;
};

Frontend::Frontend(const Others& others, std::unique_ptr<const dns::ZoneTable> zones)
    : conductor_(others.conductor),
      measures_(others.measures),
      guard_(others.guard),
      zones_(std::move(zones)),
      parked_(RandomSipKey()),
      space_(std::make_unique<std::array<std::uint8_t, dns::kTcpSpace>>()) {}

Frontend::~Frontend() {
  parked_.ForEach([](ParkedQuery& parked) { parked.Orphan(); });
}

dns::SharedTable Frontend::Swap(dns::SharedTable zones) {
  return std::exchange(zones_, std::move(zones));
}

dns::SendOutcome Frontend::Send(const dns::Query& query, dns::Responder& responder,
                                const dns::Response& response) {
  measures_.CountQuery(query, response);
  return responder.Send(response);
}

dns::SendOutcome Frontend::SendResolved(const dns::Query& query, dns::Responder& responder,
                                        const dns::Resolution& resolution,
                                        const dns::AnswerOptions& options) {
  dns::AnswerOptions signing = options;
  signing.signer = signer_;
  return Send(query, responder, dns::WriteAnswer(*zones_, query, resolution, signing, *space_));
}

dns::SendOutcome Frontend::SendFromTable(const dns::Query& query, dns::Responder& responder,
                                         const dns::AnswerOptions& options) {
  return SendResolved(query, responder, dns::Resolve(*zones_, query), options);
}

dns::SendOutcome Frontend::SendRefused(const dns::Query& query, dns::Responder& responder) {
  dns::ErrorAnswer error;
  error.rcode = dns::Rcode::kRefused;
  error.extended_error = dns::ExtendedError{dns::EdeCode::kProhibited, {}};
  return Send(query, responder, dns::WriteError(query, error, *space_));
}

void Frontend::SendWithoutWaking(const dns::Query& query, dns::Responder& responder) {
  dns::AnswerOptions options;
  options.extended_error =
      dns::ExtendedError{dns::EdeCode::kProhibited, "this lookup does not wake the service"};
  (void)SendFromTable(query, responder, options);  // the asker may be gone
}

dns::SendOutcome Frontend::SendTruncated(const dns::Query& query, dns::Responder& responder) {
  std::array<std::uint8_t, dns::kUdpSizeMin> space;
  const dns::Response full = dns::WriteAnswer(*zones_, query, {}, *space_);
  return Send(query, responder, dns::MakeSlip(full, space));
}

dns::SendOutcome Frontend::SendServFail(const dns::Query& query, dns::Responder& responder,
                                        std::string_view why) {
  dns::ErrorAnswer error;
  error.rcode = dns::Rcode::kServFail;
  error.extended_error = dns::ExtendedError{dns::EdeCode::kNotReady, why};
  return Send(query, responder, dns::WriteError(query, error, *space_));
}

void Frontend::LogSubnet(const dns::Query& query) {
  if (!log_->Writes(LogLevel::kDebug)) return;
  const dns::ClientSubnet& subnet = *query.edns->client_subnet;
  dns::Endpoint network;
  network.family = subnet.family == dns::ClientSubnet::Family::kIpv6
                       ? dns::Endpoint::Family::kIpv6
                       : dns::Endpoint::Family::kIpv4;
  network.octets = subnet.address;
  log_->Debug("client subnet, which is not trusted",
              {{"from", query.client.AddressText()},
               {"subnet", StrCat(network.AddressText(), '/', int{subnet.prefix_length})},
               {"name", query.name.ToText()}});
}

void Frontend::Handle(const dns::Query& query, dns::Responder responder) {
  if (log_ != nullptr && query.edns && query.edns->client_subnet) LogSubnet(query);
  if (!guard_.MayQuery(query)) {
    (void)SendRefused(query, responder);  // the asker may be gone
    return;
  }
  if (query.type == dns::RrType::kAxfr || query.type == dns::RrType::kIxfr) {
    if (transfers_) return transfers_->Handle(query, std::move(responder), zones_);
  }
  const dns::Resolution resolution = dns::Resolve(*zones_, query);
  if (resolution.owner != dns::kStatic && WakeGuard::Concerns(query.type)) {
    return HandleOwned(query, std::move(responder), resolution);
  }
  const bool is_foreign = resolution.kind == dns::Resolution::Kind::kRefused && forwarding_;
  if (is_foreign && forwarding_->Take(query, responder)) return;
  (void)SendResolved(query, responder, resolution, {});  // the asker may be gone
}

void Frontend::HandleOwned(const dns::Query& query, dns::Responder responder,
                           const dns::Resolution& resolution) {
  const ServiceId service = ServiceOf(resolution.owner);
  const bool gives_address = resolution.kind == dns::Resolution::Kind::kRecords &&
                             (query.type == dns::RrType::kA || query.type == dns::RrType::kAaaa);
  switch (guard_.Consider(query, service, query.received)) {
    case WakeRight::kWake:
      if (gives_address) return AnswerWhenDue(query, std::move(responder), service);
      conductor_.Nudge(service, Trigger::kDns, query.received);
      break;
    case WakeRight::kProve:
      (void)SendTruncated(query, responder);  // the asker may be gone
      return;
    case WakeRight::kRefused:
      return SendWithoutWaking(query, responder);
    case WakeRight::kNothing:
      break;
  }
  (void)SendFromTable(query, responder, {});  // likewise
}

void Frontend::AnswerWhenDue(const dns::Query& query, dns::Responder responder,
                             ServiceId service) {
  Conductor::Question question{.trigger = Trigger::kDns, .received = query.received};
  const auto keys = parked_.KeysOf(query, service);
  if (!parked_.empty()) {
    if (ParkedQuery* waiting = parked_.Find(keys)) {
      guard_.counters().Count(ParkEvent::kRefreshed);
      return waiting->Refresh(std::move(responder));
    }
    if (parked_.OfNetwork(keys) >= kParkedPerNetwork) question.parking = Parking::kFull;
  }
  auto asking = std::make_unique<ParkedQuery>(*this, query, std::move(responder));
  asking_ = asking.get();
  conductor_.Request(service, question, std::move(asking));
  // Null when it was answered at once.
  if (asking_ != nullptr) return std::exchange(asking_, nullptr)->Park(keys);
  if (question.parking == Parking::kFull) guard_.counters().Count(ParkEvent::kCrowdedOut);
}

}  // namespace summon::summoner
