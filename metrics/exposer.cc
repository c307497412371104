// SPDX-License-Identifier: Apache-2.0
// Serving the catalogue by prometheus-cpp's exposer, which throws when it cannot listen.
#include <netdb.h>
#include <prometheus/exposer.h>
#include <sys/socket.h>

#include <chrono>
#include <cstring>
#include <exception>
#include <future>
#include <string>
#include <vector>

#include "base/strings.h"
#include "base/unique_fd.h"
#include "metrics/catalogue.h"
#include "metrics/state.h"

namespace summon::metrics {

namespace {

// How often we knock while the exposer ends: the first knock may come before it listens to its
// wish to end.
constexpr std::chrono::milliseconds kKnockPeriod{5};

// Where the exposer listens. A wildcard address leads to this machine too.
struct Door {
  sockaddr_storage address{};
  socklen_t size = 0;
};

Door DoorOf(const std::string& endpoint) {
  const std::size_t colon = endpoint.rfind(':');
  std::string host = endpoint.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  Door door;
  if (colon == std::string::npos ||
      getaddrinfo(host.c_str(), endpoint.c_str() + colon + 1, &hints, &found) != 0) {
    return door;
  }
  std::memcpy(&door.address, found->ai_addr, found->ai_addrlen);
  door.size = found->ai_addrlen;
  freeaddrinfo(found);
  return door;
}

// A connection that is closed at once.
void Knock(const Door& door) {
  const UniqueFd fd(
      socket(door.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // SAFETY: every sockaddr_* type may be passed to the socket calls as a sockaddr (POSIX).
  (void)connect(fd.get(), reinterpret_cast<const sockaddr*>(&door.address),
                door.size);  // when it fails the end only takes longer
}

}  // namespace

struct Exposer::State {
  Door door;
  std::unique_ptr<prometheus::Exposer> exposer;
  std::shared_ptr<prometheus::Registry> registry;  // the exposer itself holds it weakly
};

Exposer::Exposer(std::unique_ptr<State> state) : state_(std::move(state)) {}

// civetweb looks for its wish to end only when a connection comes or two seconds have passed
// (SOCKET_TIMEOUT_QUANTUM, civetweb 1.15, src/civetweb.c), so we are that connection.
Exposer::~Exposer() {
  try {
    const std::future<void> ended =
        std::async(std::launch::async, [this] { state_->exposer.reset(); });
    while (ended.wait_for(kKnockPeriod) != std::future_status::ready) Knock(state_->door);
  } catch (const std::exception&) {
    state_->exposer.reset();  // no thread is to be had: slowly, then
  }
}

Result<std::unique_ptr<Exposer>> Exposer::Create(const Catalogue& catalogue,
                                                 const std::string& endpoint) {
  auto state = std::make_unique<State>();
  state->registry = catalogue.state_->registry;
  // Two threads: a scrape that hangs must not keep the next one out.
  const std::vector<std::string> options = {"listening_ports", endpoint, "num_threads", "2"};
  try {
    state->exposer = std::make_unique<prometheus::Exposer>(options);
    state->exposer->RegisterCollectable(state->registry);
  } catch (const std::exception& failure) {
    return Error(ErrorCode::kBusy,
                 StrCat("serve metrics on ", endpoint, ": ", failure.what(),
                        " (is the port in use? metrics_listen chooses another, \"none\" is off)"));
  }
  std::unique_ptr<Exposer> exposer(new Exposer(std::move(state)));
  // With port 0 the system chose one.
  const std::string host = endpoint.substr(0, endpoint.rfind(':'));
  exposer->state_->door = DoorOf(StrCat(host, ":", exposer->port()));
  return exposer;
}

int Exposer::port() const {
  const std::vector<int> ports = state_->exposer->GetListeningPorts();
  return ports.empty() ? 0 : ports.front();
}

}  // namespace summon::metrics
