// SPDX-License-Identifier: Apache-2.0
// The table of forms; each with where it is defined.
#include "dns/rdata_form.h"

namespace summon::dns {

namespace {

using enum Field;

constexpr Field kA[] = {kIpv4};
constexpr Field kAaaa[] = {kIpv6};
constexpr Field kOneName[] = {kName};
constexpr Field kTwoNames[] = {kName, kName};
constexpr Field kSoa[] = {kName, kName, kU32, kPeriod, kPeriod, kPeriod, kPeriod};
constexpr Field kHinfo[] = {kString, kString};
constexpr Field kTxt[] = {kStrings};
constexpr Field kNumberedName[] = {kU16, kName};
constexpr Field kSrv[] = {kU16, kU16, kU16, kName};
constexpr Field kNaptr[] = {kU16, kU16, kString, kString, kString, kName};
constexpr Field kDs[] = {kU16, kU8, kU8, kHex};
constexpr Field kSshfp[] = {kU8, kU8, kHex};
constexpr Field kTlsa[] = {kU8, kU8, kU8, kHex};
constexpr Field kDnskey[] = {kU16, kU8, kU8, kBase64};
constexpr Field kRrsig[] = {kCode, kU8, kU8, kU32, kTime, kTime, kU16, kName, kBase64};
constexpr Field kNsec[] = {kName, kTypes};
constexpr Field kOpenpgpkey[] = {kBase64};
constexpr Field kSvcb[] = {kU16, kName, kSvcParams};
constexpr Field kUri[] = {kU16, kU16, kText};
constexpr Field kCaa[] = {kU8, kTag, kText};

}  // namespace

std::span<const Field> FormOf(RrType type) {
  switch (type) {
    case RrType::kA: return kA;             // RFC 1035 section 3.4.1
    case RrType::kAaaa: return kAaaa;       // RFC 3596 section 2.2
    case RrType::kNs:                       // RFC 1035 section 3.3.11
    case RrType::kCname:                    // RFC 1035 section 3.3.1
    case RrType::kPtr:                      // RFC 1035 section 3.3.12
    case RrType::kDname: return kOneName;   // RFC 6672 section 2.1
    case RrType::kSoa: return kSoa;         // RFC 1035 section 3.3.13
    case RrType::kRp: return kTwoNames;     // RFC 1183 section 2.2
    case RrType::kHinfo: return kHinfo;     // RFC 1035 section 3.3.2
    case RrType::kTxt:                      // RFC 1035 section 3.3.14
    case RrType::kSpf: return kTxt;         // RFC 4408 section 3.1.1
    case RrType::kMx:                       // RFC 1035 section 3.3.9
    case RrType::kAfsdb:                    // RFC 1183 section 1
    case RrType::kKx: return kNumberedName; // RFC 2230 section 3.1
    case RrType::kSrv: return kSrv;         // RFC 2782
    case RrType::kNaptr: return kNaptr;     // RFC 3403 section 4.1
    case RrType::kDs:                       // RFC 4034 section 5.1
    case RrType::kCds: return kDs;          // RFC 7344 section 3.1
    case RrType::kSshfp: return kSshfp;     // RFC 4255 section 3.1
    case RrType::kTlsa:                     // RFC 6698 section 2.1
    case RrType::kSmimea: return kTlsa;     // RFC 8162 section 2
    case RrType::kDnskey:                   // RFC 4034 section 2.1
    case RrType::kCdnskey: return kDnskey;  // RFC 7344 section 3.2
    case RrType::kRrsig: return kRrsig;     // RFC 4034 section 3.1
    case RrType::kNsec: return kNsec;       // RFC 4034 section 4.1
    case RrType::kOpenpgpkey: return kOpenpgpkey;  // RFC 7929 section 2.1
    case RrType::kSvcb:
    case RrType::kHttps: return kSvcb;  // RFC 9460 section 2.2
    case RrType::kUri: return kUri;     // RFC 7553 section 4.5
    case RrType::kCaa: return kCaa;     // RFC 8659 section 4.1
    default: return {};
  }
}

}  // namespace summon::dns
