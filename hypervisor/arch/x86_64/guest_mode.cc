// SPDX-License-Identifier: Apache-2.0
// Ring-0 mode, and sentences about exits.
#include "hypervisor/arch/x86_64/guest_mode.h"

#include <algorithm>

namespace summon::hypervisor {

namespace {

// Solo5's own tender says so, and its tests look for these words.
constexpr std::string_view kTranslationFault = "host/guest translation fault";

Detail PortDetail(const VcpuExit& exit) {
  Detail detail(exit.kind == ExitKind::kPortRead ? "read of I/O port " : "write to I/O port ");
  detail.AddHex(exit.port).Add(" of ").AddNumber(exit.size).Add(" bytes, ");
  detail.AddNumber(exit.count).Add(" times, is no hypercall (32-bit writes to ports ");
  detail.AddHex(kHypercallFirst).Add("..").AddHex(kHypercallLast).Add(")");
  return detail;
}

Detail MmioDetail(const VcpuExit& exit, const GuestMemory& memory) {
  // An access to memory that exists, and yet nothing backs it for: the page is write-protected.
  if (exit.address < memory.size()) {
    Detail detail(kTranslationFault);
    detail.Add(": write to read-only memory at ").AddHex(exit.address);
    return detail;
  }
  Detail detail(exit.is_write ? "write to " : "read of ");
  detail.AddHex(exit.address).Add(", where there is no memory");
  return detail;
}

Detail InternalErrorDetail(const VcpuExit& exit, CpuRing ring) {
  Detail detail("KVM could not run the guest's code (internal error ");
  detail.AddNumber(exit.code).Add(")");
  if (ring == CpuRing::kRing0) {
    detail.Add("; if this host's KVM interprets guest ring 0, use guest mode ring3");
  }
  return detail;
}

}  // namespace

void AddPlace(Detail& detail, std::uint64_t rip, const GuestMemory& memory) {
  constexpr std::uint64_t kCodeBytes = 8;
  detail.Add(" at rip=").AddHex(rip);
  if (rip >= memory.size()) return;
  const auto code = memory.Readable(rip, std::min(kCodeBytes, memory.size() - rip));
  if (!code) return;
  detail.Add(" code ").AddBytes(code->data(), code->size());
}

Step PortStep(const VcpuExit& exit) {
  if (exit.kind == ExitKind::kPortWrite && exit.size == kHypercallSize && exit.count == 1 &&
      exit.port >= kHypercallFirst && exit.port <= kHypercallLast) {
    const unsigned number = exit.port - unsigned{kHypercallPortBase};
    return HypercallRequest{static_cast<Hypercall>(number), exit.value};
  }
  return GuestFault(PortDetail(exit));
}

End DescribeExit(const VcpuExit& exit, const GuestMemory& memory, CpuAccess& cpu, CpuRing ring) {
  End end{EndReason::kGuestFault, 0, {}};
  switch (exit.kind) {
    case ExitKind::kPortWrite:
    case ExitKind::kPortRead: end.detail = PortDetail(exit); break;
    case ExitKind::kMmio: end.detail = MmioDetail(exit, memory); break;
    case ExitKind::kMemoryFault:
      end.detail.Add(kTranslationFault).Add(": write to read-only memory");
      break;
    case ExitKind::kShutdown:
      end.detail.Add("triple fault: an exception without a handler, or a broken stack");
      break;
    case ExitKind::kHlt: end.detail.Add("the guest stopped its CPU (HLT), not by hypercall"); break;
    case ExitKind::kInternalError: end.detail = InternalErrorDetail(exit, ring); break;
    case ExitKind::kEntryFailed:
      end = HostFault("KVM refused the CPU's state, hardware reason ");
      end.detail.AddHex(exit.code);
      break;
    case ExitKind::kHostError:
      end = HostFault("KVM_RUN failed with errno ");
      end.detail.AddNumber(exit.code);
      return end;  // registers cannot be trusted
    case ExitKind::kInterrupted:
    case ExitKind::kOther:
      end = HostFault("KVM gave an exit that this monitor does not know, reason ");
      end.detail.AddNumber(exit.code);
      break;
  }
  AddPlace(end.detail, cpu.Registers().rip, memory);
  return end;
}

Step Ring0Mode::Interpret(const VcpuExit& exit) {
  if (exit.kind == ExitKind::kPortWrite) {
    Step step = PortStep(exit);
    if (!std::holds_alternative<End>(step)) return step;
  }
  if (exit.kind == ExitKind::kInterrupted) return Resume{};
  return DescribeExit(exit, memory_, cpu_, CpuRing::kRing0);
}

}  // namespace summon::hypervisor
