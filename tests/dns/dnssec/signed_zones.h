// SPDX-License-Identifier: Apache-2.0
#pragma once
// Signed zones with every kind of name in them, below "signed.test" and "other.test", and the key
// that RFC 6605 prints.

#include <memory>
#include <string>

#include "base/check.h"
#include "dns/dnssec/zone_keyset.h"
#include "dns/zone.h"
#include "tests/dns/wire.h"

namespace summon::dns::dnssec::test {

using dns::test::N;

// The key of RFC 6605 section 6.1, in PKCS #8 form.
inline constexpr std::string_view kRfcKey = R"(-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgGU6SnQ/Ou+xC5Rum
uIUIuJZteXT2z0O/ok1s38Et6mShRANCAAQaiMiGFdQ3+7i/nhlCoZKfKFYnBq5s
K9OZ57G/ttHp51uStKpCkXrhxhtwHvA1w/574wCcuv5aL3ExbJAtzw0A
-----END PRIVATE KEY-----
)";

inline constexpr std::int64_t kKeyCreated = 1'700'000'000;
inline constexpr OwnerTag kService = 7;
inline constexpr std::uint32_t kServiceTtlMax = 30;

inline std::shared_ptr<const ZoneKeyset> NewKeys() {
  return std::make_shared<ZoneKeyset>(
      StoredKey{.key = SigningKey::Generate().value(), .created = kKeyCreated},
      ZoneKeyset::Options{});
}

class SignedZones {
 public:
  static constexpr std::uint32_t kTtl = 300;
  static constexpr std::uint32_t kServiceTtl = 5;

  SignedZones() : builder_(SipKey{1, 2}) {
    Zone("signed.test");
    Zone("inner.signed.test");
    Zone("plain.signed.test");
    Zone("other.test");
    Sign("signed.test", keys);
    Sign("inner.signed.test", inner_keys);
    Sign("other.test", other_keys);
    for (const Rdata& ds : inner_keys->DsRdatas(N("inner.signed.test"))) {
      Add("inner.signed.test", RrType::kDs, ds);
    }
    Host("ns.signed.test", 1);
    Host("host.inner.signed.test", 2);
    Host("host.plain.signed.test", 3);
    Host("web.other.test", 4);
    Must(builder_.AddRecord({N("service.signed.test"), RrType::kA, kServiceTtl,
                             AddressRdata(Ipv4Address{{10, 77, 0, 10}})}));
    Must(builder_.SetOwner(N("service.signed.test"), kService));
    Host("many.signed.test", 12);
    Host("many.signed.test", 11);
    Host("many.signed.test", 13);
    Add("alias.signed.test", RrType::kCname, NameRdata(N("hop.other.test")));
    Add("hop.other.test", RrType::kCname, NameRdata(N("Web.Other.test")));
    Add("dangling.signed.test", RrType::kCname, NameRdata(N("missing.other.test")));
    Add("unsigned.signed.test", RrType::kCname, NameRdata(N("host.plain.signed.test")));
    Add("below.empty.signed.test", RrType::kTxt, TextRdata("under an empty non-terminal"));
    Host("*.wild.signed.test", 20);
    Add("*.walias.signed.test", RrType::kCname, NameRdata(N("web.other.test")));
    Add("signed.test", RrType::kMx, MxRdata({10, N("Mail.Signed.Test")}));
    Add("_http._tcp.signed.test", RrType::kSrv, SrvRdata({0, 0, 80, N("Service.signed.test")}));
    Add("sub.signed.test", RrType::kNs, NameRdata(N("ns.sub.signed.test")));
    Host("ns.sub.signed.test", 30);
    Add("secure.signed.test", RrType::kNs, NameRdata(N("ns.secure.signed.test")));
    Add("secure.signed.test", RrType::kDs, inner_keys->DsRdatas(N("secure.signed.test")).front());
    Host("ns.secure.signed.test", 31);
    for (int i = 0; i < 20; ++i) {
      Add("big.signed.test", RrType::kTxt, TextRdata(std::string(100, 'x') + std::to_string(i)));
    }
    auto built = std::move(builder_).Build();
    SUMMON_CHECK(built.ok());
    table_ = std::move(built).value();
  }
  const ZoneTable& table() const { return *table_; }

  const std::shared_ptr<const ZoneKeyset> keys = NewKeys();
  const std::shared_ptr<const ZoneKeyset> inner_keys = NewKeys();
  const std::shared_ptr<const ZoneKeyset> other_keys = NewKeys();

 private:
  static void Must(const Status& status) { SUMMON_CHECK(status.ok()); }
  void Zone(std::string_view apex) {
    Soa soa;
    soa.primary = N("NS.signed.test");
    soa.mailbox = N("ops.signed.test");
    Must(builder_.AddZone(N(apex), soa, kTtl));
    Add(apex, RrType::kNs, NameRdata(N("NS.signed.test")));
  }
  void Sign(std::string_view apex, const std::shared_ptr<const ZoneKeyset>& with) {
    Must(builder_.SetSigning(N(apex), {.keys = with, .owned_ttl_max = kServiceTtlMax}));
    for (const ZoneKeyset::Record& record : with->ApexRecords(N(apex))) {
      Must(builder_.AddRecord({N(apex), record.type, ZoneKeyset::kTtl, record.rdata}));
    }
  }
  void Add(std::string_view owner, RrType type, const Rdata& rdata) {
    Must(builder_.AddRecord({N(owner), type, kTtl, rdata}));
  }
  void Host(std::string_view owner, std::uint8_t last) {
    Add(owner, RrType::kA, AddressRdata(Ipv4Address{{10, 77, 0, last}}));
  }

  ZoneTable::Builder builder_;
  std::unique_ptr<const ZoneTable> table_;
};

}  // namespace summon::dns::dnssec::test
