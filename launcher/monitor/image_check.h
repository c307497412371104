// SPDX-License-Identifier: Apache-2.0
#pragma once
// Checks images in monitor processes, so that the launcher itself parses no image.
//
// The check is the one that a boot makes: same program, same job, ended before the guest runs. An
// image of kind kvm is also laid out as guest memory, once for all its boots.

#include <deque>
#include <functional>
#include <list>
#include <memory>

#include "base/loop/loop.h"
#include "launcher/launch_order.h"
#include "launcher/monitor/pool.h"

namespace summon::launcher {

class ImageChecker final {
 public:
  // Checks that run at once; the rest waits its turn. Two keep both of a small machine's cores
  // busy at start-up without making instances wait.
  static constexpr std::size_t kRunningMax = 2;
  // A monitor that has not judged by then is ended; judging takes a few milliseconds.
  static constexpr Duration kPatience = std::chrono::seconds(10);

  // `loop` and `pool` outlive the checker.
  ImageChecker(Loop& loop, MonitorPool& pool) : loop_(loop), pool_(pool) {}
  ImageChecker(const ImageChecker&) = delete;
  ImageChecker& operator=(const ImageChecker&) = delete;

  struct Request {
    Kind kind = Kind::kKvm;
    const LaunchOrder* order = nullptr;  // borrowed until `done` or Cancel
    hypervisor::JobFrame* frame = nullptr;  // likewise
    int image = -1;                         // likewise
    // Runs from the loop, once, unless cancelled. The sealed layout for kind kvm, else none.
    std::function<void(Result<UniqueFd>)> done;
  };
  using Ticket = std::uint64_t;
  Ticket Check(Request request);
  // Forgets a check that is not done; nothing for any other.
  void Cancel(Ticket ticket);

 private:
  struct Running {
    Ticket ticket;
    Request request;
    UniqueFd null_device;
    UniqueFd layout;  // kind kvm
    std::unique_ptr<MonitorProcess> process;
    std::unique_ptr<Timer> limit;
    bool too_late = false;
  };

  void StartNext();
  Status Start(Running& check);
  void Finish(Ticket ticket, Result<UniqueFd> layout);
  static Result<UniqueFd> Judge(Running& check, const MonitorExit& exit);

  Loop& loop_;
  MonitorPool& pool_;
  Ticket next_ticket_ = 1;
  std::deque<std::pair<Ticket, Request>> waiting_;
  std::list<Running> running_;
};

}  // namespace summon::launcher
