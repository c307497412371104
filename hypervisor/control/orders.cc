// SPDX-License-Identifier: Apache-2.0
// Reading orders.
#include "hypervisor/control/orders.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace summon::hypervisor {

namespace {

// Nobody is left to read it.
constexpr int kExitStarterGone = 1;

}  // namespace

void Orders::Drain() {
  for (;;) {
    OrderFrame order;
    // Descriptors that a confused sender might attach are not taken: there is no room for them.
    const ssize_t size = recv(control_fd_, &order, sizeof order, MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) return;
    if (size != sizeof order) _exit(kExitStarterGone);
    Take(order);
  }
}

void Orders::Take(const OrderFrame& order) {
  if (order.magic != kProtocolMagic || order.version != kProtocolVersion) _exit(kExitStarterGone);
  switch (order.kind) {
    case OrderKind::kGo: go_ = true; return;
    case OrderKind::kPing: reporter_.Pong(order.number); return;
    case OrderKind::kTakeSnapshot: snapshot_wanted_ = true; return;
  }
  _exit(kExitStarterGone);
}

void Orders::AwaitGo() {
  while (!go_) {
    pollfd control{control_fd_, POLLIN, 0};
    if (ppoll(&control, 1, nullptr, nullptr) > 0) Drain();
  }
  go_ = false;
}

}  // namespace summon::hypervisor
