// SPDX-License-Identifier: Apache-2.0
// From record data to text; see rdata_text.h.
#include "base/strings.h"
#include "dns/binary_text.h"
#include "dns/calendar.h"
#include "dns/rdata_form.h"
#include "dns/rdata_text.h"
#include "dns/svcb.h"

namespace summon::dns {

namespace {

std::string OctetsOf(Bytes bytes) { return std::string(bytes.begin(), bytes.end()); }

std::string GenericText(Bytes rdata) {
  return StrCat("\\# ", rdata.size(), rdata.empty() ? "" : " ", HexText(rdata));
}

std::string TypesText(ByteReader& reader) {
  std::string out;
  while (const auto window = reader.U8()) {
    const Bytes bits = *reader.Take(*reader.U8());
    for (std::size_t bit = 0; bit < bits.size() * 8; ++bit) {
      if ((bits[bit / 8] & 0x80u >> bit % 8) == 0) continue;
      out += StrCat(' ', TypeText(static_cast<RrType>(*window * 256 + bit)));
    }
  }
  return out;
}

std::string StringText(ByteReader& reader) {
  return QuoteText(OctetsOf(*reader.Take(*reader.U8())));
}

template <typename Address>
std::string AddressText(ByteReader& reader) {
  Address address;
  const Bytes octets = *reader.Take(address.octets.size());
  std::copy(octets.begin(), octets.end(), address.octets.begin());
  return address.ToString();
}

Bytes Rest(ByteReader& reader) { return *reader.Take(reader.remaining()); }

// With a blank in front. The data has been checked: what is read is there.
std::string FieldText(Field field, ByteReader& reader) {
  switch (field) {
    case Field::kU8: return StrCat(' ', *reader.U8());
    case Field::kCode: return StrCat(' ', TypeText(static_cast<RrType>(*reader.Be16())));
    case Field::kU16: return StrCat(' ', *reader.Be16());
    case Field::kU32:
    case Field::kPeriod: return StrCat(' ', *reader.Be32());
    case Field::kTime: return StrCat(' ', CalendarTimeText(*reader.Be32()));
    case Field::kIpv4: return StrCat(' ', AddressText<Ipv4Address>(reader));
    case Field::kIpv6: return StrCat(' ', AddressText<Ipv6Address>(reader));
    case Field::kName: {
      const std::size_t length = WireNameLength(reader.all().subspan(reader.position()));
      return StrCat(' ', Name::FromWire(*reader.Take(length))->ToText());
    }
    case Field::kString: return StrCat(' ', StringText(reader));
    case Field::kTag: return StrCat(' ', OctetsOf(*reader.Take(*reader.U8())));
    case Field::kStrings: {
      std::string out;
      while (reader.remaining() > 0) out += StrCat(' ', StringText(reader));
      return out;
    }
    case Field::kText: return StrCat(' ', QuoteText(OctetsOf(Rest(reader))));
    case Field::kHex: return StrCat(' ', HexText(Rest(reader)));
    case Field::kBase64: return StrCat(' ', Base64Text(Rest(reader)));
    case Field::kTypes: return TypesText(reader);
    case Field::kSvcParams: return SvcParamsText(Rest(reader));
  }
  return {};
}

}  // namespace

std::string RdataToText(RrType type, Bytes rdata) {
  const std::span<const Field> form = FormOf(type);
  if (form.empty() || !CheckRdata(type, rdata).ok()) return GenericText(rdata);
  std::string out;
  ByteReader reader(rdata);
  for (const Field field : form) out += FieldText(field, reader);
  return out.substr(1);
}

}  // namespace summon::dns
