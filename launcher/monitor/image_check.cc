// SPDX-License-Identifier: Apache-2.0
// The queue of checks.
#include "launcher/monitor/image_check.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "base/strings.h"
#include "launcher/monitor/end_report.h"
#include "launcher/monitor/job.h"
#include "launcher/monitor/sealed_copy.h"

namespace summon::launcher {

ImageChecker::Ticket ImageChecker::Check(Request request) {
  const Ticket ticket = next_ticket_++;
  waiting_.emplace_back(ticket, std::move(request));
  StartNext();
  return ticket;
}

void ImageChecker::Cancel(Ticket ticket) {
  std::erase_if(waiting_, [ticket](const auto& one) { return one.first == ticket; });
  std::erase_if(running_, [ticket](const Running& one) { return one.ticket == ticket; });
  StartNext();
}

void ImageChecker::StartNext() {
  while (running_.size() < kRunningMax && !waiting_.empty()) {
    Running& check = running_.emplace_back();
    check.ticket = waiting_.front().first;
    check.request = std::move(waiting_.front().second);
    waiting_.pop_front();
    const Status started = Start(check);
    if (!started.ok()) {
      // Not from here: the answer never comes within the call that asked.
      check.limit = std::make_unique<Timer>(
          loop_, [this, ticket = check.ticket, started] { Finish(ticket, started.error()); });
      check.limit->Set(loop_.Now());
    }
  }
}

Status ImageChecker::Start(Running& check) {
  // Stands for the console and the tap, which a check does not touch.
  check.null_device = UniqueFd(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!check.null_device.valid()) return ErrnoError("open /dev/null", errno);
  const int null_device = check.null_device.get();
  std::uint32_t flags = hypervisor::kJobCheckOnly;
  std::vector<int> fds = JobDescriptors(
      *check.request.order,
      JobEnds{.image = check.request.image, .console = null_device, .tap = null_device}, flags);
  if (check.request.kind == Kind::kKvm) {
    check.layout = SUMMON_TRY(NewMemoryFile("summon-layout"));
    flags = hypervisor::kJobLayOut;
    constexpr std::size_t kAfterConsole = 2;
    fds.insert(fds.begin() + kAfterConsole, check.layout.get());
  }
  check.process = SUMMON_TRY(pool_.StartChecker(check.request.kind));
  check.request.frame->flags = flags;
  SUMMON_TRY(check.process->SendJob(*check.request.frame, fds));
  Running* raw = &check;  // an element of a list: stays where it is until Finish or Cancel
  check.process->OnExit([this, raw](const MonitorExit& exit) {
    Finish(raw->ticket, Judge(*raw, exit));
  });
  check.limit = std::make_unique<Timer>(loop_, [raw] {
    raw->too_late = true;
    raw->process->Kill();
  });
  check.limit->Set(loop_.Now() + kPatience);
  return Ok();
}

Result<UniqueFd> ImageChecker::Judge(Running& check, const MonitorExit& exit) {
  if (check.too_late) {
    return Error(ErrorCode::kTimeout, "check image: the monitor did not answer in time");
  }
  if (!exit.end || !exit.broken.empty()) return Error(ErrorCode::kIo, DescribeExit(exit));
  if (exit.end->reason == hypervisor::EndReason::kHalted) {
    if (!check.layout.valid()) return UniqueFd();
    (void)SUMMON_TRY(
        Seal(check.layout.get(), check.request.frame->memory_bytes + kMemoryFileExtraBytes)
            .Wrap("lay out image"));
    return std::move(check.layout);
  }
  const bool rejected = exit.end->reason == hypervisor::EndReason::kImageRejected;
  return Error(rejected ? ErrorCode::kInvalid : ErrorCode::kIo, DescribeExit(exit));
}

void ImageChecker::Finish(Ticket ticket, Result<UniqueFd> layout) {
  const auto found = std::find_if(running_.begin(), running_.end(),
                                  [ticket](const Running& one) { return one.ticket == ticket; });
  if (found == running_.end()) return;
  const auto done = std::move(found->request.done);
  running_.erase(found);
  done(std::move(layout));
  StartNext();
}

}  // namespace summon::launcher
