// SPDX-License-Identifier: Apache-2.0
#pragma once
// The checks of meaning, one function for each part of the file. They report to the context's
// sink and return what they could make of the part; the result is used only when nothing at all
// was reported.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "configs/config.h"
#include "configs/node.h"
#include "summon.pb.h"

namespace summon::configs {

// check_names.cc: names, addresses and ports. Errors say what is wrong with the value only.

// A DNS name in lower case without the last dot. Labels of letters, digits, "-" and "_".
Result<std::string> CheckDnsName(std::string_view text);
// "name@zone" or "name.zone", as a name.
Result<std::string> CheckMailbox(std::string_view text);
// True when `name` is `zone` or lies below it.
bool IsInZone(std::string_view name, std::string_view zone);
Result<Endpoint> CheckEndpoint(std::string_view text);

// check_paths.cc

// `text` as an absolute path, relative ones taken from `folder`.
std::string ResolvePath(std::string_view text, const std::string& folder);
enum class Access { kRead, kReadWrite };
enum class FileKinds { kRegularOnly, kBlockDeviceToo };
// Reports when the file is missing (with a near name), a folder, or not accessible. The size of a
// regular file that was found.
std::optional<std::uint64_t> CheckReadable(const Node& node, const char* field,
                                           const std::string& path, Access access, FileKinds kinds);

// command_line.cc

struct CommandLineValues {
  std::string ipv4;
  std::string gateway;
  std::string prefix_length;
  std::string name;
};
struct PlaceholderError {
  std::string token;  // as it stands in the text, for finding its place
  std::string message;
  std::string hint;
};
// Replaces placeholders; what is wrong goes to `errors`.
std::string ExpandCommandLine(std::string_view text, const CommandLineValues& values,
                              std::vector<PlaceholderError>& errors);

// What must be unique over the whole file, and where it was seen first.
class Uniqueness final {
 public:
  explicit Uniqueness(const CheckContext& context) : context_(context) {}
  // Reports at `field` when `value` was seen before as the same `kind` ("address"); both places
  // are shown. False then.
  bool Claim(const Node& node, const char* field, int index, const char* kind,
             const std::string& value);
  // Several may read one file; who writes it must be alone.
  void ClaimFile(const Node& node, const char* field, const std::string& path, Access access);
  // The holder's label, when `value` was claimed.
  const std::string* Holder(const char* kind, const std::string& value) const;

 private:
  struct First {
    Place place;
    std::string holder;
    Access access = Access::kReadWrite;
  };
  void Report(const Node& node, const char* field, int index, const std::string& what,
              const First& first) const;

  const CheckContext& context_;
  std::map<std::pair<std::string, std::string>, First> seen_;
};

// check_dnssec.cc
std::optional<Dnssec> CheckDnssec(const schema::Dnssec& dnssec, const Node& node);
// check_abuse.cc

using PrefixTexts = google::protobuf::RepeatedPtrField<std::string>;
// The networks that a list names; nothing when it is not there.
Networks CheckNetworks(const Node& node, const char* field, const PrefixTexts& texts);
void CheckRateLimit(const schema::RateLimit& limit, const Node& node, RateLimit& out);
void CheckWake(const schema::Wake& wake, const Node& node, Wake& out);

// check_record.cc
StaticRecord CheckRecord(const schema::Record& record, const Node& node, const Zone& zone);
// RFC 1034 section 3.6.2: a name with a CNAME has no other data.
void CheckAliases(const Zone& zone, const Node& node);
std::vector<dns::Rdata> CheckHttps(const schema::Service& service, const Node& node);

// check_zone.cc
Zone CheckZone(const schema::Zone& zone, Node& node, Uniqueness& unique);
// Names that may not be a service's: those of static records and name servers with addresses.
void CheckZoneNames(const std::vector<Zone>& zones, const schema::File& file, const Node& root,
                    const Uniqueness& unique);

// check_dns.cc
Dns CheckDns(const schema::Dns& dns, const Node& node);

// check_forward.cc; after zones, listen addresses and network are known
Forwarding CheckForwarding(const schema::File& file, const Node& root, const Config& config);

// check_service.cc
struct ServiceRules {
  const CheckContext& context;
  const Network& network;
  bool network_known;  // else nothing is said about addresses outside of it
  const std::vector<Zone>& zones;
  bool zones_known;  // likewise for names
  std::uint64_t memory_budget_mib;
};
Service CheckService(const schema::Service& service, Node& node, const ServiceRules& rules,
                     Uniqueness& unique);

// check_streams.cc
Tcp CheckTcp(const Node& node);
// `listen` has the addresses for UDP and TCP.
std::optional<Tls> CheckTls(const schema::File& file, const Node& root,
                            const std::vector<Endpoint>& listen);

// check_file.cc
Config CheckFile(const schema::File& file, const ParseInfoTree& tree, const CheckContext& context);

}  // namespace summon::configs
