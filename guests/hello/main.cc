// SPDX-License-Identifier: Apache-2.0
// The smallest unikernel: says hello, repeats its command line, ends. The first thing to try.

#include "guests/runtime/runtime.h"
#include "guests/runtime/text.h"

namespace summon::guest {

SUMMON_GUEST_DEVICES();

int Main(Machine& machine) {
  Print("Hello from Summon\n");
  Text<8192 + 64> line;  // a command line has at most 8192 bytes
  line << "command line: " << machine.command_line() << '\n';
  Print(line.view());
  Print("SUCCESS\n");
  return 0;
}

}  // namespace summon::guest
