// SPDX-License-Identifier: Apache-2.0
#pragma once
// Answers DNS queries: static data at once, services through the conductor.
//
// What wakes: a lookup of A or AAAA for a service's name. Everything else about such a name is
// answered from the table and wakes nothing; a type that the name has not is NOERROR at once and
// never held, or resolvers would cache the whole name away.

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "dns/authority.h"
#include "dns/server.h"
#include "dns/zone.h"
#include "summoner/daemon/conductor.h"
#include "summoner/daemon/forwarding.h"
#include "summoner/daemon/measures.h"

namespace summon::summoner {

class Frontend final : public dns::Handler {
 public:
  // `conductor` and `measures` outlive it.
  Frontend(Conductor& conductor, Measures& measures, std::unique_ptr<const dns::ZoneTable> zones);
  ~Frontend() override;
  Frontend(const Frontend&) = delete;
  Frontend& operator=(const Frontend&) = delete;

  // The table of the next query; gives back the former one, whose end may take long. Answers that
  // wait are written from the table at their time.
  [[nodiscard]] std::unique_ptr<const dns::ZoneTable> Swap(
      std::unique_ptr<const dns::ZoneTable> zones);

  // Signs answers of zones with keys; outlives this.
  void UseSigner(dns::Signer& signer) { signer_ = &signer; }
  // Names that are not ours may be asked of others from now on.
  void UseForwarding(Forwarding& forwarding) { forwarding_ = &forwarding; }
  // Sends an answer that came from others.
  void SendForwarded(const dns::Query& query, dns::Responder& responder,
                     const dns::Response& response) {
    (void)Send(query, responder, response);  // the asker may be gone
  }

  void Handle(const dns::Query& query, dns::Responder responder) override;

 private:
  class ParkedQuery;

  dns::SendOutcome Send(const dns::Query& query, dns::Responder& responder,
                        const dns::Response& response);
  dns::SendOutcome SendFromTable(const dns::Query& query, dns::Responder& responder,
                                 const dns::AnswerOptions& options);
  dns::SendOutcome SendServFail(const dns::Query& query, dns::Responder& responder,
                                std::string_view why);

  Conductor& conductor_;
  Measures& measures_;
  Forwarding* forwarding_ = nullptr;
  std::unique_ptr<const dns::ZoneTable> zones_;
  dns::Signer* signer_ = nullptr;
  // Where answers are written; each is sent before the next one begins.
  std::unique_ptr<std::array<std::uint8_t, dns::kTcpSpace>> space_;
};

}  // namespace summon::summoner
