// SPDX-License-Identifier: Apache-2.0
// summon-ctl: the commands of `summon`, but for `run`: asks summond, and tells what a host lacks.
// Started by `summon`, under its name. Here only the command line is read.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "base/program_directory.h"
#include "base/strings.h"
#include "base/version.h"
#include "summoner/cli/commands.h"
#include "summoner/cli/dnssec.h"
#include "summoner/cli/doctor/judge.h"
#include "summoner/cli/exit_status.h"

namespace summon::cli {
namespace {

constexpr const char* kDefaultSocket = "/run/summon/summond.sock";

int Doctor(Output output) {
  const auto folder = OwnProgramDirectory();
  if (!folder.ok()) {
    std::fprintf(stderr, "summon doctor: %s\n", folder.error().message().c_str());
    return kExitFailed;
  }
  const std::vector<Finding> findings = JudgeHost(ReadFacts({.root = "", .program_dir = *folder}));
  std::fputs((output == Output::kJson ? DoctorJson(findings) : DoctorText(findings)).c_str(),
             stdout);
  return DoctorStatus(findings);
}

// What somebody may have meant by a first word that is no command; empty: no idea.
std::string CommandHint(const std::string& word) {
  if (word.ends_with(".hvt") || word.ends_with(".spt")) return StrCat("summon run ", word);
  const auto nearest = NearestName(
      ToLower(word), {"list", "status", "summon", "reclaim", "logs", "run", "doctor", "dnssec"});
  if (!nearest || *nearest == word) return {};
  return StrCat("summon ", *nearest);
}

// `summon dnssec keygen` and `summon dnssec ds`.
class DnssecCommand final {
 public:
  explicit DnssecCommand(CLI::App& app)
      : command_(app.add_subcommand("dnssec", "keys that sign zones")) {
    command_->require_subcommand(1);
    keygen_ = command_->add_subcommand("keygen", "make a key, and print its DS record");
    keygen_->add_option("--out", options_.key_path, "the file to make; never overwrites one")
        ->required();
    ds_ = command_->add_subcommand("ds", "print a key's DS and DNSKEY records");
    ds_->add_option("--key", options_.key_path, "the key's file")->required();
    for (CLI::App* command : {keygen_, ds_}) {
      command->add_option("--zone", options_.zone, "the zone's own name")->required();
    }
  }
  bool parsed() const { return command_->parsed(); }
  int Run(Output output) {
    options_.output = output;
    return keygen_->parsed() ? MakeDnssecKey(options_) : ShowDnssecKey(options_);
  }

 private:
  DnssecOptions options_;
  CLI::App* command_;
  CLI::App* keygen_;
  CLI::App* ds_;
};

int ParseAndRun(int argc, char** argv) {
  CLI::App app{"Asks summond about services, wakes them and puts them away."};
  app.footer("Exit status: 0 done, 1 failed, 2 wrong usage, 3 no such service, 4 summond not "
             "reached, 5 not permitted, 6 time-out.\n`summon run --help` tells about the "
             "unikernel in the foreground.");
  app.set_version_flag("--version", kVersion);
  app.require_subcommand(1);
  app.fallthrough();
  CommonOptions common;
  bool json = false;
  std::string service;
  WaitOptions wait;
  bool no_wait = false;
  std::string rung = "off";
  app.add_option("--socket", common.socket_path, "control socket of summond")
      ->default_val(kDefaultSocket);
  app.add_flag("--json", json, "print the answer as JSON");
  CLI::App* list = app.add_subcommand("list", "all services, a line each");
  CLI::App* status = app.add_subcommand("status", "one service, and how its last summon went");
  CLI::App* summon = app.add_subcommand("summon", "wake a service and wait until it is ready");
  CLI::App* reclaim = app.add_subcommand("reclaim", "put a service away now");
  CLI::App* logs = app.add_subcommand("logs", "what its machine printed lately");
  CLI::App* doctor = app.add_subcommand("doctor", "what this machine lacks, and how to mend it");
  CLI::App* run = app.add_subcommand("run", "run one unikernel in the foreground");
  DnssecCommand dnssec(app);
  for (CLI::App* command : {status, summon, reclaim, logs}) {
    command->add_option("NAME", service, "the service")->required();
  }
  for (CLI::App* command : {summon, reclaim}) {
    command->add_flag("--no-wait", no_wait, "do not wait until it is done");
    command->add_option("--timeout-ms", wait.timeout_ms, "how long to wait")
        ->check(CLI::Range(1u, 60'000u))
        ->capture_default_str();
  }
  reclaim->add_option("--rung", rung, "where it shall rest, or below")
      ->check(CLI::IsMember({"paused", "parked", "saved", "off"}))
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {  // CLI11 reports by exceptions; they end here
    const int reported = app.exit(error);
    if (reported == 0) return kExitOk;
    const std::string hint = argc > 1 && argv[1][0] != '-' ? CommandHint(argv[1]) : "";
    if (!hint.empty()) std::fprintf(stderr, "Did you mean `%s`?\n", hint.c_str());
    return kExitUsage;
  }
  common.output = json ? Output::kJson : Output::kText;
  wait.wait = !no_wait;
  if (run->parsed()) {
    std::fputs("summon: `run` comes first: summon run IMAGE; its options are its own\n", stderr);
    return kExitUsage;
  }
  if (doctor->parsed()) return Doctor(common.output);
  if (dnssec.parsed()) return dnssec.Run(common.output);
  if (list->parsed()) return List(common);
  if (status->parsed()) return ShowStatus(common, service);
  if (summon->parsed()) return Summon(common, service, wait);
  if (reclaim->parsed()) return Reclaim(common, service, rung, wait);
  return Logs(common, service);
}

}  // namespace
}  // namespace summon::cli

int main(int argc, char** argv) { return summon::cli::ParseAndRun(argc, argv); }
