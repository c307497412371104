// SPDX-License-Identifier: Apache-2.0
// Names of types and codes.
#include "dns/types.h"

#include "base/strings.h"

namespace summon::dns {

std::string TypeText(RrType type) {
  switch (type) {
    case RrType::kA: return "A";
    case RrType::kNs: return "NS";
    case RrType::kCname: return "CNAME";
    case RrType::kSoa: return "SOA";
    case RrType::kPtr: return "PTR";
    case RrType::kHinfo: return "HINFO";
    case RrType::kMx: return "MX";
    case RrType::kTxt: return "TXT";
    case RrType::kAaaa: return "AAAA";
    case RrType::kSrv: return "SRV";
    case RrType::kNaptr: return "NAPTR";
    case RrType::kDname: return "DNAME";
    case RrType::kOpt: return "OPT";
    case RrType::kDs: return "DS";
    case RrType::kRrsig: return "RRSIG";
    case RrType::kNsec: return "NSEC";
    case RrType::kDnskey: return "DNSKEY";
    case RrType::kSvcb: return "SVCB";
    case RrType::kHttps: return "HTTPS";
    case RrType::kNxName: return "NXNAME";
    case RrType::kTkey: return "TKEY";
    case RrType::kTsig: return "TSIG";
    case RrType::kIxfr: return "IXFR";
    case RrType::kAxfr: return "AXFR";
    case RrType::kMailb: return "MAILB";
    case RrType::kMaila: return "MAILA";
    case RrType::kAny: return "ANY";
    case RrType::kCaa: return "CAA";
  }
  return StrCat("TYPE", static_cast<std::uint16_t>(type));
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
