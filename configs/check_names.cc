// SPDX-License-Identifier: Apache-2.0
// Names, mailboxes and endpoints, and what must be unique.
#include "base/strings.h"
#include "configs/checks.h"

namespace summon::configs {

namespace {

constexpr std::size_t kNameMax = 253;  // RFC 1035 section 2.3.4, as text without the last dot
constexpr std::size_t kLabelMax = 63;  // likewise

Error Wrong(std::string message) { return Error(ErrorCode::kInvalid, std::move(message)); }

Status CheckLabel(std::string_view label) {
  if (label.empty()) return Wrong("has an empty label (two dots, or a dot at the start)");
  if (label.size() > kLabelMax) {
    return Wrong(StrCat("has a label of ", label.size(), " bytes; must be 1..", kLabelMax));
  }
  for (const char c : label) {
    const bool good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    if (!good) {
      return Wrong(
          StrCat("contains ", Quote({&c, 1}), "; a label has letters, digits, \"-\" and \"_\""));
    }
  }
  if (label.front() == '-' || label.back() == '-') {
    return Wrong(StrCat("has the label ", Quote(label), ", which begins or ends with \"-\""));
  }
  return Ok();
}

}  // namespace

Result<std::string> CheckDnsName(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty()) return Wrong("is empty");
  if (text.size() > kNameMax) {
    return Wrong(StrCat("has ", text.size(), " bytes; must be 1..", kNameMax));
  }
  std::string name = ToLower(text);
  for (const std::string_view label : Split(name, '.')) SUMMON_TRY(CheckLabel(label));
  return name;
}

Result<std::string> CheckMailbox(std::string_view text) {
  const std::size_t at = text.find('@');
  if (at == std::string_view::npos) return CheckDnsName(text);
  const std::string_view local = text.substr(0, at);
  if (local.find('.') != std::string_view::npos) {
    return Wrong("has a dot before the \"@\", which a SOA record cannot say here");
  }
  return CheckDnsName(StrCat(local, '.', text.substr(at + 1)));
}

bool IsInZone(std::string_view name, std::string_view zone) {
  if (!name.ends_with(zone)) return false;
  return name.size() == zone.size() || name[name.size() - zone.size() - 1] == '.';
}

Result<Endpoint> CheckEndpoint(std::string_view text) {
  constexpr unsigned long long kPortMax = 65'535;
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return Wrong("has no port; must be \"address:port\"");
  const std::string_view port_text = text.substr(colon + 1);
  const auto port = ParseUnsigned(port_text);
  if (!port || *port < 1 || *port > kPortMax) {
    return Wrong(StrCat("has the port ", Quote(port_text), "; must be 1..", kPortMax));
  }
  Endpoint endpoint;
  endpoint.port = static_cast<std::uint16_t>(*port);
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    const auto address = Ipv6Address::Parse(host);
    if (!address) return Wrong(StrCat("has ", Quote(host), ", which is not an IPv6 address"));
    endpoint.host = *address;
    return endpoint;
  }
  const auto address = Ipv4Address::Parse(host);
  if (!address) {
    return Wrong(StrCat("has ", Quote(host),
                        ", which is not an IPv4 address (IPv6 addresses stand in brackets)"));
  }
  endpoint.host = *address;
  return endpoint;
}

void Uniqueness::Report(const Node& node, const char* field, int index, const std::string& what,
                        const First& first) const {
  const bool same = first.holder.empty() || first.holder == node.label();
  node.Error(field, index,
             StrCat(what, same ? "" : StrCat(" by ", first.holder), ", at ",
                    context_.sink.source().Describe(first.place)));
}

bool Uniqueness::Claim(const Node& node, const char* field, int index, const char* kind,
                       const std::string& value) {
  const First mine{node.At(field, index), node.label(), Access::kReadWrite};
  const auto [found, is_new] = seen_.try_emplace({kind, value}, mine);
  if (is_new) return true;
  Report(node, field, index, StrCat(kind, ' ', value, " is taken already"), found->second);
  return false;
}

void Uniqueness::ClaimFile(const Node& node, const char* field, const std::string& path,
                           Access access) {
  const First mine{node.At(field), node.label(), access};
  const auto [found, is_new] = seen_.try_emplace({"file", path}, mine);
  if (is_new || (access == Access::kRead && found->second.access == Access::kRead)) return;
  Report(node, field, -1, StrCat("file ", Quote(path), " is written by one block device and used"),
         found->second);
}

const std::string* Uniqueness::Holder(const char* kind, const std::string& value) const {
  const auto found = seen_.find({kind, value});
  return found == seen_.end() ? nullptr : &found->second.holder;
}

}  // namespace summon::configs
