// SPDX-License-Identifier: Apache-2.0
// SIGIO to the interrupt flag.
#include "hypervisor/kvm/kick.h"

#include <fcntl.h>
#include <signal.h>

#include <cerrno>

namespace summon::hypervisor {

namespace {

// A handler has no argument of ours: the one flag it may touch must be global.
volatile std::uint8_t* interrupt_flag = nullptr;

void Handle(int) {
  if (interrupt_flag != nullptr) *interrupt_flag = 1;
}

}  // namespace

Status KickByMessages(int socket, Machine& machine) {
  interrupt_flag = &machine.interrupt_flag();
  struct sigaction action {};
  action.sa_handler = Handle;  // without SA_RESTART: KVM_RUN and ppoll end with EINTR
  if (sigaction(SIGIO, &action, nullptr) != 0) return ErrnoError("handle SIGIO", errno);
  const int flags = fcntl(socket, F_GETFL);
  if (flags < 0 || fcntl(socket, F_SETFL, flags | O_ASYNC) != 0) {
    return ErrnoError("watch the control socket", errno);
  }
  return Ok();
}

void ClearKick() { *interrupt_flag = 0; }

}  // namespace summon::hypervisor
