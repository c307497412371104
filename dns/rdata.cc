// SPDX-License-Identifier: Apache-2.0
// Record data, made and checked.
#include "dns/rdata.h"

#include <algorithm>

#include "base/strings.h"
#include "dns/rdata_form.h"
#include "dns/svcb.h"

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

// Takes character strings (RFC 1035 section 3.3) until the end; false when one is cut or none is.
bool SkipStrings(ByteReader& reader) {
  bool any = false;
  while (const auto length = reader.U8()) {
    if (!reader.Skip(*length)) return false;
    any = true;
  }
  return any;
}

bool SkipTag(ByteReader& reader) {
  const auto length = reader.U8();
  const auto tag = length ? reader.Take(*length) : std::nullopt;
  return tag && !tag->empty() && std::all_of(tag->begin(), tag->end(), [](std::uint8_t octet) {
    const std::uint8_t folded = FoldCase(octet);
    return (folded >= '0' && folded <= '9') || (folded >= 'a' && folded <= 'z');
  });
}

// RFC 4034 section 4.1.2: windows in order, each of 1..32 octets, the last of which is not 0.
bool SkipTypes(ByteReader& reader) {
  constexpr std::size_t kWindowMax = 32;
  int last = -1;
  while (const auto window = reader.U8()) {
    const auto length = reader.U8();
    if (!length || *length == 0 || *length > kWindowMax || *window <= last) return false;
    const auto bits = reader.Take(*length);
    if (!bits || bits->back() == 0) return false;
    last = *window;
  }
  return true;
}

bool SkipName(ByteReader& reader) {
  const std::size_t length = WireNameLength(reader.all().subspan(reader.position()));
  return length > 0 && reader.Skip(length);
}

// Takes one field; false when it is not well-formed.
bool SkipField(Field field, ByteReader& reader) {
  switch (field) {
    case Field::kU8: return reader.Skip(1);
    case Field::kU16:
    case Field::kCode: return reader.Skip(2);
    case Field::kU32:
    case Field::kPeriod:
    case Field::kTime:
    case Field::kIpv4: return reader.Skip(4);
    case Field::kIpv6: return reader.Skip(16);
    case Field::kName: return SkipName(reader);
    case Field::kTag: return SkipTag(reader);
    case Field::kString: {
      const auto length = reader.U8();
      return length && reader.Skip(*length);
    }
    case Field::kStrings: return SkipStrings(reader);
    case Field::kTypes: return SkipTypes(reader);
    case Field::kText: return reader.Skip(reader.remaining());
    case Field::kHex:
    case Field::kBase64: return reader.remaining() > 0 && reader.Skip(reader.remaining());
    case Field::kSvcParams: return SvcParamsWellFormed(*reader.Take(reader.remaining()));
  }
  return false;
}

bool WellFormed(RrType type, Bytes rdata) {
  if (rdata.size() > 65'535) return false;
  const std::span<const Field> form = FormOf(type);
  if (form.empty()) return true;
  ByteReader reader(rdata);
  for (const Field field : form) {
    if (!SkipField(field, reader)) return false;
  }
  return reader.remaining() == 0;
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
