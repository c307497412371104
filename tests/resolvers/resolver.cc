// SPDX-License-Identifier: Apache-2.0
// Starting other people's resolvers; see the header.
#include "tests/resolvers/resolver.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/strings.h"
#include "tests/testbed/clients.h"
#include "tests/testbed/peers.h"

namespace summon::resolvers {

namespace {

using testbed::Arguments;
using testbed::PeerFile;
using testbed::PeerPath;

constexpr Duration kStartPatience = std::chrono::seconds(20);
constexpr std::uint16_t kDnsPort = 53;

// Accounts that servers want to become, or look for.
constexpr const char* kPasswd =
    "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n"
    "systemd-resolve:x:991:991::/:/bin/false\n";
constexpr const char* kGroup = "root:x:0:\nnogroup:x:65534:\nsystemd-resolve:x:991:\n";

// Runs the rest of its arguments with $1 for /etc.
constexpr const char* kWithEtc = "mount --bind \"$1\" /etc && shift && exec \"$@\"";
// systemd-resolved has its files in /run, and expects that systemd made its folder.
constexpr const char* kWithEtcAndRun =
    "mount --bind \"$1\" /etc && mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/resolve && "
    "chown systemd-resolve: /run/systemd/resolve && shift && exec \"$@\"";

Arguments InOwnMounts(const char* script, const std::string& etc, const Arguments& arguments) {
  Arguments line = {"unshare", "--mount", "sh", "-c", script, "sh", etc};
  line.insert(line.end(), arguments.begin(), arguments.end());
  return line;
}

std::string MakeEtc(const testbed::ScratchFolder& folder) {
  std::filesystem::create_directories(folder.path() + "/etc/systemd/resolved.conf.d");
  (void)folder.Write("etc/passwd", kPasswd);
  (void)folder.Write("etc/group", kGroup);
  (void)folder.Write("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n");
  (void)folder.Write("etc/hosts", "127.0.0.1 localhost\n");
  return folder.path() + "/etc";
}

// Each of these writes the resolver's files and gives the command that starts it.
Arguments Unbound(const testbed::ScratchFolder& folder, const ResolverKind& kind,
                  const ZonePart& zone) {
  const std::string part = folder.Write("summon.conf", zone.text);
  const std::string file = folder.Write(
      "unbound.conf",
      StrCat("server:\n  interface: ", kind.address, "\n  do-daemonize: no\n  username: \"\"\n",
             "  chroot: \"\"\n  directory: ", Quote(folder.path()), "\n  pidfile: \"\"\n",
             "  use-syslog: no\n  verbosity: 1\n  private-address: 10.0.0.0/8\n",
             "  trust-anchor-file: ", Quote(PeerFile("usr/share/dns/root.key")),
             "\nremote-control:\n  control-enable: no\ninclude: ", Quote(part), "\n"));
  return {PeerPath("unbound"), "-d", "-c", file};
}

Arguments Named(const testbed::ScratchFolder& folder, const ResolverKind& kind,
                const ZonePart& zone) {
  const std::string part = folder.Write("named.conf.local", zone.text);
  const std::string file = folder.Write(
      "named.conf",
      StrCat("options {\n  directory ", Quote(folder.path()), ";\n  listen-on { ", kind.address,
             "; };\n  listen-on-v6 { none; };\n  pid-file none;\n  session-keyfile none;\n",
             "  dnssec-validation auto;\n  recursion yes;\n", zone.options,
             "\n};\ncontrols { };\ninclude ", Quote(part), ";\n"));
  return {PeerPath("named"), "-g", "-c", file};
}

Arguments Dnsmasq(const testbed::ScratchFolder& folder, const ResolverKind& kind,
                  const ZonePart& zone) {
  // Its own root key, as in Debian's trust-anchors.conf.
  constexpr const char* kRootKey =
      ".,20326,8,2,E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D";
  const std::string part = folder.Write("summon.conf", zone.text);
  return {PeerPath("dnsmasq"), "--keep-in-foreground", "--user=root", "--pid-file=",
          StrCat("--conf-file=", part), StrCat("--listen-address=", kind.address),
          "--bind-interfaces", "--no-hosts", "--no-resolv", "--stop-dns-rebind", "--dnssec",
          StrCat("--trust-anchor=", kRootKey), "--log-facility=-"};
}

Arguments Resolved(const testbed::ScratchFolder& folder, const ResolverKind&,
                   const ZonePart& zone) {
  const std::string etc = MakeEtc(folder);
  (void)folder.Write("etc/hosts", zone.hosts);
  (void)folder.Write("etc/systemd/resolved.conf.d/summon.conf", zone.text);
  return InOwnMounts(kWithEtcAndRun, etc,
                     {"env", "SYSTEMD_LOG_TARGET=console", PeerPath("systemd-resolved")});
}

}  // namespace

Result<std::string> Snippet(const std::string& page, const std::string& name) {
  constexpr std::string_view kFence = "```\n";
  const std::string path = testbed::SourcePath(StrCat("docs/integrations/", page));
  std::ifstream file(path);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  const std::size_t mark = text.find(StrCat("<!-- tested: ", name, " -->\n", kFence));
  const std::size_t begin = text.find(kFence, mark) + kFence.size();
  const std::size_t end = text.find(kFence, begin);
  if (mark == std::string::npos || end == std::string::npos) {
    return Error(ErrorCode::kNotFound, StrCat("read ", path, ": no block \"", name, "\""));
  }
  return text.substr(begin, end - begin);
}

const std::vector<ResolverKind>& ResolverKinds() {
  static const std::vector<ResolverKind> kinds = {
      {.name = "unbound", .program = "unbound", .address = "127.0.0.2"},
      {.name = "BIND", .program = "named", .address = "127.0.0.3"},
      {.name = "dnsmasq", .program = "dnsmasq", .address = "127.0.0.4"},
      {.name = "resolved", .program = "systemd-resolved", .address = "127.0.0.53"},
  };
  return kinds;
}

const ResolverKind& KindOf(const std::string& name) {
  const auto& kinds = ResolverKinds();
  const auto found = std::find_if(kinds.begin(), kinds.end(), [&name](const ResolverKind& kind) {
    return kind.name == name;
  });
  SUMMON_CHECK(found != kinds.end());
  return *found;
}

Result<ZonePart> ZonePartOf(const ResolverKind& kind) {
  ZonePart part;
  if (kind.program == "unbound") {
    part.text = SUMMON_TRY(Snippet("unbound.md", "unbound.conf"));
  } else if (kind.program == "dnsmasq") {
    part.text = SUMMON_TRY(Snippet("dnsmasq.md", "dnsmasq.conf"));
  } else if (kind.program == "systemd-resolved") {
    part.text = SUMMON_TRY(Snippet("systemd-resolved.md", "resolved.conf"));
  } else {
    part.options = SUMMON_TRY(Snippet("bind.md", "named.conf.options"));
    part.text = SUMMON_TRY(Snippet("bind.md", "named.conf.local"));
  }
  return part;
}

Result<std::unique_ptr<Resolver>> Resolver::Start(int namespace_fd, const ResolverKind& kind,
                                                  const ZonePart& zone) {
  std::unique_ptr<Resolver> resolver(new Resolver(kind));
  const auto configure = kind.program == "unbound"   ? Unbound
                         : kind.program == "named"   ? Named
                         : kind.program == "dnsmasq" ? Dnsmasq
                                                     : Resolved;
  const std::string log = resolver->folder_.path() + "/log";
  resolver->daemon_ = SUMMON_TRY(
      testbed::Daemon::Start(namespace_fd, configure(resolver->folder_, kind, zone), log));
  const testbed::InNamespace there(namespace_fd);
  const auto listens = [&kind, &resolver] {
    // They listen before they have loaded all that they answer with.
    const std::string_view says = kind.program == "named"     ? " running\n"
                                  : kind.program == "unbound" ? "start of service"
                                                              : "";
    if (resolver->Log().find(says) == std::string::npos) return false;
    return testbed::ConnectTcp({.address = kind.address, .port = kDnsPort},
                               std::chrono::milliseconds(200))
        .ok();
  };
  if (!testbed::Await(listens, kStartPatience)) {
    return Error(ErrorCode::kTimeout,
                 StrCat("start ", kind.name, ": nobody listens; its log:\n", resolver->Log()));
  }
  return resolver;
}

Arguments WithNameServer(const testbed::ScratchFolder& folder, const std::string& name_server,
                         const Arguments& arguments) {
  const std::string etc = MakeEtc(folder);
  (void)folder.Write("etc/resolv.conf", StrCat("nameserver ", name_server, "\n"));
  return InOwnMounts(kWithEtc, etc, arguments);
}

Result<std::unique_ptr<testbed::House>> StartHouse(const std::string& services) {
  auto house = SUMMON_TRY(testbed::House::Start(
      {.services = services, .settings = "listen: \"0.0.0.0:53\""}));
  const int host = house->network().host();
  const int client = house->network().client();
  const std::string pages = StrCat(kPagesAddress, "/32");
  SUMMON_TRY(testbed::RunIn(host, {"ip", "addr", "add", pages, "dev", "lo"}));
  // Resolvers look for the root servers. That there is no way to them shall show at once, not
  // after a time-out.
  SUMMON_TRY(testbed::RunIn(client, {"ip", "route", "del", "default"}));
  for (const std::string& to : {pages, std::string("10.77.0.0/24")}) {
    SUMMON_TRY(testbed::RunIn(
        client, {"ip", "route", "add", to, "via", testbed::Network::kHostAddress}));
  }
  // The kernel says up to a second late that a link is up; until then systemd-resolved asks nobody.
  const auto is_up = [client] {
    const auto link = testbed::RunIn(client, {"ip", "link", "show", "eth0"});
    return link.ok() && link->find("state UP") != std::string::npos;
  };
  if (!testbed::Await(is_up, kStartPatience)) {
    return Error(ErrorCode::kTimeout, "the client's link does not come up");
  }
  SUMMON_TRY(AddResolverAddresses(client));
  return house;
}

Status AddResolverAddresses(int namespace_fd) {
  for (const ResolverKind& kind : ResolverKinds()) {
    SUMMON_TRY(testbed::RunIn(namespace_fd,
                              {"ip", "addr", "add", StrCat(kind.address, "/32"), "dev", "lo"}));
  }
  return Ok();
}

}  // namespace summon::resolvers
