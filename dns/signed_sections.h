// SPDX-License-Identifier: Apache-2.0
#pragma once
// Adds record sets to an answer together with what proves them, where the asker wants proof and the
// zone has keys: signatures, and records that deny (RFC 4035 section 3.1, RFC 9824).
//
// In all other cases it passes the sets on, for the look at one pointer.

#include <array>
#include <vector>

#include "dns/message.h"
#include "dns/response.h"
#include "dns/signer.h"
#include "dns/zone.h"

namespace summon::dns {

class SignedSections final {
 public:
  // All are borrowed; without a signer nothing is signed.
  SignedSections(ResponseWriter& writer, const Query& query, Signer* signer)
      : writer_(writer), query_(query), signer_(query.dnssec_ok() ? signer : nullptr) {}
  SignedSections(const SignedSections&) = delete;
  SignedSections& operator=(const SignedSections&) = delete;

  // Answers from the zone are proved to this asker.
  bool Proves(const Zone& zone) const { return zone.keys != nullptr && signer_ != nullptr; }

  // Where a set comes from: the zone, and what answers for the name (see Lookup); for an apex the
  // zone is enough.
  struct Source {
    const Zone& zone;
    const Node* node = nullptr;
    // The TTL that the signature is over; 0: the one that is given. A lower one may be given
    // (RFC 4034 section 3.1.4), so that one signature serves an address in all states of its owner.
    std::uint32_t original_ttl = 0;
  };

  // As ResponseWriter::AddSet; the signature follows the set. False when the set was left out, and
  // when nothing more is to be added.
  template <typename Rdatas>
  bool AddSet(Section section, const Source& source, const RecordHead& head,
              const Rdatas& rdatas) {
    if (!writer_.AddSet(section, head, rdatas)) return false;
    if (!Proves(source.zone)) return true;
    records_.clear();
    for (const auto& rdata : rdatas) records_.emplace_back(rdata.data(), rdata.size());
    return AddSignature(section, source, head);
  }
  bool Add(Section section, const Source& source, const RecordHead& head, Bytes rdata) {
    return AddSet(section, source, head, std::span<const Bytes>(&rdata, 1));
  }

  // Says with an NSEC record what `name` has; a null node says that it does not exist. Nothing
  // where nothing is proved.
  void AddDenial(Section section, const Zone& zone, const Name& name, const Node* node);

  // Only the signature of the first set of the name, or of its NSEC record: a query for RRSIG is
  // answered with a part of what there is, as one for ANY is (RFC 8482 section 4.1).
  void AddSomeSignature(const Zone& zone, const Name& name, const Node* node);

  // Why something could not be signed; kSigned when all is well.
  SignOutcome outcome() const { return outcome_; }

 private:
  bool AddSignature(Section section, const Source& source, const RecordHead& head);
  SignOutcome SignRecords(const Source& source, const RecordHead& head, RrsigRdata& rrsig);

  ResponseWriter& writer_;
  const Query& query_;
  Signer* const signer_;
  SignOutcome outcome_ = SignOutcome::kSigned;
  std::vector<Bytes> records_;  // of the set at hand
};

}  // namespace summon::dns
