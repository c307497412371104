// SPDX-License-Identifier: Apache-2.0
// Static records: names, types, and data in presentation format.
#include <map>

#include "base/strings.h"
#include "configs/checks.h"
#include "dns/rdata_text.h"

namespace summon::configs {

namespace {

constexpr std::size_t kTextMax = 4096;
constexpr std::size_t kHttpsMax = 8;
constexpr Range kTtlRange{1, 604'800};

// What a record's name may be, with a wildcard at its front (RFC 4592 section 2.1.1).
Result<std::string> CheckOwner(std::string_view text) {
  constexpr std::string_view kWildcard = "*.";
  if (!text.starts_with(kWildcard)) return CheckDnsName(text);
  auto rest = CheckDnsName(text.substr(kWildcard.size()));
  if (!rest.ok()) return rest;
  return StrCat(kWildcard, *rest);
}

bool IsText(dns::RrType type) {
  return type == dns::RrType::kTxt || type == dns::RrType::kSpf;
}

// Text stands for itself, so that nothing in it needs an escape; with a quote at its front it is in
// presentation format like all else.
bool IsPlainText(dns::RrType type, std::string_view value) {
  return IsText(type) && !value.starts_with('"') && !value.starts_with("\\#");
}

Result<dns::Rdata> ReadData(dns::RrType type, const std::string& value) {
  if (IsPlainText(type, value)) return dns::TextRdata(value);
  return dns::RdataFromText(type, value, dns::Name());
}

std::optional<dns::RrType> CheckType(const schema::Record& record, const Node& node) {
  if (record.has_type() && record.has_type_number()) {
    node.Error("type_number", -1, "type_number stands beside a type; one of them is enough");
    return std::nullopt;
  }
  if (record.has_type()) return static_cast<dns::RrType>(record.type());
  if (!record.has_type_number()) {
    (void)node.Missing("type");
    return std::nullopt;
  }
  const std::uint32_t number = record.type_number();
  const bool is_meta = number == static_cast<std::uint32_t>(dns::RrType::kOpt) ||
                       number == static_cast<std::uint32_t>(dns::RrType::kSoa) ||
                       (number >= 128 && number <= 255);  // RFC 6895 section 3.1
  if (number >= 1 && number <= 65'535 && !is_meta) return static_cast<dns::RrType>(number);
  node.Error("type_number", -1,
             StrCat("type_number is ", number, "; must be 1..65535, and no type of SOA, OPT or "
                    "128..255"));
  return std::nullopt;
}

void CheckData(const schema::Record& record, const Node& node, StaticRecord& out) {
  const std::string& value = record.value();
  if (IsPlainText(out.type, value) && value.size() > kTextMax) {
    node.Error("value", -1, StrCat("value has ", value.size(), " bytes; must be 0..", kTextMax));
    return;
  }
  auto data = ReadData(out.type, value);
  if (data.ok()) {
    out.data = std::move(data).value();
  } else {
    node.Error("value", -1,
               StrCat("value of ", dns::TypeText(out.type), ": ", data.error().message()));
  }
}

}  // namespace

StaticRecord CheckRecord(const schema::Record& record, const Node& node, const Zone& zone) {
  StaticRecord out;
  if (!record.has_name()) {
    (void)node.Missing("name");
  } else if (auto name = CheckOwner(record.name()); !name) {
    node.Error("name", -1, StrCat("name ", Quote(record.name()), ' ', name.error().message()));
  } else if (!zone.apex.empty() && !IsInZone(*name, zone.apex)) {
    node.Error("name", -1,
               StrCat("name ", Quote(record.name()), " lies outside of the zone ", zone.apex));
  } else {
    out.name = std::move(*name);
  }
  out.ttl = std::chrono::seconds(node.Number("ttl_s", kTtlRange));
  const auto type = CheckType(record, node);
  if (!type) return out;
  out.type = *type;
  if (!record.has_value()) {
    (void)node.Missing("value");
  } else {
    CheckData(record, node, out);
  }
  return out;
}

void CheckAliases(const Zone& zone, const Node& node) {
  std::map<std::string, int> owners;
  for (const StaticRecord& record : zone.records) ++owners[record.name];
  for (std::size_t i = 0; i < zone.records.size(); ++i) {
    const StaticRecord& record = zone.records[i];
    if (record.name.empty() || record.type != dns::RrType::kCname) continue;
    const int index = static_cast<int>(i);
    if (owners[record.name] > 1) {
      node.Error("record", index,
                 StrCat("CNAME ", record.name,
                        " has other records beside it (RFC 1034 section 3.6.2)"));
    } else if (record.name == zone.apex) {
      node.Error("record", index, "CNAME at the zone's own name, which has a SOA");
    }
  }
}

std::vector<dns::Rdata> CheckHttps(const schema::Service& service, const Node& node) {
  std::vector<dns::Rdata> out;
  if (static_cast<std::size_t>(service.https_size()) > kHttpsMax) {
    node.Error("https", static_cast<int>(kHttpsMax),
               StrCat(service.https_size(), " https records; must be 0..", kHttpsMax));
    return out;
  }
  for (int i = 0; i < service.https_size(); ++i) {
    auto data = dns::RdataFromText(dns::RrType::kHttps, service.https(i), dns::Name());
    if (data.ok()) {
      out.push_back(std::move(data).value());
    } else {
      node.Error("https", i, StrCat("https: ", data.error().message()),
                 "write it like \"1 . alpn=h2,h3\"");
    }
  }
  return out;
}

}  // namespace summon::configs
