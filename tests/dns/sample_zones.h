// SPDX-License-Identifier: Apache-2.0
#pragma once
// One small set of zones with every kind of name in it, for tests and fuzz targets.

#include <memory>
#include <string>

#include "base/check.h"
#include "dns/zone.h"
#include "tests/dns/wire.h"

namespace summon::dns::test {

inline constexpr OwnerTag kHello = 7;

class SampleZones {
 public:
  SampleZones() : builder_(SipKey{1, 2}) {
    Soa soa;
    soa.primary = N("ns1.summon.test");
    soa.mailbox = N("ops.summon.test");
    Zone("summon.test", soa);
    Add("summon.test", RrType::kNs, NameRdata(N("ns1.summon.test")));
    Add("ns1.summon.test", RrType::kA, AddressRdata(Ipv4Address{{10, 77, 0, 1}}));
    Add("hello.summon.test", RrType::kA, AddressRdata(Ipv4Address{{10, 77, 0, 10}}));
    Must(builder_.SetOwner(N("hello.summon.test"), kHello));
    Add("alias.summon.test", RrType::kCname, NameRdata(N("hello.summon.test")));
    Add("away.summon.test", RrType::kCname, NameRdata(N("www.example.org")));
    Add("dangling.summon.test", RrType::kCname, NameRdata(N("missing.summon.test")));
    Add("loop1.summon.test", RrType::kCname, NameRdata(N("loop2.summon.test")));
    Add("loop2.summon.test", RrType::kCname, NameRdata(N("loop1.summon.test")));
    Add("deep.empty.summon.test", RrType::kTxt, TextRdata("below an empty non-terminal"));
    Add("*.wild.summon.test", RrType::kA, AddressRdata(Ipv4Address{{10, 77, 0, 20}}));
    Add("exact.wild.summon.test", RrType::kTxt, TextRdata("hides the wildcard"));
    Add("summon.test", RrType::kMx, MxRdata({10, N("mail.summon.test")}));
    Add("_http._tcp.summon.test", RrType::kSrv, SrvRdata({0, 0, 80, N("hello.summon.test")}));
    Add("sub.summon.test", RrType::kNs, NameRdata(N("ns.sub.summon.test")));
    Add("ns.sub.summon.test", RrType::kA, AddressRdata(Ipv4Address{{10, 77, 0, 30}}));
    Add("opaque.summon.test", static_cast<RrType>(65'280), Rdata{1, 2, 3});
    for (int i = 0; i < 40; ++i) {
      const std::string text = std::string(100, 'x') + std::to_string(i);
      Add("big.summon.test", RrType::kTxt, TextRdata(text));
    }
    soa.primary = N("ns1.summon.test");
    Zone("inner.summon.test", soa);
    Add("inner.summon.test", RrType::kNs, NameRdata(N("ns1.summon.test")));
    Add("host.inner.summon.test", RrType::kA, AddressRdata(Ipv4Address{{10, 77, 0, 40}}));
    auto built = std::move(builder_).Build();
    SUMMON_CHECK(built.ok());
    table_ = std::move(built).value();
  }
  const ZoneTable& table() const { return *table_; }

 private:
  static constexpr std::uint32_t kTtl = 300;
  static void Must(const Status& status) { SUMMON_CHECK(status.ok()); }
  void Zone(std::string_view apex, const Soa& soa) { Must(builder_.AddZone(N(apex), soa, kTtl)); }
  void Add(std::string_view owner, RrType type, const Rdata& rdata) {
    Must(builder_.AddRecord({N(owner), type, kTtl, rdata}));
  }

  ZoneTable::Builder builder_;
  std::unique_ptr<const ZoneTable> table_;
};

}  // namespace summon::dns::test
