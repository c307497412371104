// SPDX-License-Identifier: Apache-2.0
// Serving the catalogue by prometheus-cpp's exposer, which throws when it cannot listen.
#include <prometheus/exposer.h>

#include <exception>
#include <string>
#include <vector>

#include "base/strings.h"
#include "metrics/catalogue.h"
#include "metrics/state.h"

namespace summon::metrics {

struct Exposer::State {
  std::unique_ptr<prometheus::Exposer> exposer;
  std::shared_ptr<prometheus::Registry> registry;  // the exposer itself holds it weakly
};

Exposer::Exposer(std::unique_ptr<State> state) : state_(std::move(state)) {}

Exposer::~Exposer() = default;

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
  return std::unique_ptr<Exposer>(new Exposer(std::move(state)));
}

int Exposer::port() const {
  const std::vector<int> ports = state_->exposer->GetListeningPorts();
  return ports.empty() ? 0 : ports.front();
}

}  // namespace summon::metrics
