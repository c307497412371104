// SPDX-License-Identifier: Apache-2.0
#pragma once
// A monitor launcher with the real programs, in a network namespace of its own.

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <memory>
#include <string>

#include "base/loop/loop.h"
#include "base/strings.h"
#include "launcher/monitor/monitor_launcher.h"
#include "tests/launcher/recorder.h"

namespace summon::launcher {

// Where the build puts programs and guests; given by CMake.
inline std::string ProgramFolder() { return SUMMON_PROGRAMS; }
inline std::string GuestPath(std::string_view guest, Kind kind) {
  return StrCat(SUMMON_GUESTS, "/", guest, kind == Kind::kKvm ? ".hvt" : ".spt");
}

inline UniqueFd OpenFile(const std::string& path) {
  return UniqueFd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

// A file that is only in memory.
inline UniqueFd FileOf(std::string_view text) {
  UniqueFd fd(memfd_create("test", MFD_CLOEXEC));
  SUMMON_CHECK(write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  return fd;
}

// The calling thread's network from now on: nothing but a loopback that is down. Taps made in it
// go with it.
inline bool EnterOwnNetwork() { return unshare(CLONE_NEWNET) == 0; }

inline Ipv4Address AddressOf(ServiceId service) {
  return Ipv4Address{{10, 77, 0, static_cast<std::uint8_t>(10 + static_cast<unsigned>(service))}};
}

inline void SendUdpTo(Ipv4Address address) {
  const UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  constexpr std::uint16_t kEchoPort = 7;
  to.sin_port = htons(kEchoPort);
  std::memcpy(&to.sin_addr, address.octets.data(), address.octets.size());
  // SAFETY: every sockaddr_* type may be passed to the socket calls as a sockaddr (POSIX).
  (void)sendto(fd.get(), "knock", 5, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
}

// A frame that asks for nothing: no wake filter lets it through.
inline void SendNoiseTo(Ipv4Address address) {
  const UniqueFd fd(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_GRE));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  std::memcpy(&to.sin_addr, address.octets.data(), address.octets.size());
  // SAFETY: every sockaddr_* type may be passed to the socket calls as a sockaddr (POSIX).
  (void)sendto(fd.get(), "noise", 5, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
}

inline LaunchOrder OrderFor(ServiceId service) {
  LaunchOrder order;
  order.service = StrCat("service", static_cast<unsigned>(service));
  order.address = AddressOf(service);
  order.gateway = Ipv4Address{{10, 77, 0, 1}};
  order.tap_name = StrCat("smtest", static_cast<unsigned>(service));
  return order;
}

class MonitorWorld {
 public:
  explicit MonitorWorld(Kind kind, MonitorLauncherOptions options = {}) : kind_(kind) {
    SUMMON_CHECK(EnterOwnNetwork());
    if (options.monitor_dir.empty()) options.monitor_dir = ProgramFolder();
    launcher_ = MonitorLauncher::Create(*loop_, log_, events_, std::move(options)).value();
  }

  ~MonitorWorld() {
    launcher_.reset();
    std::filesystem::remove_all(StateFolder());
  }
  MonitorWorld(const MonitorWorld&) = delete;
  MonitorWorld& operator=(const MonitorWorld&) = delete;

  // Where services are saved, for this process alone.
  static std::string StateFolder() { return StrCat("/tmp/summon-state-", getpid()); }
  static MonitorLauncherOptions WithStateFolder() {
    MonitorLauncherOptions options;
    options.state_dir = StateFolder();
    return options;
  }

  static std::string MissingFor(Kind kind) {
    if (geteuid() != 0) return "not root: no taps, no network namespace";
    if (access("/dev/net/tun", R_OK | W_OK) != 0) return "no /dev/net/tun";
    if (kind == Kind::kKvm && access("/dev/kvm", R_OK | W_OK) != 0) return "no /dev/kvm";
    return {};
  }

  Launcher& launcher() { return *launcher_; }
  MonitorLauncher& monitors() { return *launcher_; }
  void DestroyLauncher() { launcher_.reset(); }
  Recorder& events() { return events_; }
  Loop& loop() { return *loop_; }

  LaunchOrder Good(ServiceId service) {
    LaunchOrder order = OrderFor(service);
    AddImage(order, "echo");
    order.command_line = StrCat("--ipv4=", order.address.ToString(), "/24 --ipv4-gateway=",
                                order.gateway.ToString(), " --name=", order.service);
    order.nets.push_back(NetOrder{"service", {}});
    return order;
  }
  LaunchOrder Halting(ServiceId service) {
    LaunchOrder order = OrderFor(service);
    AddImage(order, "hello");
    return order;
  }
  LaunchOrder Hostile(ServiceId service, std::string act) {
    LaunchOrder order = OrderFor(service);
    AddImage(order, "hostile");
    order.command_line = std::move(act);
    return order;
  }
  LaunchOrder Bad(ServiceId service) {
    LaunchOrder order = OrderFor(service);
    order.images.push_back(ImageFile{kind_, FileOf("this is no image"), "bad.txt"});
    return order;
  }
  void SendPacket(ServiceId service) { SendUdpTo(AddressOf(service)); }
  bool Await(const std::function<bool()>& holds) {
    return loop_->RunUntil(holds, std::chrono::seconds(20));
  }
  void Settle() {
    (void)loop_->RunUntil([] { return false; }, std::chrono::milliseconds(60));
  }

 private:
  void AddImage(LaunchOrder& order, std::string_view guest) {
    const std::string path = GuestPath(guest, kind_);
    order.images.push_back(ImageFile{kind_, OpenFile(path), path});
  }

  const Kind kind_;
  std::unique_ptr<Loop> loop_ = Loop::Create().value();
  Logger log_{STDERR_FILENO, "test", LogLevel::kWarning, Logger::Format::kPlain, *loop_};
  Recorder events_;
  std::unique_ptr<MonitorLauncher> launcher_;
};

}  // namespace summon::launcher
