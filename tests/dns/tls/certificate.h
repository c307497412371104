// SPDX-License-Identifier: Apache-2.0
#pragma once
// Certificates for tests: self-signed, on P-256, written to files in a folder of their own.

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "base/check.h"
#include "dns/tls/identity.h"

namespace summon::dns::tls::test {

class Folder {
 public:
  Folder() {
    std::string path = std::filesystem::temp_directory_path() / "summon_tls_XXXXXX";
    SUMMON_CHECK(mkdtemp(path.data()) != nullptr);
    path_ = path;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

struct CertificateOptions {
  std::string name = "dns.summon.test";
  long valid_from_s = -3'600;  // from now
  long valid_to_s = 90L * 24 * 3'600;
};

inline void WriteText(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
}

// Writes a new key and a certificate for it; the key is for its owner only.
inline Files MakeCertificate(const Folder& folder, const std::string& stem,
                             const CertificateOptions& options = {}) {
  const Files files{folder / (stem + ".crt"), folder / (stem + ".key")};
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  SUMMON_CHECK(key != nullptr && certificate != nullptr);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_set_version(certificate, X509_VERSION_3);
  X509_gmtime_adj(X509_getm_notBefore(certificate), options.valid_from_s);
  X509_gmtime_adj(X509_getm_notAfter(certificate), options.valid_to_s);
  X509_NAME* name = X509_get_subject_name(certificate);
  // SAFETY: OpenSSL takes octets where we have characters.
  const auto* text = reinterpret_cast<const unsigned char*>(options.name.c_str());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, text, -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_set_pubkey(certificate, key);
  SUMMON_CHECK(X509_sign(certificate, key, EVP_sha256()) > 0);
  std::FILE* file = std::fopen(files.certificate.c_str(), "w");
  SUMMON_CHECK(file && PEM_write_X509(file, certificate) == 1 && std::fclose(file) == 0);
  file = std::fopen(files.key.c_str(), "w");
  SUMMON_CHECK(file && PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  SUMMON_CHECK(std::fclose(file) == 0 && chmod(files.key.c_str(), 0600) == 0);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return files;
}

}  // namespace summon::dns::tls::test
