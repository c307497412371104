// SPDX-License-Identifier: Apache-2.0
// How DNS is spoken.
#include "base/strings.h"
#include "configs/checks.h"

namespace summon::configs {

namespace {

constexpr Range kUdpSize{512, 4096};
constexpr Range kSignaturesPerSecond{1, 1'000'000};
constexpr std::size_t kNsidMax = 64;
constexpr std::size_t kIdentityMax = 255;  // one string of TXT

std::string CheckLength(const Node& node, const char* field, const std::string& text,
                        std::size_t size_max) {
  if (text.size() > size_max) {
    node.Error(field, -1,
               StrCat(field, " has ", text.size(), " bytes; must be 0..", size_max));
  }
  return text;
}

}  // namespace

Dns CheckDns(const schema::Dns& dns, const Node& node) {
  Dns out;
  out.udp_size_max = static_cast<std::uint16_t>(node.Number("udp_size_max", kUdpSize));
  out.nsid = CheckLength(node, "nsid", dns.nsid(), kNsidMax);
  out.version = CheckLength(node, "version", dns.version(), kIdentityMax);
  out.hostname = CheckLength(node, "hostname", dns.hostname(), kIdentityMax);
  out.signatures_per_s =
      static_cast<std::uint32_t>(node.Number("signatures_per_s", kSignaturesPerSecond));
  out.cookies = dns.cookies();
  if (!dns.has_cookie_secret_file()) return out;
  if (dns.cookie_secret_file().empty()) {
    node.Error("cookie_secret_file", -1, "cookie_secret_file is empty",
               "leave it out for random secrets");
    return out;
  }
  if (!out.cookies) {
    node.Error("cookie_secret_file", -1, "cookie_secret_file is of no use while cookies are off");
  }
  out.cookie_secret_file = ResolvePath(dns.cookie_secret_file(), node.context().folder);
  if (!node.context().options.check_files) return out;
  (void)CheckReadable(node, "cookie_secret_file", out.cookie_secret_file, Access::kRead,
                      FileKinds::kRegularOnly);  // it has reported what is wrong
  return out;
}

}  // namespace summon::configs
