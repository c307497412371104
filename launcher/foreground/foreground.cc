// SPDX-License-Identifier: Apache-2.0
// Finding the kind of an image, and running it.
#include "launcher/foreground/foreground.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/loop/loop.h"
#include "base/near_file.h"
#include "base/program_directory.h"
#include "base/strings.h"
#include "launcher/foreground/core_file.h"
#include "launcher/foreground/devices.h"
#include "launcher/monitor/end_report.h"
#include "launcher/monitor/process.h"

namespace summon::launcher {

namespace {

// A run under construction.
struct Run {
  const ForegroundOptions& options;
  std::string monitor_dir;
  UniqueFd image;
  std::unique_ptr<hypervisor::JobFrame> frame;
  std::vector<ForegroundDevice> devices;
};

void Complain(std::string_view text) {
  const std::string line = StrCat("summon: ", text, "\n");
  (void)!write(STDERR_FILENO, line.data(), line.size());  // nowhere else to say it
}

Error ImageError(const std::string& path, int open_errno) {
  const Error error = ErrnoError(StrCat("open image ", path), open_errno);
  const auto hint = open_errno == ENOENT ? NearFileHint(path) : std::nullopt;
  return hint ? Error(error.code(), StrCat(error.message(), " (", *hint, ')')) : error;
}

Result<Run> OpenImage(const ForegroundOptions& options) {
  Run run{options, options.monitor_dir, UniqueFd(), std::make_unique<hypervisor::JobFrame>(), {}};
  if (run.monitor_dir.empty()) run.monitor_dir = SUMMON_TRY(OwnProgramDirectory());
  run.image = UniqueFd(open(options.image.c_str(), O_RDONLY | O_CLOEXEC));
  if (!run.image.valid()) return ImageError(options.image, errno);
  if (struct stat status {}; fstat(run.image.get(), &status) == 0 && S_ISDIR(status.st_mode)) {
    return Error(ErrorCode::kInvalid, StrCat(options.image, " is a directory; must be an image"));
  }
  return run;
}

// Opens the devices and writes the job.
Status Gather(Run& run) {
  const ForegroundOptions& options = run.options;
  for (const ForegroundNet& net : options.nets) {
    run.devices.push_back(SUMMON_TRY(OpenNet(net).Wrap(StrCat("--net:", net.name))));
  }
  for (const ForegroundBlock& block : options.blocks) {
    run.devices.push_back(SUMMON_TRY(OpenBlock(block).Wrap(StrCat("--block:", block.name))));
    if (run.devices.back().device.read_only != 0 && !block.file.starts_with("@")) {
      Complain(StrCat("note: ", block.file, " cannot be written by this user; ", block.name,
                      " is read only"));
    }
  }
  if (run.devices.size() > hypervisor::kDevicesMax) {
    return Error(ErrorCode::kInvalid, StrCat(run.devices.size(), " devices; at most ",
                                             hypervisor::kDevicesMax));
  }
  std::string command_line;
  for (const std::string& argument : options.arguments) {
    command_line += StrCat(command_line.empty() ? "" : " ", argument);
  }
  hypervisor::JobFrame& frame = *run.frame;
  if (command_line.size() >= sizeof frame.command_line) {
    return Error(ErrorCode::kInvalid, StrCat("the arguments have ", command_line.size(),
                                             " bytes; at most ", sizeof frame.command_line - 1));
  }
  std::memcpy(frame.command_line, command_line.data(), command_line.size());
  frame.magic = hypervisor::kProtocolMagic;
  frame.version = hypervisor::kProtocolVersion;
  frame.memory_bytes = std::uint64_t{options.memory_mib} << 20;
  for (const ForegroundDevice& device : run.devices) {
    frame.devices[frame.device_count++] = device.device;
  }
  return Ok();
}

enum class Purpose { kCheck, kRun };

Result<std::unique_ptr<MonitorProcess>> StartMonitor(Loop& loop, const Run& run, Kind kind,
                                                     Purpose purpose) {
  const bool is_kvm = kind == Kind::kKvm;
  SpawnSpec spec{
      .program = StrCat(run.monitor_dir, is_kvm ? "/summon-monitor" : "/summon-spt"),
      .arguments = {}};
  UniqueFd kvm;
  if (is_kvm && purpose == Purpose::kRun) {
    kvm = UniqueFd(open(run.options.kvm_path.c_str(), O_RDWR | O_CLOEXEC));
    if (!kvm.valid()) {
      const Error error = ErrnoError(StrCat("open ", run.options.kvm_path), errno);
      return Error(error.code(), StrCat(error.message(),
                                        " (this image needs KVM; is it enabled, and are you in "
                                        "the group kvm? Its spt build runs without; `summon "
                                        "doctor` tells more)"));
    }
    spec.kvm_fd = kvm.get();
    spec.arguments.push_back(StrCat("--kvm-fd=", kMonitorKvmFd));
    if (!run.options.guest_mode.empty()) {
      spec.arguments.push_back(StrCat("--guest-mode=", run.options.guest_mode));
    }
  }
  return MonitorProcess::Start(loop, spec);
}

// What the monitor writes into, all borrowed.
struct Outputs {
  int console = -1;
  std::optional<CoreFile>* core = nullptr;  // made here, when the run is to leave one
};

Status GiveJob(MonitorProcess& process, const Run& run, Purpose purpose, const Outputs& outputs) {
  std::vector<int> fds = {run.image.get(), outputs.console};
  run.frame->flags = purpose == Purpose::kCheck ? hypervisor::kJobCheckOnly : 0u;
  if (outputs.core != nullptr && !run.options.core_directory.empty()) {
    outputs.core->emplace(SUMMON_TRY(
        CoreFile::Create(run.options.core_directory, process.pid()).Wrap("--dumpcore")));
    run.frame->flags |= hypervisor::kJobCoreFile;
    fds.push_back((*outputs.core)->fd());
  }
  for (const ForegroundDevice& device : run.devices) fds.push_back(device.fd.get());
  return process.SendJob(*run.frame, fds);
}

// Gives the monitor its job and waits for its end.
Result<MonitorExit> Await(Loop& loop, MonitorProcess& process, const Run& run, Purpose purpose,
                          const Outputs& outputs) {
  std::optional<MonitorExit> ended;
  process.OnExit([&ended, &loop](const MonitorExit& exit) {
    ended = exit;
    loop.Stop();
  });
  const Status given = GiveJob(process, run, purpose, outputs);
  // A monitor that died before its job says why in its end report.
  if (!given.ok() && given.error().code() != ErrorCode::kUnavailable) return given.error();
  while (!ended) loop.Run();
  return *ended;
}

Status CheckAs(Loop& loop, const Run& run, Kind kind, int null_device) {
  const auto process = SUMMON_TRY(StartMonitor(loop, run, kind, Purpose::kCheck));
  const MonitorExit exit =
      SUMMON_TRY(Await(loop, *process, run, Purpose::kCheck, {.console = null_device}));
  const bool sound = exit.broken.empty() && exit.end &&
                     exit.end->reason == hypervisor::EndReason::kHalted;
  if (sound) return Ok();
  return Error(ErrorCode::kInvalid, DescribeExit(exit));
}

// The kind that the user has said, if only by the image's name.
std::optional<Kind> SaidKind(const ForegroundOptions& options) {
  if (options.kind) return options.kind;
  if (options.image.ends_with(".hvt")) return Kind::kKvm;
  if (options.image.ends_with(".spt")) return Kind::kProcess;
  return std::nullopt;
}

// The kind that the image was built for: its monitors say.
Result<Kind> FindKind(Loop& loop, const Run& run) {
  const UniqueFd null_device(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null_device.valid()) return ErrnoError("open /dev/null", errno);
  const Status as_kvm = CheckAs(loop, run, Kind::kKvm, null_device.get());
  if (as_kvm.ok()) return Kind::kKvm;
  const Status as_process = CheckAs(loop, run, Kind::kProcess, null_device.get());
  if (as_process.ok()) return Kind::kProcess;
  const std::string& path = run.options.image;
  if (as_kvm.error().message() == as_process.error().message()) return as_kvm.error().Wrap(path);
  return Error(as_kvm.error().code(),
               StrCat(path, ": as ", KindName(Kind::kKvm), ": ", as_kvm.error().message(), "; as ",
                      KindName(Kind::kProcess), ": ", as_process.error().message()));
}

// Copies the console to our standard output. The pipe is between them because the guest must not
// get a descriptor of our terminal.
class ConsoleCopy final {
 public:
  static Result<std::unique_ptr<ConsoleCopy>> Create(Loop& loop) {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0) return ErrnoError("create console pipe", errno);
    // Only our end does not block: a guest that prints faster than our output takes it waits,
    // and nothing is lost.
    if (fcntl(fds[0], F_SETFL, O_NONBLOCK) != 0) return ErrnoError("set up console pipe", errno);
    auto copy = std::make_unique<ConsoleCopy>();
    copy->reader_ = UniqueFd(fds[0]);
    copy->writer_ = UniqueFd(fds[1]);
    copy->watcher_ = SUMMON_TRY(FdWatcher::Create(
        loop, copy->reader_.get(), [raw = copy.get()](FdWatcher::Ready) { raw->CopySome(); }));
    copy->watcher_->Watch(FdWatcher::Interest::kRead);
    return copy;
  }

  int writer() const { return writer_.get(); }
  // What is left once the guest is gone.
  void Finish() {
    writer_.Reset();
    while (CopySome()) {
    }
  }

 private:
  bool CopySome() {
    char text[16 * 1024];
    const ssize_t size = read(reader_.get(), text, sizeof text);
    if (size <= 0) return false;
    for (ssize_t written = 0; written < size;) {
      const ssize_t now = write(STDOUT_FILENO, text + written,
                                static_cast<std::size_t>(size - written));
      if (now < 0 && errno == EINTR) continue;
      if (now < 0) return true;  // nobody reads our output: the guest goes on
      written += now;
    }
    return true;
  }

  UniqueFd reader_;
  UniqueFd writer_;
  std::unique_ptr<FdWatcher> watcher_;
};

void TellCore(CoreFile& core) {
  const Result<std::string> path = core.Keep();
  if (!path.ok()) return Complain(path.error().message());
  if (!path->empty()) Complain(StrCat("the guest's core is in ", *path));
}

// What our own process is to end with. `image` is for the error.
Result<int> StatusOf(const EndReport& report, bool guest_ran, const std::string& image) {
  switch (report.reason) {
    case EndReason::kHalted: return report.exit_status;
    case EndReason::kGuestFault:
      Complain(report.detail);
      return report.exit_status != 0 ? report.exit_status : 1;
    default: break;
  }
  if (!guest_ran) {
    if (report.reason == EndReason::kImageRejected) {
      return Error(ErrorCode::kInvalid, StrCat(image, ": ", report.detail));
    }
    return Error(ErrorCode::kUnavailable,
                 StrCat(report.detail, " (`summon doctor` tells what this machine lacks)"));
  }
  Complain(report.detail);
  return 1;
}

}  // namespace

Result<int> RunForeground(const ForegroundOptions& options) {
  Run run = SUMMON_TRY(OpenImage(options));
  std::unique_ptr<Loop> loop = SUMMON_TRY(Loop::Create());
  const std::optional<Kind> said = SaidKind(options);
  if (!said) SUMMON_TRY(Gather(run));
  const Kind kind = said ? *said : SUMMON_TRY(FindKind(*loop, run));
  if (kind == Kind::kProcess && !options.core_directory.empty()) {
    return Error(ErrorCode::kInvalid,
                 "--dumpcore: a process guest leaves no core (its memory is that of a process "
                 "that must not be looked into); only images built for hvt do");
  }
  const auto process = SUMMON_TRY(StartMonitor(*loop, run, kind, Purpose::kRun));
  if (said) SUMMON_TRY(Gather(run));  // while the monitor makes its machine
  std::unique_ptr<ConsoleCopy> console = SUMMON_TRY(ConsoleCopy::Create(*loop));

  int ended_by = 0;
  std::vector<std::unique_ptr<SignalWatcher>> signals;
  for (const int number : {SIGINT, SIGTERM}) {
    signals.push_back(
        std::make_unique<SignalWatcher>(*loop, number, [raw = process.get(), &ended_by, number] {
          ended_by = number;
          raw->Kill();
        }));
  }
  std::optional<CoreFile> core;
  const Result<MonitorExit> exit =
      Await(*loop, *process, run, Purpose::kRun, {console->writer(), &core});
  signals.clear();
  console->Finish();
  console.reset();
  if (!exit.ok()) return exit.error();
  constexpr int kEndedBySignal = 128;  // as shells count it
  if (ended_by != 0) return kEndedBySignal + ended_by;
  if (core) TellCore(*core);
  return StatusOf(InterpretExit(kind, Asked::kNo, *exit), exit->guest_ran, options.image);
}

}  // namespace summon::launcher
