// SPDX-License-Identifier: Apache-2.0
// What each command asks and how its answer is shown; see the header.
#include "summoner/cli/commands.h"

#include <cstdio>

#include "base/strings.h"
#include "summoner/cli/client.h"
#include "summoner/cli/exit_status.h"
#include "summoner/cli/show.h"

namespace summon::cli {

namespace {

constexpr Duration kPatience = std::chrono::seconds(5);

void Print(const std::string& text) { (void)std::fwrite(text.data(), 1, text.size(), stdout); }

// Prints an error for people, or as JSON.
int Fail(const CommonOptions& common, const Error& error) {
  if (common.output == Output::kJson) {
    control::Response response;
    response.set_code(std::string(ErrorCodeName(error.code())));
    response.set_error(error.message());
    Print(Json(response));
  } else {
    std::fprintf(stderr, "summon: %s\n", error.message().c_str());
  }
  return ExitStatusOf(error);
}

int ShowFailure(const CommonOptions& common, const control::Response& response) {
  if (common.output == Output::kJson) {
    Print(Json(response));
  } else {
    std::fprintf(stderr, "summon: %s\n", response.error().c_str());
  }
  return ExitStatusOf(response);
}

// Asks and shows the answer with `show` when all went well.
template <typename Show>
int AskAndShow(const CommonOptions& common, const control::Request& request, Duration patience,
               const Show& show) {
  const auto response = Ask(common.socket_path, request, patience);
  if (!response.ok()) return Fail(common, response.error());
  if (response->code() != "ok") return ShowFailure(common, *response);
  if (common.output == Output::kJson) {
    Print(Json(*response));
  } else {
    show(*response);
  }
  return kExitOk;
}

Duration PatienceFor(const WaitOptions& wait) {
  return kPatience + std::chrono::milliseconds(wait.wait ? wait.timeout_ms : 0);
}

std::string LauncherLines(const control::Response& response) {
  std::string lines;
  for (const control::Launcher& launcher : response.launchers()) {
    if (!launcher.usable()) {
      lines += StrCat("launcher ", launcher.name(), ": not usable: ", launcher.reason(), '\n');
    }
  }
  return lines;
}

}  // namespace

int List(const CommonOptions& common) {
  control::Response all;
  all.set_code("ok");
  control::Request request;
  do {
    request.mutable_list()->set_offset(all.next_offset());
    const auto page = Ask(common.socket_path, request, kPatience);
    if (!page.ok()) return Fail(common, page.error());
    if (page->code() != "ok") return ShowFailure(common, *page);
    for (const control::Service& service : page->services()) *all.add_services() = service;
    *all.mutable_launchers() = page->launchers();
    all.set_next_offset(page->next_offset());
  } while (all.next_offset() != 0);
  if (common.output == Output::kJson) {
    Print(Json(all));
    return kExitOk;
  }
  Print(ListTable({all.services().begin(), all.services().end()}));
  Print(LauncherLines(all));
  return kExitOk;
}

int ShowStatus(const CommonOptions& common, const std::string& service) {
  control::Request request;
  request.mutable_status()->set_service(service);
  return AskAndShow(common, request, kPatience, [](const control::Response& response) {
    for (const control::Service& one : response.services()) Print(StatusText(one));
  });
}

int Logs(const CommonOptions& common, const std::string& service) {
  control::Request request;
  request.mutable_logs()->set_service(service);
  return AskAndShow(common, request, kPatience,
                    [](const control::Response& response) { Print(response.console()); });
}

int Summon(const CommonOptions& common, const std::string& service, const WaitOptions& wait) {
  control::Request request;
  request.mutable_summon()->set_service(service);
  request.mutable_summon()->set_wait_ready(wait.wait);
  request.mutable_summon()->set_timeout_ms(wait.timeout_ms);
  return AskAndShow(common, request, PatienceFor(wait), [](const control::Response& response) {
    for (const control::Service& one : response.services()) Print(StatusText(one));
  });
}

int Reclaim(const CommonOptions& common, const std::string& service, const std::string& rung,
            const WaitOptions& wait) {
  control::Request request;
  request.mutable_reclaim()->set_service(service);
  request.mutable_reclaim()->set_rung(rung);
  request.mutable_reclaim()->set_wait_rested(wait.wait);
  request.mutable_reclaim()->set_timeout_ms(wait.timeout_ms);
  return AskAndShow(common, request, PatienceFor(wait), [](const control::Response& response) {
    for (const control::Service& one : response.services()) {
      Print(StrCat(one.name(), ": ", one.state(), ", ", one.rung(), '\n'));
    }
  });
}

}  // namespace summon::cli
