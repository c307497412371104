// SPDX-License-Identifier: Apache-2.0
#pragma once
// Answers DNS queries: static data at once, services through the conductor.
//
// What wakes: a lookup of A or AAAA for a service's name, as far as the guard lets it; HTTPS, SVCB
// and SRV join a summon, and begin one only by policy. Everything else about such a name is
// answered from the table and wakes nothing; a type that the name has not is NOERROR at once and
// never held, or resolvers would cache the whole name away.

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/log.h"
#include "dns/authority.h"
#include "dns/server.h"
#include "dns/transfer.h"
#include "dns/zone.h"
#include "summoner/daemon/conductor.h"
#include "summoner/daemon/forwarding.h"
#include "summoner/daemon/measures.h"
#include "summoner/daemon/parked_queries.h"
#include "summoner/daemon/wake_guard.h"

namespace summon::summoner {

class Frontend final : public dns::Handler {
 public:
  // Answers of one network that wait for one service; one more is given at once.
  static constexpr std::uint32_t kParkedPerNetwork = 8;

  // What it works with; all outlive it.
  struct Others {
    Conductor& conductor;
    Measures& measures;
    WakeGuard& guard;
  };
  Frontend(const Others& others, std::unique_ptr<const dns::ZoneTable> zones);
  ~Frontend() override;
  Frontend(const Frontend&) = delete;
  Frontend& operator=(const Frontend&) = delete;

  // The table of the next query; gives back the former one, whose end may take long. Answers that
  // wait are written from the table at their time.
  [[nodiscard]] dns::SharedTable Swap(dns::SharedTable zones);
  const dns::ZoneTable& zones() const { return *zones_; }

  // Answers who asks for a whole zone; outlives this.
  void UseTransfers(dns::Transfers& transfers) { transfers_ = &transfers; }

  // Signs answers of zones with keys; outlives this.
  void UseSigner(dns::Signer& signer) { signer_ = &signer; }
  // Names that are not ours may be asked of others from now on.
  void UseForwarding(Forwarding& forwarding) { forwarding_ = &forwarding; }
  // Client subnets are told to it, at level debug; it outlives this.
  void UseLog(Logger& log) { log_ = &log; }
  // Sends an answer that came from others.
  void SendForwarded(const dns::Query& query, dns::Responder& responder,
                     const dns::Response& response) {
    (void)Send(query, responder, response);  // the asker may be gone
  }

  void Handle(const dns::Query& query, dns::Responder responder) override;

 private:
  class ParkedQuery;

  // Whom the asker says that it asks for: good for a log and for nothing else.
  void LogSubnet(const dns::Query& query);
  // A lookup of a service's name.
  void HandleOwned(const dns::Query& query, dns::Responder responder,
                   const dns::Resolution& resolution);
  // Answers it when the service can be given, by policy.
  void AnswerWhenDue(const dns::Query& query, dns::Responder responder, ServiceId service);

  dns::SendOutcome Send(const dns::Query& query, dns::Responder& responder,
                        const dns::Response& response);
  // `resolution` is the table's of this moment.
  dns::SendOutcome SendResolved(const dns::Query& query, dns::Responder& responder,
                                const dns::Resolution& resolution,
                                const dns::AnswerOptions& options);
  dns::SendOutcome SendFromTable(const dns::Query& query, dns::Responder& responder,
                                 const dns::AnswerOptions& options);
  // The answer, with the word that it has woken nothing.
  void SendWithoutWaking(const dns::Query& query, dns::Responder& responder);
  dns::SendOutcome SendRefused(const dns::Query& query, dns::Responder& responder);
  // An empty answer with TC: "ask over TCP".
  dns::SendOutcome SendTruncated(const dns::Query& query, dns::Responder& responder);
  dns::SendOutcome SendServFail(const dns::Query& query, dns::Responder& responder,
                                std::string_view why);

  Conductor& conductor_;
  Measures& measures_;
  WakeGuard& guard_;
  Forwarding* forwarding_ = nullptr;
  dns::SharedTable zones_;
  dns::Transfers* transfers_ = nullptr;
  dns::Signer* signer_ = nullptr;
  Logger* log_ = nullptr;
  ParkedQueries<ParkedQuery> parked_;
  ParkedQuery* asking_ = nullptr;  // being handed to the conductor; null once it is answered
  // Where answers are written; each is sent before the next one begins.
  std::unique_ptr<std::array<std::uint8_t, dns::kTcpSpace>> space_;
};

}  // namespace summon::summoner
