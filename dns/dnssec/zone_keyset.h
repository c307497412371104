// SPDX-License-Identifier: Apache-2.0
#pragma once
// The keys of one zone: one signs, others may be published beside it while keys are changed.

#include <chrono>
#include <vector>

#include "dns/dnssec/key_file.h"
#include "dns/rdata.h"
#include "dns/signer.h"
#include "dns/types.h"

namespace summon::dns::dnssec {

class ZoneKeyset final : public ZoneKeys {
 public:
  static constexpr std::uint32_t kTtl = 3600;  // of the records that show the keys

  struct Options {
    std::vector<StoredKey> published;
    std::chrono::seconds validity = std::chrono::hours(7 * 24);
  };
  ZoneKeyset(StoredKey active, Options options);

  const SigningKey& active() const { return active_.key; }
  // No signature is made at a time before this: the clock would be wrong.
  std::int64_t created() const { return active_.created; }
  std::chrono::seconds validity() const { return options_.validity; }

  struct Record {
    RrType type{};
    Rdata rdata;
  };
  // DNSKEY, CDS and CDNSKEY (RFC 7344) of all keys, for the zone's apex. A parent that follows CDS
  // knows a key before it signs.
  std::vector<Record> ApexRecords(const Name& apex) const;
  // DS of all keys, for the zone above.
  std::vector<Rdata> DsRdatas(const Name& apex) const;

 private:
  std::vector<const SigningKey*> All() const;

  const StoredKey active_;
  const Options options_;
};

}  // namespace summon::dns::dnssec
