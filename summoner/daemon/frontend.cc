// SPDX-License-Identifier: Apache-2.0
// Which queries wake a service, and how parked ones are answered; see the header.
#include "summoner/daemon/frontend.h"

#include <utility>

#include "summoner/daemon/zone_data.h"

namespace summon::summoner {

// A query that waits for its service. Keeps the query, not the packet.
class Frontend::ParkedQuery final : public Reply {
 public:
  ParkedQuery(Frontend& frontend, const dns::Query& query, dns::Responder responder)
      : frontend_(frontend), query_(query), responder_(std::move(responder)) {}

  bool Answer(std::chrono::seconds ttl) override {
    dns::AnswerOptions options;
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
};

Frontend::Frontend(Conductor& conductor, Measures& measures,
                   std::unique_ptr<const dns::ZoneTable> zones)
    : conductor_(conductor),
      measures_(measures),
      zones_(std::move(zones)),
      space_(std::make_unique<std::array<std::uint8_t, dns::kTcpSpace>>()) {}

Frontend::~Frontend() = default;

std::unique_ptr<const dns::ZoneTable> Frontend::Swap(std::unique_ptr<const dns::ZoneTable> zones) {
  return std::exchange(zones_, std::move(zones));
}

dns::SendOutcome Frontend::Send(const dns::Query& query, dns::Responder& responder,
                                const dns::Response& response) {
  measures_.CountQuery(query, response);
  return responder.Send(response);
}

dns::SendOutcome Frontend::SendFromTable(const dns::Query& query, dns::Responder& responder,
                                         const dns::AnswerOptions& options) {
  dns::AnswerOptions signing = options;
  signing.signer = signer_;
  return Send(query, responder, dns::WriteAnswer(*zones_, query, signing, *space_));
}

dns::SendOutcome Frontend::SendServFail(const dns::Query& query, dns::Responder& responder,
                                        std::string_view why) {
  dns::ErrorAnswer error;
  error.rcode = dns::Rcode::kServFail;
  error.extended_error = dns::ExtendedError{dns::EdeCode::kNotReady, why};
  return Send(query, responder, dns::WriteError(query, error, *space_));
}

void Frontend::Handle(const dns::Query& query, dns::Responder responder) {
  const bool asks_address =
      query.type == dns::RrType::kA || query.type == dns::RrType::kAaaa;
  if (asks_address) {
    const dns::Resolution resolution = dns::Resolve(*zones_, query);
    if (resolution.owner != dns::kStatic) {
      const ServiceId service = ServiceOf(resolution.owner);
      if (resolution.kind == dns::Resolution::Kind::kRecords) {
        conductor_.Request(service, {.trigger = Trigger::kDns, .received = query.received},
                           std::make_unique<ParkedQuery>(*this, query, std::move(responder)));
        return;
      }
      conductor_.Nudge(service, Trigger::kDns, query.received);
    }
  }
  const dns::Response answer = dns::WriteAnswer(*zones_, query, {}, *space_);
  const bool is_foreign = answer.rcode == dns::Rcode::kRefused && forwarding_ != nullptr;
  if (is_foreign && forwarding_->Take(query, responder)) return;
  (void)Send(query, responder, answer);  // the asker may be gone
}

}  // namespace summon::summoner
