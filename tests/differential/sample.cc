// SPDX-License-Identifier: Apache-2.0
// Making the zone and the questions; see the header.
#include "tests/differential/sample.h"

#include <array>
#include <random>
#include <set>

#include "base/strings.h"

namespace summon::differential {

namespace {

constexpr int kHosts = 60;
constexpr int kGroups = 12;  // of each special kind

class Maker final {
 public:
  explicit Maker(std::uint64_t seed) : random_(seed) {}

  Sample Make() {
    Add("@", "3600 SOA ns1 hostmaster 2026112801 7200 900 1209600 60");
    Add("@", "NS ns1");
    Add("@", "NS ns.elsewhere.test.");
    Add("@", "MX 10 h0");
    Add("@", "TXT \"v=spf1 -all\" \"second\"");
    Add("@", "CAA 0 issue \"ca.example\"");
    Add("ns1", "A 192.0.2.1");
    Add("ns1", "AAAA 2001:db8::1");
    for (int i = 0; i < kHosts; ++i) Host(StrCat("h", i));
    for (int i = 0; i < kGroups; ++i) {
      Hollow(i);
      Wildcard(i);
      Alias(i);
      Delegation(i);
      Service(i);
      Crowd(i);
    }
    return std::move(sample_);
  }

 private:
  bool Chance(int percent) { return std::uniform_int_distribution<>(1, 100)(random_) <= percent; }
  int Number(int below) { return std::uniform_int_distribution<>(0, below - 1)(random_); }

  void Add(const std::string& owner, const std::string& record) {
    sample_.zone_file += StrCat(owner, " ", record, "\n");
    sample_.names.push_back(owner == "@" ? kApex : StrCat(owner, ".", kApex));
  }
  std::string Ipv4() { return StrCat("198.51.100.", Number(250) + 1); }
  std::string Ipv6() { return StrCat("2001:db8::", Number(9000) + 1); }

  void Host(const std::string& owner) {
    Add(owner, StrCat(Number(500) + 1, " A ", Ipv4()));
    if (Chance(60)) Add(owner, StrCat("AAAA ", Ipv6()));
    if (Chance(30)) Add(owner, StrCat("MX ", Number(50), " h", Number(kHosts)));
    if (Chance(30)) Add(owner, "TXT \"a; text\" \"with \\\"quotes\\\" and \\200\"");
    if (Chance(20)) Add(owner, StrCat("HTTPS 1 . alpn=h2,http/1.1 ipv4hint=", Ipv4()));
    if (Chance(20)) Add(owner, "TYPE65280 \\# 4 0a0b0c0d");
    if (Chance(20)) Add(owner, "CAA 128 issuewild \";\"");
    if (Chance(20)) Add(owner, StrCat("SVCB 2 h", Number(kHosts), " port=8053"));
  }
  // Names that exist only because there is something below them.
  void Hollow(int i) {
    Add(StrCat("leaf.b", i, ".hollow", i), StrCat("A ", Ipv4()));
    if (Chance(50)) Add(StrCat("other.deep.b", i, ".hollow", i), StrCat("TXT ", i));
  }
  void Wildcard(int i) {
    const std::string owner = StrCat("*.w", i);
    if (i % 3 == 0) {
      Add(owner, StrCat("CNAME h", Number(kHosts)));
    } else {
      Add(owner, StrCat("A ", Ipv4()));
      if (Chance(50)) Add(owner, StrCat("MX 5 h", Number(kHosts)));
    }
    // What exists below the same name is not matched, nor what lies below it.
    Add(StrCat("exists.w", i), StrCat("TXT ", i));
    if (Chance(50)) Add(StrCat("leaf.hollow.w", i), StrCat("AAAA ", Ipv6()));
    if (Chance(30)) Add(StrCat("below.*.w", i), "TXT literal");
    if (Chance(50)) Add(StrCat("w", i), StrCat("A ", Ipv4()));
  }
  void Alias(int i) {
    Add(StrCat("c", i), StrCat("CNAME h", Number(kHosts)));
    Add(StrCat("chain", i), StrCat("CNAME c", i));
    Add(StrCat("out", i), StrCat("CNAME www.elsewhere", i, ".test."));
    Add(StrCat("lost", i), StrCat("CNAME nobody", i));
    Add(StrCat("towild", i), StrCat("CNAME x", i, ".w", i));
    Add(StrCat("tohollow", i), StrCat("CNAME b", i, ".hollow", i));
    Add(StrCat("below-cut", i), StrCat("CNAME www.d", i));
  }
  void Delegation(int i) {
    const std::string cut = StrCat("d", i);
    Add(cut, StrCat("NS ns.", cut));
    Add(StrCat("ns.", cut), StrCat("A ", Ipv4()));
    if (Chance(50)) Add(StrCat("ns.", cut), StrCat("AAAA ", Ipv6()));
    if (Chance(50)) Add(cut, "NS ns.elsewhere.test.");
    if (Chance(50)) Add(cut, StrCat("NS h", Number(kHosts)));
    if (Chance(40)) Add(cut, StrCat("DS ", 1000 + i, " 13 2 ", std::string(64, 'a')));
  }
  void Service(int i) {
    Add(StrCat("_http._tcp.s", i), StrCat("SRV 0 5 80 h", Number(kHosts)));
    if (Chance(50)) Add(StrCat("_http._tcp.s", i), StrCat("SRV 1 5 8080 c", i));
  }

  // Around the sizes at which an answer no longer fits: 512 octets and 1232.
  void Crowd(int i) {
    for (int j = 0; j < 6 + 7 * i; ++j) Add(StrCat("many", i), StrCat("A 198.51.", i, ".", j));
  }

  std::mt19937_64 random_;
  Sample sample_;
};

constexpr std::array<std::uint16_t, 17> kTypes = {1,  1,  1,  28, 28, 2,   5,   6,    12,
                                                  15, 16, 33, 43, 48, 257, 65,  65280};
constexpr std::array<const char*, 9> kPrefixes = {"",         "",       "",      "x.",     "*.",
                                                  "x.y.",     "exists.", "ns.",  "_http._tcp."};

}  // namespace

Sample MakeSample(std::uint64_t seed) {
  Sample sample = Maker(seed).Make();
  sample.zone_file = StrCat("$ORIGIN ", kApex, ".\n$TTL 300\n", sample.zone_file);
  return sample;
}

std::vector<Question> MakeQuestions(const Sample& sample, std::uint64_t seed, std::size_t count) {
  std::mt19937_64 random(seed);
  const auto number = [&random](std::size_t below) {
    return std::uniform_int_distribution<std::size_t>(0, below - 1)(random);
  };
  std::vector<Question> questions;
  while (questions.size() < count) {
    std::string name = kPrefixes[number(kPrefixes.size())] +
                       sample.names[number(sample.names.size())];
    // Its parents exist, too, or do not.
    for (std::size_t up = number(10); up > 7; --up) name = name.substr(name.find('.') + 1);
    if (number(10) == 0) name = StrCat("z", number(100), ".", name);
    // Outside of the zone each server refuses in its own way (with OPT or without).
    if (!name.ends_with(kApex)) continue;
    for (char& c : name) {
      if (c >= 'a' && c <= 'z' && number(4) == 0) c = static_cast<char>(c - 'a' + 'A');
    }
    const bool edns = number(3) != 0;
    questions.push_back({.name = name,
                         .type = kTypes[number(kTypes.size())],
                         .edns = edns,
                         .wants_dnssec = edns && number(3) == 0});
  }
  return questions;
}

}  // namespace summon::differential
