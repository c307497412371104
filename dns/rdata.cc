// SPDX-License-Identifier: Apache-2.0
// Record data, made and checked.
#include "dns/rdata.h"

#include <algorithm>

#include "base/strings.h"

namespace summon::dns {

namespace {

void PutBe16(Rdata& out, std::uint16_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}

void PutBe32(Rdata& out, std::uint32_t value) {
  PutBe16(out, static_cast<std::uint16_t>(value >> 16));
  PutBe16(out, static_cast<std::uint16_t>(value));
}

void PutName(Rdata& out, const Name& name) {
  out.insert(out.end(), name.wire().begin(), name.wire().end());
}

// True when `bytes` is `prefix` octets, then `names` names, then `suffix` octets.
struct Form {
  std::size_t prefix;
  std::size_t names;
  std::size_t suffix;
};
bool HasForm(Bytes bytes, const Form& form) {
  if (bytes.size() < form.prefix) return false;
  bytes = bytes.subspan(form.prefix);
  for (std::size_t i = 0; i < form.names; ++i) {
    const std::size_t length = WireNameLength(bytes);
    if (length == 0) return false;
    bytes = bytes.subspan(length);
  }
  return bytes.size() == form.suffix;
}

// The number of character strings (RFC 1035 section 3.3) that fill `bytes`; 0 when none do.
std::size_t CountStrings(Bytes bytes) {
  std::size_t count = 0;
  ByteReader reader(bytes);
  while (const auto length = reader.U8()) {
    if (!reader.Skip(*length)) return 0;
    ++count;
  }
  return count;
}

bool WellFormed(RrType type, Bytes rdata) {
  constexpr std::size_t kStringsOfHinfo = 2;
  switch (type) {
    case RrType::kA: return HasForm(rdata, {4, 0, 0});
    case RrType::kAaaa: return HasForm(rdata, {16, 0, 0});
    case RrType::kNs:
    case RrType::kCname:
    case RrType::kPtr: return HasForm(rdata, {0, 1, 0});
    case RrType::kSoa: return HasForm(rdata, {0, 2, 20});
    case RrType::kMx: return HasForm(rdata, {2, 1, 0});
    case RrType::kSrv: return HasForm(rdata, {6, 1, 0});
    case RrType::kTxt: return CountStrings(rdata) > 0;
    case RrType::kHinfo: return CountStrings(rdata) == kStringsOfHinfo;
    default: return rdata.size() <= 65'535;
  }
}

}  // namespace

Rdata AddressRdata(Ipv4Address address) {
  return Rdata(address.octets.begin(), address.octets.end());
}

Rdata AddressRdata(const Ipv6Address& address) {
  return Rdata(address.octets.begin(), address.octets.end());
}

Rdata NameRdata(const Name& name) {
  Rdata out;
  PutName(out, name);
  return out;
}

Rdata TextRdata(std::string_view text) {
  constexpr std::size_t kStringMax = 255;
  Rdata out;
  do {
    const std::string_view piece = text.substr(0, kStringMax);
    out.push_back(static_cast<std::uint8_t>(piece.size()));
    out.insert(out.end(), piece.begin(), piece.end());
    text.remove_prefix(piece.size());
  } while (!text.empty());
  return out;
}

Rdata MxRdata(const Mx& mx) {
  Rdata out;
  PutBe16(out, mx.preference);
  PutName(out, mx.exchange);
  return out;
}

Rdata SrvRdata(const Srv& srv) {
  Rdata out;
  PutBe16(out, srv.priority);
  PutBe16(out, srv.weight);
  PutBe16(out, srv.port);
  PutName(out, srv.target);
  return out;
}

Rdata SoaRdata(const Soa& soa) {
  Rdata out;
  PutName(out, soa.primary);
  PutName(out, soa.mailbox);
  PutBe32(out, soa.serial);
  PutBe32(out, soa.refresh_s);
  PutBe32(out, soa.retry_s);
  PutBe32(out, soa.expire_s);
  PutBe32(out, soa.minimum_s);
  return out;
}

Status CheckRdata(RrType type, Bytes rdata) {
  if (WellFormed(type, rdata)) return Ok();
  return Error(ErrorCode::kInvalid, StrCat("check data of type ", TypeText(type), ": ",
                                           rdata.size(), " octets are not well-formed for it"));
}

RdataShape CompressibleShape(RrType type) {
  switch (type) {
    case RrType::kNs:
    case RrType::kCname:
    case RrType::kPtr: return {0, 1};
    case RrType::kSoa: return {0, 2};
    case RrType::kMx: return {2, 1};
    default: return {0, 0};
  }
}

std::size_t WireNameLength(Bytes bytes) {
  std::size_t at = 0;
  while (at < bytes.size() && at < Name::kWireMax) {
    if (bytes[at] == 0) return at + 1;
    if (bytes[at] > Name::kLabelMax) return 0;
    at += 1 + std::size_t{bytes[at]};
  }
  return 0;
}

}  // namespace summon::dns
