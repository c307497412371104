// SPDX-License-Identifier: Apache-2.0
// What may stand beside what, so that every server takes the zone.
#include "tests/dns/conformance/generated.h"

#include <array>
#include <map>
#include <set>

#include "base/strings.h"

namespace summon::dns::test {

namespace {

constexpr std::array<const char*, 8> kLabels = {"a", "b", "c", "d", "www", "_tcp", "x-y", "*"};
constexpr int kNames = 120;
constexpr int kDepthMax = 4;
constexpr std::array<RrType, 22> kTypes = {RrType::kA,
                                           RrType::kA,
                                           RrType::kA,
                                           RrType::kAaaa,
                                           RrType::kTxt,
                                           RrType::kMx,
                                           RrType::kNs,
                                           RrType::kSoa,
                                           RrType::kCname,
                                           RrType::kSrv,
                                           RrType::kPtr,
                                           RrType::kDs,
                                           RrType::kHttps,
                                           RrType::kSvcb,
                                           RrType::kCaa,
                                           RrType::kHinfo,
                                           RrType::kNsec,
                                           RrType::kRrsig,
                                           RrType::kDnskey,
                                           RrType::kNaptr,
                                           static_cast<RrType>(1'234),
                                           static_cast<RrType>(65'280)};

template <typename Values>
auto Pick(std::mt19937& random, const Values& values) {
  return values[random() % values.size()];
}

// Below the apex; labels of asterisks anywhere.
std::string RandomName(std::mt19937& random) {
  std::string name = kGeneratedApex;
  const auto depth = random() % (kDepthMax + 1);
  for (std::size_t i = 0; i < depth; ++i) name = StrCat(Pick(random, kLabels), '.', name);
  return name;
}

std::string RandomCase(std::mt19937& random, std::string name) {
  for (char& c : name) {
    if (c >= 'a' && c <= 'z' && random() % 2 == 0) c = static_cast<char>(c - 'a' + 'A');
  }
  return name;
}

void AddData(std::mt19937& random, const std::string& owner, std::vector<SourceRecord>& records) {
  const auto address = [&random] { return StrCat("192.0.2.", random() % 250); };
  switch (random() % 7) {
    case 0:
    case 1:
      for (unsigned i = 0; i <= random() % 3; ++i) records.push_back({owner, "A", address()});
      break;
    case 2: records.push_back({owner, "AAAA", StrCat("2001:db8::", random() % 999 + 1)}); break;
    case 3: records.push_back({owner, "TXT", StrCat("\"t", random(), '"')}); break;
    case 4: records.push_back({owner, "MX", StrCat("10 ", RandomName(random))}); break;
    case 5: records.push_back({owner, "SRV", StrCat("1 2 80 ", RandomName(random))}); break;
    case 6: records.push_back({owner, "TYPE65280", "\\# 3 010203"}); break;
  }
}

// A cut with a server inside it, and perhaps one elsewhere and a DS.
void AddCut(std::mt19937& random, const std::string& owner, std::vector<SourceRecord>& records) {
  records.push_back({owner, "NS", "ns." + owner});
  records.push_back({"ns." + owner, "A", "192.0.2.253"});
  if (random() % 2 == 0) records.push_back({owner, "NS", "ns.example.org"});
  if (random() % 3 == 0) records.push_back({owner, "DS", "\\# 8 04d20d02 00010203"});
}

bool HasAsterisk(const std::string& name) { return name.find('*') != std::string::npos; }

}  // namespace

SourceZone GenerateZone(std::uint32_t seed) {
  std::mt19937 random(seed);
  SourceZone zone{kGeneratedApex, {}};
  zone.records.push_back({kGeneratedApex, "NS", StrCat("ns1.", kGeneratedApex)});
  zone.records.push_back({kGeneratedApex, "NS", "ns.example.org"});
  zone.records.push_back({StrCat("ns1.", kGeneratedApex), "A", "192.0.2.254"});
  zone.records.push_back({kGeneratedApex, "TXT", "\"apex\""});
  std::set<std::string> used = {kGeneratedApex};
  std::set<std::string> cuts;
  const auto below_cut = [&cuts](std::string name) {
    while (!name.empty()) {
      if (cuts.contains(name)) return true;
      const std::size_t dot = name.find('.');
      name = dot == std::string::npos ? "" : name.substr(dot + 1);
    }
    return false;
  };
  for (int i = 0; i < kNames; ++i) {
    const std::string owner = RandomName(random);
    if (below_cut(owner) || !used.insert(owner).second) continue;
    const auto kind = random() % 10;
    if (kind == 0 && !HasAsterisk(owner)) {
      cuts.insert(owner);
      AddCut(random, owner, zone.records);
    } else if (kind <= 2) {
      zone.records.push_back({owner, "CNAME", RandomName(random)});
    } else {
      AddData(random, owner, zone.records);
      if (random() % 2 == 0) AddData(random, owner, zone.records);
    }
  }
  return zone;
}

GeneratedQuery GenerateQuery(std::mt19937& random) {
  GeneratedQuery query;
  query.name = RandomName(random);
  if (random() % 20 == 0) query.name = "elsewhere.invalid";
  query.type = Pick(random, kTypes);
  query.edns = random() % 2 == 0;
  const std::string asked = RandomCase(random, query.name);
  const Message::OptFields opt{.dnssec_ok = random() % 2 == 0};
  query.packet = query.edns ? EdnsQuery(asked, query.type, opt) : PlainQuery(asked, query.type);
  query.packet[0] = static_cast<std::uint8_t>(random());
  query.packet[1] = static_cast<std::uint8_t>(random());
  return query;
}

}  // namespace summon::dns::test
