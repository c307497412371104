// SPDX-License-Identifier: Apache-2.0
// Configurations of other name servers, as small as they can be.
#include "benchmarks/dns/peers.h"

#include <time.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "base/strings.h"
#include "benchmarks/dns/blast.h"
#include "benchmarks/dns/questions.h"

namespace summon::benchmarks {

namespace {

using testbed::Arguments;

constexpr Duration kPatience = std::chrono::seconds(60);  // 100,000 names take BIND a second

struct Place {
  const ServerOptions& options;
  const testbed::ScratchFolder& folder;
  std::string zone;  // the path of the zone file

  std::string Program(const std::string& name) const {
    return StrCat(options.peers, "/bin/", name);
  }
  std::string In(const std::string& name) const { return StrCat(folder.path(), "/", name); }
};

Arguments OursIn(const Place& place) {
  return {testbed::ProgramPath("summond"),
          "--zone-file", StrCat(kBenchApex, "=", place.zone),
          "--listen", StrCat("127.0.0.1:", place.options.port),
          "--metrics-listen", StrCat("127.0.0.1:", place.options.port + 1'000),
          "--control-socket", place.In("control.sock"),
          "--launcher-socket", place.In("launcher.sock")};
}

Arguments NsdIn(const Place& place) {
  const std::string config = place.folder.Write(
      "nsd.conf",
      StrCat("server:\n  server-count: 1\n  ip-address: 127.0.0.1@", place.options.port,
             "\n  username: \"\"\n  database: \"\"\n  zonesdir: \"", place.folder.path(),
             "\"\n  pidfile: \"", place.In("pid"), "\"\n  xfrdfile: \"", place.In("xfrd"),
             "\"\n  zonelistfile: \"", place.In("zones"), "\"\n  xfrdir: \"",
             place.folder.path(), "\"\n  rrl-ratelimit: 0\n  rrl-whitelist-ratelimit: 0\n",
             "remote-control:\n  control-enable: no\nzone:\n  name: ", kBenchApex,
             "\n  zonefile: \"", place.zone, "\"\n"));
  return {place.Program("nsd"), "-d", "-c", config};
}

Arguments KnotIn(const Place& place) {
  const std::string config = place.folder.Write(
      "knot.conf",
      StrCat("server:\n  listen: 127.0.0.1@", place.options.port, "\n  rundir: ",
             place.folder.path(), "\n  udp-workers: 1\n  tcp-workers: 1\n",
             "  background-workers: 1\n", "log:\n  - target: stderr\n    any: error\n",
             "database:\n  storage: ", place.folder.path(), "\nzone:\n  - domain: ", kBenchApex,
             "\n    file: ", place.zone, "\n    zonefile-sync: -1\n"));
  return {place.Program("knotd"), "-c", config};
}

Arguments BindIn(const Place& place) {
  const std::string config = place.folder.Write(
      "named.conf",
      StrCat("options {\n  directory \"", place.folder.path(), "\";\n  listen-on port ",
             place.options.port, " { 127.0.0.1; };\n  listen-on-v6 { none; };\n",
             "  pid-file none;\n  session-keyfile none;\n  recursion no;\n",
             "  dnssec-validation no;\n  minimal-responses yes;\n};\ncontrols { };\nzone \"",
             kBenchApex, "\" {\n  type primary;\n  file \"", place.zone, "\";\n};\n"));
  return {place.Program("named"), "-f", "-n", "1", "-U", "1", "-c", config};
}

Arguments DnsmasqIn(const Place& place) {
  const std::string hosts = place.folder.Write("hosts", HostsText(place.options.names));
  return {place.Program("dnsmasq"), "-k", "-C", "/dev/null", "--no-resolv", "--no-hosts",
          StrCat("--port=", place.options.port), "--listen-address=127.0.0.1",
          "--bind-interfaces", StrCat("--addn-hosts=", hosts), StrCat("--local=/", kBenchApex, "/"),
          "--user=root", "--pid-file="};
}

Arguments PdnsIn(const Place& place) {
  const std::string zones = place.folder.Write(
      "zones.conf", StrCat("zone \"", kBenchApex, "\" { type master; file \"", place.zone,
                           "\"; };\n"));
  (void)place.folder.Write(
      "pdns.conf", StrCat("launch=bind\nbind-config=", zones, "\nlocal-address=127.0.0.1\n",
                          "local-port=", place.options.port, "\nsocket-dir=", place.folder.path(),
                          "\nreceiver-threads=1\ndistributor-threads=1\ndaemon=no\nguardian=no\n",
                          "loglevel=3\n"));
  return {place.Program("pdns_server"), StrCat("--config-dir=", place.folder.path())};
}

struct Kind {
  const char* name;
  const char* program;  // in the folder of peers
  Arguments (*in)(const Place& place);
  const char* version;  // the option that prints it
};
constexpr Kind kKinds[] = {{"summond", nullptr, OursIn, "--version"},
                           {"nsd", "nsd", NsdIn, "-v"},
                           {"knot", "knotd", KnotIn, "--version"},
                           {"bind", "named", BindIn, "-v"},
                           {"dnsmasq", "dnsmasq", DnsmasqIn, "--version"},
                           {"pdns", "pdns_server", PdnsIn, "--version"}};

Status AwaitAnswer(const dns::Endpoint& endpoint, const testbed::Daemon& daemon) {
  const std::vector<Question> questions = MakeQuestions({.names = 1, .count = 1});
  const SystemClock clock;
  const Instant deadline = clock.Now() + kPatience;
  while (clock.Now() < deadline) {
    const auto tried = Blast({.server = endpoint,
                              .questions = questions,
                              .duration = std::chrono::milliseconds(50),
                              .outstanding = 1});
    if (tried.ok() && tried->answered > tried->wrong) return Ok();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return Error(ErrorCode::kIo, StrCat("await an answer from ", endpoint.ToString(),
                                      ": none came; it said: ", daemon.Log()));
}

}  // namespace

std::vector<std::string> ServerNames() {
  std::vector<std::string> names;
  for (const Kind& kind : kKinds) names.emplace_back(kind.name);
  return names;
}

Result<std::unique_ptr<NameServer>> NameServer::Start(const ServerOptions& options) {
  const Kind* kind = nullptr;
  for (const Kind& each : kKinds) kind = options.name == each.name ? &each : kind;
  if (!kind) return Error(ErrorCode::kInvalid, StrCat("start ", options.name, ": not known"));
  const std::string program = kind->program ? StrCat(options.peers, "/bin/", kind->program)
                                            : testbed::ProgramPath("summond");
  if (!std::filesystem::exists(program)) {
    return Error(ErrorCode::kNotFound, StrCat("start ", options.name, ": ", program,
                                              " is not there (see tools/fetch_peers)"));
  }
  std::unique_ptr<NameServer> server(new NameServer);
  server->name_ = options.name;
  const auto said = testbed::FinishIn(-1, {program, kind->version});
  if (said.ok()) server->version_ = said->output.substr(0, said->output.find('\n'));
  server->endpoint_ =
      SUMMON_TRY(dns::Endpoint::Parse(StrCat("127.0.0.1:", options.port)));
  const Place place{options, server->folder_,
                    server->folder_.Write("zone", ZoneText(options.names))};
  Arguments pinned = {"/usr/bin/taskset", "-c", "0"};
  for (const std::string& argument : kind->in(place)) pinned.push_back(argument);
  server->daemon_ =
      SUMMON_TRY(testbed::Daemon::Start(-1, pinned, StrCat(server->folder_.path(), "/log")));
  SUMMON_TRY(AwaitAnswer(server->endpoint_, *server->daemon_));
  return server;
}

std::vector<int> NameServer::Processes() const {
  std::vector<int> found = {daemon_->pid()};
  for (std::size_t i = 0; i < found.size(); ++i) {
    std::ifstream children(StrCat("/proc/", found[i], "/task/", found[i], "/children"));
    int child = 0;
    while (children >> child) found.push_back(child);
  }
  return found;
}

Duration NameServer::ProcessorTime() const {
  Duration total{};
  for (const int pid : Processes()) {
    clockid_t clock{};
    timespec time{};
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) continue;
    total += std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
  }
  return total;
}

std::size_t NameServer::MemoryKib() const {
  std::size_t total = 0;
  for (const int pid : Processes()) {
    std::ifstream file(StrCat("/proc/", pid, "/smaps_rollup"));
    std::string word;
    std::size_t value = 0;
    while (file >> word) {
      if (word == "Pss:" && file >> value) total += value;
    }
  }
  return total;
}

}  // namespace summon::benchmarks
