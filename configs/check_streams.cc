// SPDX-License-Identifier: Apache-2.0
// What connections of DNS may cost, and TLS.
#include <algorithm>

#include "base/strings.h"
#include "configs/checks.h"

namespace summon::configs {

namespace {

constexpr Range kConnections{1, 65'536};
constexpr Range kPatienceMs{1, 600'000};
constexpr Range kUnanswered{1, 65'536};
// A message has up to 64 KiB, and reading goes on until half of it is reached.
constexpr Range kUnsentKib{192, 1'048'576};
constexpr Range kHandshakes{0, 100'000};

std::uint32_t Number32(const Node& node, const char* field, Range range) {
  return static_cast<std::uint32_t>(node.Number(field, range));
}

std::chrono::milliseconds Patience(const Node& node, const char* field) {
  return std::chrono::milliseconds(node.Number(field, kPatienceMs));
}

void CheckTlsListen(const schema::Tls& tls, const Node& node, const std::vector<Endpoint>& listen,
                    Tls& out) {
  if (tls.listen_size() == 0) (void)node.Missing("listen");
  if (static_cast<std::size_t>(tls.listen_size()) > kListenMax) {
    node.Error("listen", static_cast<int>(kListenMax),
               StrCat(tls.listen_size(), " listen addresses; must be 1..", kListenMax));
  }
  const auto has = [](const std::vector<Endpoint>& list, const Endpoint& endpoint) {
    return endpoint.port != 0 && std::find(list.begin(), list.end(), endpoint) != list.end();
  };
  for (int i = 0; i < tls.listen_size(); ++i) {
    const std::string what = StrCat("listen ", Quote(tls.listen(i)));
    auto endpoint = CheckEndpoint(tls.listen(i));
    if (!endpoint) {
      node.Error("listen", i, StrCat(what, ' ', endpoint.error().message()));
    } else if (has(listen, *endpoint)) {
      node.Error("listen", i, StrCat(what, " is also where DNS is served without TLS"),
                 "the port of DNS over TLS is 853");
    } else if (has(out.listen, *endpoint)) {
      node.Error("listen", i, StrCat(what, " is given twice"));
    } else {
      out.listen.push_back(*endpoint);
    }
  }
}

std::string CheckTlsFile(const Node& node, const char* field, const std::string& text) {
  if (text.empty()) {
    (void)node.Missing(field);
    return {};
  }
  const std::string path = ResolvePath(text, node.context().folder);
  if (node.context().options.check_files) {
    (void)CheckReadable(node, field, path, Access::kRead,
                        FileKinds::kRegularOnly);  // it has reported what is wrong
  }
  return path;
}

}  // namespace

Tcp CheckTcp(const Node& node) {
  Tcp out;
  out.connections_max = Number32(node, "connections_max", kConnections);
  out.per_prefix_max = Number32(node, "per_prefix_max", kConnections);
  out.per_local_prefix_max = Number32(node, "per_local_prefix_max", kConnections);
  out.first_octet = Patience(node, "first_octet_ms");
  out.idle = Patience(node, "idle_ms");
  out.idle_crowded = Patience(node, "idle_crowded_ms");
  out.message = Patience(node, "message_ms");
  out.write_stall = Patience(node, "write_stall_ms");
  out.unanswered_max = Number32(node, "unanswered_max", kUnanswered);
  out.unsent_max_kib = Number32(node, "unsent_max_kib", kUnsentKib);
  if (out.idle_crowded > out.idle) {
    node.Error("idle_crowded_ms", -1,
               StrCat("idle_crowded_ms is ", out.idle_crowded.count(),
                      "; must be at most idle_ms, which is ", out.idle.count()));
  }
  return out;
}

std::optional<Tls> CheckTls(const schema::File& file, const Node& root,
                            const std::vector<Endpoint>& listen) {
  if (!file.has_tls()) return std::nullopt;
  const schema::Tls& tls = file.tls();
  const Node node = root.Nested(tls, "tls", -1, "tls");
  Tls out;
  CheckTlsListen(tls, node, listen, out);
  out.certificate = CheckTlsFile(node, "certificate", tls.certificate());
  out.key = CheckTlsFile(node, "key", tls.key());
  out.handshake = Patience(node, "handshake_ms");
  out.handshakes_per_second_max = Number32(node, "handshakes_per_second_max", kHandshakes);
  return out;
}

}  // namespace summon::configs
