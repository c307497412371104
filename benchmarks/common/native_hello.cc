// SPDX-License-Identifier: Apache-2.0
// The peer of guests/hello: the least that an ordinary program can do to say hello. One write, no
// library of streams, static, not even position independent: nothing that could make it slower.
#include <unistd.h>

int main() {
  constexpr char kHello[] = "Hello from a process\nSUCCESS\n";
  return write(STDOUT_FILENO, kHello, sizeof kHello - 1) == sizeof kHello - 1 ? 0 : 1;
}
