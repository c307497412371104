// SPDX-License-Identifier: Apache-2.0
// How a zone is signed. What a key file holds is not looked at here: this folder knows no keys.
#include <sys/stat.h>

#include <algorithm>

#include "base/strings.h"
#include "configs/checks.h"

namespace summon::configs {

namespace {

constexpr int kPublishedMax = 3;
constexpr Range kValidityHours{12, 2'160};

std::string CheckKeyFile(const Node& node, const char* field, int index, const std::string& text) {
  if (text.empty() || text.find('\0') != std::string::npos) {
    node.Error(field, index, StrCat(field, " is empty or contains a zero byte"));
    return {};
  }
  const std::string path = ResolvePath(text, node.context().folder);
  if (!node.context().options.check_files) return path;
  if (!CheckReadable(node, field, path, Access::kRead, FileKinds::kRegularOnly)) return path;
  struct stat info {};
  if (stat(path.c_str(), &info) == 0 && (info.st_mode & 077u) != 0) {
    node.Error(field, index, StrCat(field, ' ', Quote(path), " may be read by others"),
               StrCat("chmod 600 ", path, "; if somebody may have read it, make a new key"));
  }
  return path;
}

}  // namespace

std::optional<Dnssec> CheckDnssec(const schema::Dnssec& dnssec, const Node& node) {
  Dnssec out;
  if (!dnssec.has_key_file()) {
    (void)node.Missing("key_file");
  } else {
    out.key_file = CheckKeyFile(node, "key_file", -1, dnssec.key_file());
  }
  if (dnssec.published_key_file_size() > kPublishedMax) {
    node.Error("published_key_file", kPublishedMax,
               StrCat(dnssec.published_key_file_size(), " of published_key_file; must be 0..",
                      kPublishedMax));
  }
  for (int i = 0; i < dnssec.published_key_file_size(); ++i) {
    std::string path = CheckKeyFile(node, "published_key_file", i, dnssec.published_key_file(i));
    const bool is_known = path == out.key_file ||
                          std::find(out.published_key_files.begin(), out.published_key_files.end(),
                                    path) != out.published_key_files.end();
    if (is_known && !path.empty()) {
      node.Error("published_key_file", i,
                 StrCat("published_key_file ", Quote(path), " is given twice"));
    }
    out.published_key_files.push_back(std::move(path));
  }
  out.validity = std::chrono::hours(node.Number("signature_validity_h", kValidityHours));
  return out;
}

}  // namespace summon::configs
