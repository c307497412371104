// SPDX-License-Identifier: Apache-2.0
// Names from text: what parses is within the limits and survives the way through text and wire.
#include <string_view>

#include "base/check.h"
#include "dns/endpoint.h"
#include "dns/name.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using summon::dns::Endpoint;
  using summon::dns::Name;
  // SAFETY: char and uint8_t have the same representation.
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto name = Name::Parse(text);
  if (name.ok()) {
    const auto again = Name::Parse(name->ToText());
    SUMMON_CHECK(again.ok() && again->wire().size() == name->wire().size());
    SUMMON_CHECK(*again == *name && name->wire().size() <= Name::kWireMax);
    const auto from_wire = Name::FromWire(name->wire());
    SUMMON_CHECK(from_wire && from_wire->ToText() == name->ToText());
    SUMMON_CHECK(name->IsSubdomainOf(name->Parent()));
    SUMMON_CHECK(name->Hash({3, 4}) == name->Lowered().Hash({3, 4}));
  }
  const auto endpoint = Endpoint::Parse(text);
  if (endpoint.ok()) {
    const auto again = Endpoint::Parse(endpoint->ToString());
    SUMMON_CHECK(again.ok() && *again == *endpoint);
  }
  return 0;
}
