// SPDX-License-Identifier: Apache-2.0
// Starting and asking the servers; see the header.
#include "tests/differential/servers.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "base/strings.h"
#include "tests/differential/sample.h"
#include "tests/testbed/house.h"
#include "tests/testbed/network.h"
#include "tests/testbed/peers.h"

namespace summon::differential {

namespace {

using testbed::Arguments;
using testbed::PeerPath;
using testbed::ScratchFolder;

constexpr Duration kStartPatience = std::chrono::seconds(20);
// The kernel drops datagrams of every namespace while another test floods the machine.
constexpr int kPatienceMs = 500;
constexpr std::uint16_t kSoa = 6;

Arguments Summond(const ScratchFolder& folder, const std::string& zone_file, int port) {
  return {testbed::ProgramPath("summond"), "--zone-file", StrCat(kApex, "=", zone_file),
          "--listen", StrCat("127.0.0.1:", port), "--metrics-listen", "none", "--control-socket",
          folder.path() + "/control.sock", "--launcher-socket", folder.path() + "/launcher.sock"};
}

Arguments Nsd(const ScratchFolder& folder, const std::string& zone_file, int port) {
  const std::string file = folder.Write(
      "nsd.conf",
      StrCat("server:\n  ip-address: 127.0.0.1@", port, "\n  username: \"\"\n  chroot: \"\"\n",
             "  zonesdir: ", Quote(folder.path()), "\n  database: \"\"\n  pidfile: \"\"\n",
             "  xfrdfile: \"\"\n  zonelistfile: ", Quote(folder.path() + "/zone.list"),
             "\n  xfrdir: ", Quote(folder.path()), "\n  rrl-ratelimit: 0\n",
             "  minimal-responses: yes\nremote-control:\n  control-enable: no\nzone:\n  name: ",
             kApex, "\n  zonefile: ", Quote(zone_file), "\n"));
  return {PeerPath("nsd"), "-d", "-c", file};
}

Arguments Knot(const ScratchFolder& folder, const std::string& zone_file, int port) {
  const std::string file = folder.Write(
      "knot.conf",
      StrCat("server:\n  rundir: ", Quote(folder.path()), "\n  listen: 127.0.0.1@", port,
             "\ndatabase:\n  storage: ", Quote(folder.path()),
             "\nlog:\n  - target: stderr\n    any: warning\nzone:\n  - domain: ", kApex,
             "\n    file: ", Quote(zone_file),
             "\n    zonefile-sync: -1\n    journal-content: none\n"));
  return {PeerPath("knotd"), "-c", file};
}

Arguments Named(const ScratchFolder& folder, const std::string& zone_file, int port) {
  const std::string file = folder.Write(
      "named.conf",
      StrCat("options {\n  directory ", Quote(folder.path()), ";\n  listen-on port ", port,
             " { 127.0.0.1; };\n  listen-on-v6 { none; };\n  pid-file none;\n",
             "  session-keyfile none;\n  recursion no;\n  minimal-responses yes;\n",
             "  notify no;\n  check-names primary ignore;\n};\ncontrols { };\nzone ", Quote(kApex),
             " { type primary; file ", Quote(zone_file), "; check-integrity no; };\n"));
  return {PeerPath("named"), "-g", "-n", "1", "-c", file};
}

struct Kind {
  const char* name;
  int port;
  Arguments (*configure)(const ScratchFolder&, const std::string&, int);
};
constexpr std::array<Kind, 4> kKinds = {{{kOurs, 5301, Summond},
                                         {"nsd", 5302, Nsd},
                                         {"knotd", 5303, Knot},
                                         {"named", 5304, Named}}};

Result<UniqueFd> ConnectUdp(int namespace_fd, int port) {
  const testbed::InNamespace there(namespace_fd);
  UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return ErrnoError("make socket", errno);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  // SAFETY: every sockaddr_* type may be passed to the socket calls as a sockaddr (POSIX).
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    return ErrnoError("connect", errno);
  }
  return fd;
}

}  // namespace

Result<std::unique_ptr<Server>> Server::Start(int namespace_fd, const std::string& name,
                                              const std::string& zone_file) {
  std::unique_ptr<Server> server(new Server);
  server->name_ = name;
  for (const Kind& kind : kKinds) {
    if (name != kind.name) continue;
    const std::string file = server->folder_.Write("zone", zone_file);
    server->daemon_ = SUMMON_TRY(testbed::Daemon::Start(
        namespace_fd, kind.configure(server->folder_, file, kind.port),
        server->folder_.path() + "/log"));
    server->socket_ = SUMMON_TRY(ConnectUdp(namespace_fd, kind.port));
  }
  SUMMON_CHECK(server->daemon_ != nullptr);
  // Knot and BIND refuse until they have loaded the zone.
  const auto serves = [&server] {
    return server->AskAtMost(1, {.name = kApex, .type = kSoa}).find("answer") != std::string::npos;
  };
  if (!testbed::Await(serves, kStartPatience)) {
    return Error(ErrorCode::kTimeout,
                 StrCat("start ", name, ": no answer; its log:\n", server->daemon_->Log()));
  }
  return server;
}

std::string Server::AskAtMost(int times, const Question& question) {
  const std::uint16_t id = next_id_++;
  const std::vector<std::uint8_t> query = WriteQuery(question, id);
  std::array<std::uint8_t, 65536> space;
  std::string why = "no answer";
  for (int attempt = 0; attempt < times; ++attempt) {
    // A refused port of before is reported here; what counts is whether an answer comes.
    (void)send(socket_.get(), query.data(), query.size(), 0);
    pollfd wait{socket_.get(), POLLIN, 0};
    while (poll(&wait, 1, kPatienceMs) == 1) {
      const ssize_t got = recv(socket_.get(), space.data(), space.size(), 0);
      if (got < 0) {
        why = ErrnoError("receive", errno).message();
        break;
      }
      const Bytes reply(space.data(), static_cast<std::size_t>(got));
      // The answer to a question that was given up.
      if (ByteReader(reply).Be16() != id) continue;
      auto essence = Essence(reply, question, id);
      return essence.ok() ? std::move(essence).value() : essence.error().message();
    }
  }
  return why;
}

}  // namespace summon::differential
