// SPDX-License-Identifier: Apache-2.0
// The least configuration that each needs; none limits rates or writes outside of its folder.
#include "tests/dns/conformance/peer.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "base/strings.h"
#include "base/unique_fd.h"
#include "dns/socket.h"
#include "tests/dns/wire.h"

namespace summon::dns::test {

namespace {

constexpr int kTriesMax = 200;  // of 50 ms each
constexpr int kTryPatienceMs = 50;
constexpr Duration kEndPatience = std::chrono::seconds(5);

std::string ProgramOf(PeerKind kind) {
  if (kind == PeerKind::kSummond) return testbed::ProgramPath("summond");
  constexpr std::array<const char*, 3> kPrograms = {"nsd", "knotd", "named"};
  return StrCat(SUMMON_PEERS "/bin/", kPrograms[static_cast<std::size_t>(kind)]);
}

// A port that is free for UDP and TCP, as far as one can know.
Result<Endpoint> FreePort() {
  for (int i = 0; i < 16; ++i) {
    const UniqueFd udp =
        SUMMON_TRY(ListenSocket(Endpoint::Ipv4(Ipv4Address{{127, 0, 0, 1}}, 0), Transport::kUdp));
    const Endpoint bound = SUMMON_TRY(BoundEndpoint(udp.get()));
    if (ListenSocket(bound, Transport::kTcp).ok()) return bound;
  }
  return Error(ErrorCode::kBusy, "find a free port");
}

std::string NsdConfiguration(const std::string& folder, std::uint16_t port) {
  return StrCat("server:\n  ip-address: 127.0.0.1@", port,
                "\n  server-count: 1\n  username: \"\"\n  chroot: \"\"\n  zonesdir: ", folder,
                "\n  database: \"\"\n  xfrdfile: ", folder, "/xfrd.state\n  zonelistfile: ", folder,
                "/zone.list\n  pidfile: ", folder, "/nsd.pid\n  xfrdir: ", folder,
                "\n  minimal-responses: yes\n  refuse-any: yes\n  rrl-ratelimit: 0\n"
                "  answer-cookie: yes\n  cookie-secret: e5e973e5a6b2a43f48e7dc849e37bfcf\n"
                "  hide-version: yes\n  hide-identity: yes\n"
                "remote-control:\n  control-enable: no\n");
}

std::string KnotConfiguration(const std::string& folder, std::uint16_t port) {
  return StrCat("server:\n  rundir: ", folder, "\n  listen: 127.0.0.1@", port,
                "\n  udp-workers: 1\n  tcp-workers: 1\n  background-workers: 1\n"
                "  version: \"\"\n  identity: \"\"\n"
                "database:\n  storage: ",
                folder,
                "\nlog:\n - target: stderr\n   any: info\n"
                "mod-cookies:\n - id: default\n   secret: 0xe5e973e5a6b2a43f48e7dc849e37bfcf\n"
                "template:\n - id: default\n   storage: ",
                folder,
                "\n   zonefile-load: whole\n   journal-content: none\n   semantic-checks: off\n"
                "   global-module: mod-cookies/default\n"
                "zone:\n");
}

std::string BindConfiguration(const std::string& folder, std::uint16_t port) {
  return StrCat("options {\n  directory \"", folder,
                "\";\n  pid-file none;\n"
                "  session-keyfile none;\n  listen-on port ",
                port,
                " { 127.0.0.1; };\n"
                "  listen-on-v6 { none; };\n  recursion no;\n  minimal-responses yes;\n"
                "  minimal-any yes;\n  version none;\n  hostname none;\n  server-id none;\n"
                "  dnssec-validation no;\n  notify no;\n  allow-transfer { none; };\n"
                "  cookie-algorithm siphash24;\n"
                "  cookie-secret \"e5e973e5a6b2a43f48e7dc849e37bfcf\";\n"
                "  check-names primary ignore;\n  empty-zones-enable no;\n};\n"
                "controls { };\n");
}

std::string ZoneStatement(PeerKind kind, const std::string& apex, const std::string& file) {
  switch (kind) {
    case PeerKind::kNsd: return StrCat("zone:\n  name: ", apex, "\n  zonefile: ", file, "\n");
    case PeerKind::kKnot: return StrCat(" - domain: ", apex, "\n   file: ", file, "\n");
    case PeerKind::kBind:
      return StrCat("zone \"", apex, "\" { type primary; file \"", file,
                    "\"; check-integrity no; check-mx ignore; check-srv-cname ignore; };\n");
    case PeerKind::kSummond: break;
  }
  return {};
}

}  // namespace

std::string_view PeerName(PeerKind kind) {
  constexpr std::array<std::string_view, 4> kNames = {"NSD", "Knot", "BIND", "summond"};
  return kNames[static_cast<std::size_t>(kind)];
}

testbed::Arguments Peer::WriteConfiguration(PeerKind kind, const std::vector<SourceZone>& zones) {
  std::string text;
  switch (kind) {
    case PeerKind::kNsd: text = NsdConfiguration(folder_.path(), address_.port); break;
    case PeerKind::kKnot: text = KnotConfiguration(folder_.path(), address_.port); break;
    case PeerKind::kBind: text = BindConfiguration(folder_.path(), address_.port); break;
    case PeerKind::kSummond: break;  // needs none
  }
  testbed::Arguments ours = {ProgramOf(kind), "--listen", address_.ToString()};
  for (const SourceZone& zone : zones) {
    const std::string file = folder_.Write(zone.apex + ".zone", ZoneFileText(zone));
    text += ZoneStatement(kind, zone.apex, file);
    ours.insert(ours.end(), {"--zone-file", StrCat(zone.apex, '=', file)});
  }
  const std::string path = folder_.Write("peer.conf", text);
  switch (kind) {
    case PeerKind::kNsd: return {ProgramOf(kind), "-d", "-c", path};
    case PeerKind::kKnot: return {ProgramOf(kind), "-c", path};
    case PeerKind::kBind: return {ProgramOf(kind), "-g", "-n", "1", "-c", path};
    case PeerKind::kSummond: return ours;
  }
  return {};
}

Result<std::unique_ptr<Peer>> Peer::Start(PeerKind kind, const std::vector<SourceZone>& zones) {
  if (access(ProgramOf(kind).c_str(), X_OK) != 0) {
    return Error(ErrorCode::kNotFound,
                 StrCat(PeerName(kind), " is not there; tools/fetch_peers fetches it"));
  }
  std::unique_ptr<Peer> peer(new Peer(SUMMON_TRY(FreePort())));
  const testbed::Arguments arguments = peer->WriteConfiguration(kind, zones);
  peer->daemon_ =
      SUMMON_TRY(testbed::Daemon::Start(-1, arguments, peer->folder_.path() + "/output.log"));
  SUMMON_TRY(peer->AwaitAnswer());
  return peer;
}

Status Peer::AwaitAnswer() {
  const UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const SocketAddress address(address_);
  if (connect(fd.get(), address.get(), address.size) != 0) return ErrnoError("connect", errno);
  const Packet query = PlainQuery("nothing.here.invalid", RrType::kA);
  for (int i = 0; i < kTriesMax && daemon_->Running(); ++i) {
    (void)send(fd.get(), query.data(), query.size(), 0);  // refused until it listens
    pollfd item{fd.get(), POLLIN, 0};
    std::array<std::uint8_t, 512> reply;
    if (poll(&item, 1, kTryPatienceMs) == 1 && recv(fd.get(), reply.data(), reply.size(), 0) > 0) {
      return Ok();
    }
    usleep(kTryPatienceMs * 1'000);
  }
  return Error(ErrorCode::kUnavailable, "it does not answer: " + daemon_->Log());
}

Peer::~Peer() {
  if (!daemon_) return;
  // Its helpers end with it only when it is asked to.
  daemon_->Signal(SIGTERM);
  (void)daemon_->AwaitEnd(kEndPatience);  // else it is killed
}

}  // namespace summon::dns::test
