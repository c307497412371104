// SPDX-License-Identifier: Apache-2.0
// A guest that misbehaves on command, so that tests can see the tender end it, and only it.
//
// The first word of the command line says how. Each act announces itself first: what follows the
// line on the console is the tender's doing. Status 1 means that the tender let something pass
// which it must not.

#include "guests/hostile/attacks.h"
#include "guests/runtime/arguments.h"
#include "guests/runtime/runtime.h"
#include "guests/runtime/text.h"
#include "guests/runtime/usage.h"

namespace summon::guest {

SUMMON_GUEST_DEVICES();

namespace {

constexpr int kSurvived = 1;

int Loop(Machine&, std::string_view) {
  while (true) asm volatile("" : : : "memory");
}

// Ready first, so that it counts as running.
int ReadyLoop(Machine& machine, std::string_view argument) {
  (void)machine.Poll(0);
  return Loop(machine, argument);
}

int Flood(Machine&, std::string_view) {
  while (true) Print("all work and no poll makes a dull guest\n");
}

int DivideByZero(Machine&, std::string_view) {
  asm volatile("xor %%edx, %%edx; xor %%ecx, %%ecx; div %%ecx" : : "a"(1) : "ecx", "edx", "cc");
  return kSurvived;
}

int UndefinedInstruction(Machine&, std::string_view) {
  asm volatile("ud2");
  return kSurvived;
}

int WriteText(Machine&, std::string_view) {
  // SAFETY: none; writing to its own code is what the act is about.
  *reinterpret_cast<volatile std::uint32_t*>(abi::kImageBase) = 0;
  return kSurvived;
}

int ZeroPage(Machine&, std::string_view) {
  // SAFETY: none; address 8 must not be mapped.
  asm volatile("movl 8, %%eax" : : : "eax");
  return kSurvived;
}

int WildExit(Machine&, std::string_view) {
  // SAFETY: none; nothing is mapped below the boot information.
  asm volatile("jmp *%0" : : "r"(std::uint64_t{0x5000}));
  return kSurvived;
}

int NeverReady(Machine& machine, std::string_view) {
  while (true) (void)machine.MonotonicNs();  // busy, and never polls
}

int HaltStatus(Machine&, std::string_view argument) {
  const auto status = ParseNumber(argument, 255);
  if (!status) return RefuseArguments("hostile", {argument, "is not an exit status (0..255)"});
  return static_cast<int>(*status);
}

// A handle that names no device must be an error, not the end.
int BadHandle(Machine& machine, std::string_view) {
  std::uint8_t bytes[512] = {};
  std::size_t length = 0;
  for (const std::uint64_t number : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{63},
                                     std::uint64_t{64}, ~std::uint64_t{0}}) {
    const Handle handle{number};
    if (machine.NetWrite(handle, bytes) != Io::kInvalid) return kSurvived;
    if (machine.NetRead(handle, bytes, length) != Io::kInvalid) return kSurvived;
    if (machine.BlockWrite(handle, 0, bytes) != Io::kInvalid) return kSurvived;
    if (machine.BlockRead(handle, 0, bytes) != Io::kInvalid) return kSurvived;
  }
  Print("SUCCESS\n");
  return 0;
}

struct Act {
  std::string_view word;
  int (*run)(Machine& machine, std::string_view argument);
};

constexpr Act kActs[] = {
    {"bad_pointer", attacks::BadPointer},    {"wrapping_pointer", attacks::WrappingPointer},
    {"range_past_end", attacks::RangePastEnd}, {"bad_port", attacks::BadPort},
    {"random", attacks::Random},             {"wild_exit", WildExit},
    {"loop", Loop},                          {"flood", Flood},
    {"ready_loop", ReadyLoop},
    {"divide", DivideByZero},                {"undefined", UndefinedInstruction},
    {"write_text", WriteText},               {"never_ready", NeverReady},
    {"zeropage", ZeroPage},                  {"halt_status", HaltStatus},
    {"bad_handle", BadHandle},
};

}  // namespace

int Main(Machine& machine) {
  Words words(machine.command_line());
  const std::string_view word = words.Next().value_or("");
  const std::string_view argument = words.Next().value_or("");
  for (const Act& act : kActs) {
    if (act.word != word) continue;
    Line line;
    line << "hostile: " << word << ' ' << argument << '\n';
    Print(line.view());
    const int status = act.run(machine, argument);
    if (status == kSurvived) Print("hostile: survived\n");
    return status;
  }
  return RefuseArguments("hostile", {word, "is not one of the acts in guests/hostile/main.cc"});
}

}  // namespace summon::guest
