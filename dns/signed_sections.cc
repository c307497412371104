// SPDX-License-Identifier: Apache-2.0
// Signatures and denials in answers; see the header.
#include "dns/signed_sections.h"

#include "dns/denial.h"

namespace summon::dns {

SignOutcome SignedSections::SignRecords(const Source& source, const RecordHead& head,
                                        RrsigRdata& rrsig) {
  const bool is_stored =
      head.owner == source.zone.apex ||
      (source.node && EqualFolded(source.node->wire_name(), head.owner.wire()));
  const SetToSign set{
      .keys = *source.zone.keys,
      .apex = source.zone.apex,
      .owner = head.owner,
      .type = head.type,
      .original_ttl = source.original_ttl != 0 ? source.original_ttl : head.ttl,
      .rdatas = records_,
      .provenance = is_stored ? Provenance::kStored : Provenance::kSynthesized,
      .asker_proven = IsStream(query_.transport) || query_.cookie_state() == CookieState::kValid};
  return signer_->Sign(set, rrsig);
}

bool SignedSections::AddSignature(Section section, const Source& source, const RecordHead& head) {
  RrsigRdata rrsig;
  const SignOutcome outcome = SignRecords(source, head, rrsig);
  if (outcome != SignOutcome::kSigned) {
    // What is only a help may go without (RFC 4035 section 3.1.1).
    if (section == Section::kAdditional) return true;
    outcome_ = outcome;
    return false;
  }
  // Its TTL is that of what it signs (RFC 4034 section 3).
  const RecordHead rrsig_head{head.owner, RrType::kRrsig, head.ttl};
  return writer_.Add(section, rrsig_head, rrsig.bytes()) || section == Section::kAdditional;
}

void SignedSections::AddDenial(Section section, const Zone& zone, const Name& name,
                               const Node* node) {
  if (!Proves(zone)) return;
  const Rdata nsec = NsecRdataFor(zone, name, node);
  const RecordHead head{name, RrType::kNsec, zone.negative_ttl};  // RFC 9077
  (void)Add(section, {.zone = zone, .node = node}, head, nsec);   // TC or outcome() says the rest
}

void SignedSections::AddSomeSignature(const Zone& zone, const Name& name, const Node* node) {
  if (!Proves(zone)) return;
  RrsigRdata rrsig;
  Rdata nsec;
  records_.clear();
  RecordHead head{name, RrType::kNsec, zone.negative_ttl};
  if (node && !node->is_empty()) {
    const RecordSet& first = *node->sets().begin();
    head.type = first.type;
    head.ttl = first.ttl;
    for (const Bytes rdata : first.rdatas()) records_.push_back(rdata);
  } else {
    nsec = NsecRdataFor(zone, name, node);
    records_.emplace_back(nsec);
  }
  outcome_ = SignRecords({.zone = zone, .node = node}, head, rrsig);
  if (outcome_ != SignOutcome::kSigned) return;
  const RecordHead rrsig_head{name, RrType::kRrsig, head.ttl};
  (void)writer_.Add(Section::kAnswer, rrsig_head, rrsig.bytes());  // else TC says so
}

}  // namespace summon::dns
