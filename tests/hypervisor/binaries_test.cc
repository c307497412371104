// SPDX-License-Identifier: Apache-2.0
// What the monitors' binaries are made of: they are what a guest that broke out would find. The
// bounds are close above today's sizes, so that growth is seen when it happens.
#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <set>

#include "base/strings.h"
#include "hypervisor/kvm/ioctls.h"
#include "hypervisor/sandbox/monitor_policy.h"
#include "hypervisor/spt/policy.h"
#include "tests/hypervisor/syscall_names.h"

namespace summon::hypervisor {
namespace {

using testing::IsEmpty;

// Loaded bytes (text, data, zeroes): our code and the C and C++ libraries, linked statically.
constexpr std::uint64_t kMonitorBytesMax = 1'500'000;
constexpr std::uint64_t kSptBytesMax = 1'500'000;
// Instructions of the filter that is installed while somebody waits.
constexpr std::size_t kRunningInstructionsMax = 96;

class Binary {
 public:
  explicit Binary(const char* path) {
    std::ifstream file(path, std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(file), {});
    EXPECT_GT(bytes_.size(), sizeof(Elf64_Ehdr)) << path;
  }

  std::vector<Elf64_Phdr> segments() const {
    const auto header = At<Elf64_Ehdr>(0);
    std::vector<Elf64_Phdr> list;
    for (unsigned i = 0; i < header.e_phnum; ++i) {
      list.push_back(At<Elf64_Phdr>(header.e_phoff + i * sizeof(Elf64_Phdr)));
    }
    return list;
  }
  bool Has(std::uint32_t segment_type) const {
    for (const Elf64_Phdr& segment : segments()) {
      if (segment.p_type == segment_type) return true;
    }
    return false;
  }
  bool NeedsLibraries() const {
    for (const Elf64_Phdr& segment : segments()) {
      if (segment.p_type != PT_DYNAMIC) continue;
      for (std::uint64_t i = 0; i + sizeof(Elf64_Dyn) <= segment.p_filesz; i += sizeof(Elf64_Dyn)) {
        if (At<Elf64_Dyn>(segment.p_offset + i).d_tag == DT_NEEDED) return true;
      }
    }
    return false;
  }
  std::uint64_t loaded_bytes() const {
    std::uint64_t sum = 0;
    for (const Elf64_Phdr& segment : segments()) {
      if (segment.p_type == PT_LOAD) sum += segment.p_memsz;
    }
    return sum;
  }
  bool writable_and_executable() const {
    for (const Elf64_Phdr& segment : segments()) {
      const bool both = (segment.p_flags & PF_W) != 0 && (segment.p_flags & PF_X) != 0;
      if ((segment.p_type == PT_LOAD || segment.p_type == PT_GNU_STACK) && both) return true;
    }
    return false;
  }
  // Marks of the libraries that other programs of ours use, wherever they stand in the file.
  std::vector<std::string> ThirdParties() const {
    std::vector<std::string> found;
    for (const char* mark : {"uv_loop_init", "ares_init", "google::protobuf", "6google8protobuf",
                             "prometheus", "libseccomp", "seccomp_rule_add", "libxl_", "CLI11"}) {
      if (bytes_.find(mark) != std::string::npos) found.emplace_back(mark);
    }
    return found;
  }

 private:
  template <typename T>
  T At(std::uint64_t offset) const {
    T value{};
    EXPECT_LE(offset + sizeof value, bytes_.size());
    if (offset + sizeof value <= bytes_.size()) {
      std::memcpy(&value, bytes_.data() + offset, sizeof value);
    }
    return value;
  }

  std::string bytes_;
};

void ExpectSmallAndStatic(const char* path, std::uint64_t bytes_max) {
  const Binary binary(path);
  (void)printf("%s: %llu bytes loaded, at most %llu\n", path,
               static_cast<unsigned long long>(binary.loaded_bytes()),
               static_cast<unsigned long long>(bytes_max));
  EXPECT_FALSE(binary.Has(PT_INTERP)) << "it has a dynamic linker";
  EXPECT_FALSE(binary.NeedsLibraries());
  EXPECT_TRUE(binary.Has(PT_GNU_RELRO));
  EXPECT_FALSE(binary.writable_and_executable());
  EXPECT_THAT(binary.ThirdParties(), IsEmpty());
  EXPECT_LE(binary.loaded_bytes(), bytes_max) << "it has grown: look why, then raise the bound";
}

// Prints the distinct calls of a stage.
void PrintCalls(const char* stage, std::span<const SyscallRule> rules) {
  std::set<std::string> calls;
  std::set<std::string> requests;
  for (const SyscallRule& rule : rules) {
    calls.insert(SyscallName(rule.number));
    for (const ArgumentCheck& check : rule.checks) {
      if (SyscallName(rule.number) == "ioctl" && *IoctlName(check.value) != '\0') {
        requests.insert(IoctlName(check.value));
      }
    }
  }
  std::string text;
  for (const std::string& call : calls) text += " " + call;
  for (const std::string& request : requests) text += " " + request;
  (void)printf("%s: %zu calls, %zu ioctls:%s\n", stage, calls.size(), requests.size(),
               text.c_str());
}

TEST(Binaries, MonitorIsStaticSmallAndOnlyOurs) {
  ExpectSmallAndStatic(SUMMON_MONITOR_PATH, kMonitorBytesMax);
  PrintCalls("waiting", MonitorPolicy::Waiting(IoctlsWithMachine()).rules());
  PrintCalls("waiting for a machine too", MonitorPolicy::Waiting(IoctlsWithoutMachine()).rules());
  PrintCalls("running", MonitorPolicy::Running({1, 1, IoctlsOfRing3Guest()}).rules());
}

TEST(Binaries, SptIsStaticSmallAndOnlyOurs) {
  ExpectSmallAndStatic(SUMMON_SPT_PATH, kSptBytesMax);
  PrintCalls("waiting", SptWaitingRules());
  SptPolicy policy{.epoll_fd = 4, .timer_fd = 5, .nets = {{.fd = 8}}, .blocks = {}};
  PrintCalls("running", SptRules(policy));
}

TEST(Binaries, FilterThatIsInstalledWhileSomebodyWaitsIsShort) {
  const auto filter = BuildFilter(MonitorPolicy::Running({1, 1, IoctlsOfRing3Guest()}).rules());
  ASSERT_TRUE(filter.ok());
  (void)printf("running: %zu instructions\n", filter->instructions().size());
  EXPECT_LE(filter->instructions().size(), kRunningInstructionsMax);
}

}  // namespace
}  // namespace summon::hypervisor
