// SPDX-License-Identifier: Apache-2.0
// Names of types and codes.
#include "dns/types.h"

#include <algorithm>
#include <array>

#include "base/strings.h"

namespace summon::dns {

namespace {

struct TypeName {
  RrType type;
  std::string_view name;
};
constexpr TypeName kTypeNames[] = {
    {RrType::kA, "A"},
    {RrType::kNs, "NS"},
    {RrType::kCname, "CNAME"},
    {RrType::kSoa, "SOA"},
    {RrType::kPtr, "PTR"},
    {RrType::kHinfo, "HINFO"},
    {RrType::kMx, "MX"},
    {RrType::kTxt, "TXT"},
    {RrType::kRp, "RP"},
    {RrType::kAfsdb, "AFSDB"},
    {RrType::kAaaa, "AAAA"},
    {RrType::kLoc, "LOC"},
    {RrType::kSrv, "SRV"},
    {RrType::kNaptr, "NAPTR"},
    {RrType::kKx, "KX"},
    {RrType::kDname, "DNAME"},
    {RrType::kOpt, "OPT"},
    {RrType::kDs, "DS"},
    {RrType::kSshfp, "SSHFP"},
    {RrType::kRrsig, "RRSIG"},
    {RrType::kNsec, "NSEC"},
    {RrType::kDnskey, "DNSKEY"},
    {RrType::kNsec3, "NSEC3"},
    {RrType::kNsec3param, "NSEC3PARAM"},
    {RrType::kTlsa, "TLSA"},
    {RrType::kSmimea, "SMIMEA"},
    {RrType::kCds, "CDS"},
    {RrType::kCdnskey, "CDNSKEY"},
    {RrType::kOpenpgpkey, "OPENPGPKEY"},
    {RrType::kSvcb, "SVCB"},
    {RrType::kHttps, "HTTPS"},
    {RrType::kSpf, "SPF"},
    {RrType::kNxName, "NXNAME"},
    {RrType::kTkey, "TKEY"},
    {RrType::kTsig, "TSIG"},
    {RrType::kIxfr, "IXFR"},
    {RrType::kAxfr, "AXFR"},
    {RrType::kMailb, "MAILB"},
    {RrType::kMaila, "MAILA"},
    {RrType::kAny, "ANY"},
    {RrType::kUri, "URI"},
    {RrType::kCaa, "CAA"},
};

}  // namespace

std::string TypeText(RrType type) {
  for (const TypeName& known : kTypeNames) {
    if (known.type == type) return std::string(known.name);
  }
  return StrCat("TYPE", static_cast<std::uint16_t>(type));
}

std::optional<RrType> ParseType(std::string_view text) {
  constexpr std::string_view kGeneric = "TYPE";
  constexpr std::size_t kNameMax = 16;  // no name is longer
  if (text.size() > kNameMax) return std::nullopt;
  std::array<char, kNameMax> space{};
  std::transform(text.begin(), text.end(), space.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  const std::string_view upper(space.data(), text.size());
  for (const TypeName& known : kTypeNames) {
    if (known.name == upper) return known.type;
  }
  if (!upper.starts_with(kGeneric)) return std::nullopt;
  const auto number = ParseUnsigned(upper.substr(kGeneric.size()));
  if (!number || *number > 65'535) return std::nullopt;
  return static_cast<RrType>(*number);
}

std::string RcodeText(Rcode rcode) {
  switch (rcode) {
    case Rcode::kNoError: return "NOERROR";
    case Rcode::kFormErr: return "FORMERR";
    case Rcode::kServFail: return "SERVFAIL";
    case Rcode::kNxDomain: return "NXDOMAIN";
    case Rcode::kNotImp: return "NOTIMP";
    case Rcode::kRefused: return "REFUSED";
    case Rcode::kNotAuth: return "NOTAUTH";
    case Rcode::kBadVers: return "BADVERS";
    case Rcode::kBadCookie: return "BADCOOKIE";
  }
  return StrCat("RCODE", static_cast<std::uint16_t>(rcode));
}

}  // namespace summon::dns
