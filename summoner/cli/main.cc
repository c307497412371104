// SPDX-License-Identifier: Apache-2.0
// `summon`: runs single unikernels, and leaves all else to summon-ctl, which asks summond.
//
// A program of its own, static and small, because its start is most of what a short run takes: what
// reads the other commands (CLI11) and asks (protobuf) needs 2 ms to be loaded.
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/program_directory.h"
#include "base/strings.h"
#include "launcher/foreground/foreground.h"
#include "summoner/cli/exit_status.h"
#include "summoner/cli/run_arguments.h"

namespace summon::cli {
namespace {

int Run(std::span<const std::string> arguments) {
  for (const std::string& argument : arguments) {
    if (argument == "--" || !argument.starts_with("-")) break;
    if (argument == "--help" || argument == "-h") {
      std::fputs(RunHelp().c_str(), stdout);
      return kExitOk;
    }
  }
  const auto options = ParseRunArguments(arguments);
  if (!options.ok()) {
    std::fprintf(stderr, "summon run: %s\n", options.error().message().c_str());
    return kExitUsage;
  }
  if (const auto misplaced = MisplacedOption(arguments)) {
    std::fprintf(stderr, "summon run: note: %s comes after the image, so it is the guest's\n",
                 misplaced->c_str());
  }
  const auto status = launcher::RunForeground(*options);
  if (!status.ok()) {
    std::fprintf(stderr, "summon run: %s\n", status.error().message().c_str());
    return kExitFailed;
  }
  return *status;
}

// Becomes summon-ctl, with the same arguments and our name. Returns only when that fails.
int BecomeCtl(char** argv) {
  const Result<std::string> folder = OwnProgramDirectory();
  if (!folder.ok()) {
    std::fprintf(stderr, "summon: %s\n", folder.error().message().c_str());
    return kExitFailed;
  }
  const std::string program = StrCat(*folder, "/summon-ctl");
  (void)execv(program.c_str(), argv);
  const Error error = ErrnoError(StrCat("start ", program), errno);
  std::fprintf(stderr, "summon: %s (all commands but `run` are in it; it belongs beside summon)\n",
               error.message().c_str());
  return kExitFailed;
}

}  // namespace
}  // namespace summon::cli

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "run") {
    const std::vector<std::string> arguments(argv + 2, argv + argc);
    return summon::cli::Run(arguments);
  }
  return summon::cli::BecomeCtl(argv);
}
