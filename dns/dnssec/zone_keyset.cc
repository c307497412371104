// SPDX-License-Identifier: Apache-2.0
// What a zone's keys look like as records.
#include "dns/dnssec/zone_keyset.h"

namespace summon::dns::dnssec {

ZoneKeyset::ZoneKeyset(StoredKey active, Options options)
    : active_(std::move(active)), options_(std::move(options)) {}

std::vector<const SigningKey*> ZoneKeyset::All() const {
  std::vector<const SigningKey*> all = {&active_.key};
  for (const StoredKey& stored : options_.published) all.push_back(&stored.key);
  return all;
}

std::vector<ZoneKeyset::Record> ZoneKeyset::ApexRecords(const Name& apex) const {
  std::vector<Record> records;
  for (const SigningKey* key : All()) {
    records.push_back({RrType::kDnskey, key->dnskey()});
    records.push_back({RrType::kCdnskey, key->dnskey()});
    records.push_back({RrType::kCds, key->Ds(apex)});
  }
  return records;
}

std::vector<Rdata> ZoneKeyset::DsRdatas(const Name& apex) const {
  std::vector<Rdata> rdatas;
  for (const SigningKey* key : All()) rdatas.push_back(key->Ds(apex));
  return rdatas;
}

}  // namespace summon::dns::dnssec
