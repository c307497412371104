// SPDX-License-Identifier: Apache-2.0
// The zones of the conformance tests, and the two forms that they take.
#include "tests/dns/conformance/zones.h"

#include <map>
#include <sstream>

#include "base/check.h"
#include "base/strings.h"
#include "tests/dns/wire.h"

namespace summon::dns::test {

namespace {

RrType TypeOf(const std::string& text) {
  static const std::map<std::string, RrType> kTypes = {
      {"A", RrType::kA},         {"AAAA", RrType::kAaaa},   {"NS", RrType::kNs},
      {"CNAME", RrType::kCname}, {"PTR", RrType::kPtr},     {"MX", RrType::kMx},
      {"SRV", RrType::kSrv},     {"TXT", RrType::kTxt},     {"DS", RrType::kDs},
      {"CAA", RrType::kCaa},     {"HTTPS", RrType::kHttps}, {"SVCB", RrType::kSvcb}};
  const auto found = kTypes.find(text);
  if (found != kTypes.end()) return found->second;
  SUMMON_CHECK(text.starts_with("TYPE"));
  return static_cast<RrType>(std::stoi(text.substr(4)));
}

Rdata GenericRdata(std::istringstream& words) {
  std::size_t length = 0;
  std::string hex;
  words >> length;
  for (std::string word; words >> word;) hex += word;
  const Packet octets = FromHex(hex);
  SUMMON_CHECK(octets.size() == length);
  return octets;
}

Rdata RdataOf(const SourceRecord& record) {
  if (record.type == "TXT" && record.data.starts_with('"')) {
    return TextRdata(std::string_view(record.data).substr(1, record.data.size() - 2));
  }
  std::istringstream words(record.data);
  std::string first, last;
  if (record.data.starts_with("\\#")) {
    words >> first;
    return GenericRdata(words);
  }
  if (record.type == "A") return AddressRdata(*Ipv4Address::Parse(record.data));
  if (record.type == "AAAA") return AddressRdata(*Ipv6Address::Parse(record.data));
  std::uint16_t one = 0, two = 0, three = 0;
  if (record.type == "MX") {
    words >> one >> last;
    return MxRdata({one, N(last)});
  }
  if (record.type == "SRV") {
    words >> one >> two >> three >> last;
    return SrvRdata({one, two, three, N(last)});
  }
  return NameRdata(N(record.data));
}

Soa SoaOf(const SourceZone& zone) {
  Soa soa;
  soa.primary = N("ns1." + zone.apex);
  soa.mailbox = N("ops." + zone.apex);
  soa.minimum_s = kSoaMinimum;
  return soa;
}

// Sets of many records and of long ones, for truncation. Sizes without EDNS: "many" is above 512,
// "big" above 1232, "huge" above 4096 octets.
void AddLargeSets(std::vector<SourceRecord>& records) {
  for (int i = 0; i < 40; ++i) {
    records.push_back({"many.conf.test", "A", StrCat("192.0.2.", i)});
  }
  for (int i = 0; i < 15; ++i) {
    records.push_back({"big.conf.test", "TXT", StrCat('"', std::string(100, 'x'), i, '"')});
  }
  for (int i = 0; i < 60; ++i) {
    records.push_back({"huge.conf.test", "TXT", StrCat('"', std::string(100, 'y'), i, '"')});
  }
  // More glue than 512 octets hold.
  for (int i = 0; i < 13; ++i) {
    const std::string server = StrCat("server-with-a-long-name-", i, ".crowd.conf.test");
    records.push_back({"crowd.conf.test", "NS", server});
    records.push_back({server, "A", StrCat("198.51.100.", i)});
    records.push_back({server, "AAAA", StrCat("2001:db8::", i + 1)});
  }
}

SourceZone MainZone() {
  SourceZone zone{"conf.test",
                  {{"conf.test", "NS", "ns1.conf.test"},
                   {"conf.test", "NS", "ns2.conf.test"},
                   {"conf.test", "MX", "10 mail.conf.test"},
                   {"conf.test", "TXT", "\"apex\""},
                   {"ns1.conf.test", "A", "192.0.2.1"},
                   {"ns1.conf.test", "AAAA", "2001:db8::53"},
                   {"ns2.conf.test", "A", "192.0.2.2"},
                   {"mail.conf.test", "A", "192.0.2.25"},
                   {"www.conf.test", "A", "192.0.2.80"},
                   {"www.conf.test", "A", "192.0.2.81"},
                   {"www.conf.test", "AAAA", "2001:db8::80"},
                   {"only4.conf.test", "A", "192.0.2.4"},
                   {"MiXeD.conf.test", "A", "192.0.2.5"},
                   {"alias.conf.test", "CNAME", "www.conf.test"},
                   {"alias2.conf.test", "CNAME", "alias.conf.test"},
                   {"away.conf.test", "CNAME", "www.example.org"},
                   {"dangling.conf.test", "CNAME", "missing.conf.test"},
                   {"half.conf.test", "CNAME", "only4.conf.test"},
                   {"tosub.conf.test", "CNAME", "host.sub.conf.test"},
                   {"toinner.conf.test", "CNAME", "host.inner.conf.test"},
                   {"towild.conf.test", "CNAME", "any.wild.conf.test"},
                   {"loop1.conf.test", "CNAME", "loop2.conf.test"},
                   {"loop2.conf.test", "CNAME", "loop1.conf.test"},
                   {"self.conf.test", "CNAME", "self.conf.test"},
                   {"deep.empty.conf.test", "TXT", "\"below an empty non-terminal\""},
                   {"*.wild.conf.test", "A", "192.0.2.20"},
                   {"*.wild.conf.test", "TXT", "\"wild\""},
                   {"exact.wild.conf.test", "TXT", "\"hides the wildcard\""},
                   {"b.between.wild.conf.test", "A", "192.0.2.21"},
                   {"*.cwild.conf.test", "CNAME", "www.conf.test"},
                   {"sub.conf.test", "NS", "ns.sub.conf.test"},
                   {"sub.conf.test", "NS", "ns.example.org"},
                   {"ns.sub.conf.test", "A", "192.0.2.30"},
                   {"ns.sub.conf.test", "AAAA", "2001:db8::30"},
                   {"signed.conf.test", "NS", "ns.example.org"},
                   {"signed.conf.test", "DS",
                    "\\# 36 04d20d02 "
                    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"},
                   {"inner.conf.test", "NS", "ns1.inner.conf.test"},
                   {"ns1.inner.conf.test", "A", "192.0.2.3"},
                   {"_http._tcp.conf.test", "SRV", "1 2 80 www.conf.test"},
                   {"svc.conf.test", "HTTPS", "\\# 10 0001000001000302 6832"},
                   {"caa.conf.test", "CAA", "\\# 9 0005697373756541 42"},
                   {"opaque.conf.test", "TYPE65280", "\\# 4 01c00c00"},
                   {"ptr.conf.test", "PTR", "www.conf.test"}}};
  AddLargeSets(zone.records);
  return zone;
}

SourceZone InnerZone() {
  return {"inner.conf.test",
          {{"inner.conf.test", "NS", "ns1.inner.conf.test"},
           {"ns1.inner.conf.test", "A", "192.0.2.3"},
           {"host.inner.conf.test", "A", "192.0.2.40"}}};
}

SourceZone WildcardZone() {
  return {"example",
          {{"example", "NS", "ns.example.com"},
           {"example", "NS", "ns.example.net"},
           {"*.example", "TXT", "\"this is a wildcard\""},
           {"*.example", "MX", "10 host1.example"},
           {"sub.*.example", "TXT", "\"this is not a wildcard\""},
           {"host1.example", "A", "192.0.2.1"},
           {"_ssh._tcp.host1.example", "SRV", "0 0 22 host1.example"},
           {"_ssh._tcp.host2.example", "SRV", "0 0 22 host1.example"},
           {"subdel.example", "NS", "ns.example.com"},
           {"subdel.example", "NS", "ns.example.net"}}};
}

}  // namespace

std::vector<SourceZone> ConformanceZones() { return {MainZone(), InnerZone(), WildcardZone()}; }

std::unique_ptr<const ZoneTable> BuildTable(const std::vector<SourceZone>& zones) {
  ZoneTable::Builder builder(SipKey{1, 2});
  // All apexes first: a record belongs to the nearest zone above it.
  for (const SourceZone& zone : zones) {
    SUMMON_CHECK(builder.AddZone(N(zone.apex), SoaOf(zone), kSoaTtl).ok());
  }
  for (const SourceZone& zone : zones) {
    for (const SourceRecord& record : zone.records) {
      const Status added =
          builder.AddRecord({N(record.owner), TypeOf(record.type), record.ttl, RdataOf(record)});
      SUMMON_CHECK(added.ok());
    }
  }
  auto built = std::move(builder).Build();
  SUMMON_CHECK(built.ok());
  return std::move(built).value();
}

std::string ZoneFileText(const SourceZone& zone) {
  std::string text = StrCat(zone.apex, ". ", kSoaTtl, " IN SOA ns1.", zone.apex, ". ops.",
                            zone.apex, ". 1 3600 600 86400 ", kSoaMinimum, "\n");
  for (const SourceRecord& record : zone.records) {
    std::string data = record.data;
    const bool ends_in_name = record.type == "NS" || record.type == "CNAME" ||
                              record.type == "PTR" || record.type == "MX" || record.type == "SRV";
    if (ends_in_name) data += '.';
    text += StrCat(record.owner, ". ", record.ttl, " IN ", record.type, ' ', data, "\n");
  }
  return text;
}

}  // namespace summon::dns::test
