// SPDX-License-Identifier: Apache-2.0
#pragma once
// The memory of a guest that shares our address space: mapped where the guest is linked, so that
// guest addresses are our addresses.
//
// We are a position-independent program, which the kernel places far above the 4 GiB that a guest
// may have; that nothing of ours is in the way is checked by the kernel when it maps.

#include <cstdint>

#include "base/result.h"
#include "hypervisor/abi/boot_area.h"
#include "hypervisor/loader/image.h"

namespace summon::hypervisor {

class ProcessMemory final {
 public:
  // Maps [kSptMemoryBase, memory_bytes), readable and writable, zero. The pages below stay
  // unmapped: the guest's null pointers fault.
  //
  // Errors: kInvalid when `memory_bytes` is not a whole number of pages between 2 MiB and
  // kGuestMemoryMax; kBusy when something is mapped there already; the kernel's own.
  static Result<ProcessMemory> Map(std::uint64_t memory_bytes);

  GuestWindow window() const;

  // Gives each segment of `image` its protection and makes the boot area read-only; the rest
  // stays readable and writable. Nothing is ever both writable and executable. Execute-only text
  // becomes readable: compilers put constants there.
  Status Protect(const Image& image) const;

 private:
  explicit ProcessMemory(std::uint64_t memory_bytes) : memory_bytes_(memory_bytes) {}

  std::uint64_t memory_bytes_;
};

}  // namespace summon::hypervisor
