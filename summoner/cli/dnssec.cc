// SPDX-License-Identifier: Apache-2.0
// Keys of zones, at the command line.
#include "summoner/cli/dnssec.h"

#include <cstdio>

#include "base/clock.h"
#include "base/strings.h"
#include "dns/dnssec/key_file.h"
#include "summoner/cli/exit_status.h"

namespace summon::cli {

namespace {

constexpr std::int64_t kNanosPerSecond = 1'000'000'000;

void Print(const dns::Name& apex, const dns::dnssec::SigningKey& key, Output output) {
  const std::string ds = dns::dnssec::DsText(apex, key);
  const std::string dnskey = dns::dnssec::DnskeyText(apex, key);
  const std::string text =
      output == Output::kJson
          ? StrCat("{\"zone\": ", Quote(apex.ToText()), ", \"key_tag\": ", key.tag(),
                   ", \"ds\": ", Quote(ds), ", \"dnskey\": ", Quote(dnskey), "}\n")
          : StrCat(ds, '\n', dnskey, '\n');
  std::fputs(text.c_str(), stdout);
}

Result<dns::dnssec::SigningKey> Make(const DnssecOptions& options, const dns::Name& apex) {
  auto key = SUMMON_TRY(dns::dnssec::SigningKey::Generate());
  SUMMON_TRY(dns::dnssec::WriteKeyFile({.path = options.key_path,
                                        .apex = apex,
                                        .created = WallNanos() / kNanosPerSecond},
                                       key));
  return key;
}

int Failed(const Error& error) {
  std::fprintf(stderr, "summon dnssec: %s\n", error.message().c_str());
  return kExitFailed;
}

}  // namespace

int MakeDnssecKey(const DnssecOptions& options) {
  const auto apex = dns::Name::Parse(options.zone);
  if (!apex.ok()) return Failed(apex.error().Wrap(StrCat("zone ", options.zone)));
  const auto key = Make(options, *apex);
  if (!key.ok()) return Failed(key.error());
  std::fprintf(stderr,
               "%s: a new key of %s with tag %u, for `dnssec { key_file: ... }` in its zone.\n"
               "The zone above needs the DS record, once the zone is served with the key:\n",
               options.key_path.c_str(), apex->ToText().c_str(), unsigned{key->tag()});
  Print(*apex, *key, options.output);
  return kExitOk;
}

int ShowDnssecKey(const DnssecOptions& options) {
  const auto apex = dns::Name::Parse(options.zone);
  if (!apex.ok()) return Failed(apex.error().Wrap(StrCat("zone ", options.zone)));
  const auto stored = dns::dnssec::LoadKeyFile(options.key_path);
  if (!stored.ok()) return Failed(stored.error());
  Print(*apex, stored->key, options.output);
  return kExitOk;
}

}  // namespace summon::cli
