// SPDX-License-Identifier: Apache-2.0
#pragma once
// A job frame as it is sent: the fields before `devices`, the first `device_count` of those, and
// the command line with its NUL. All of a frame would be 15 KiB, nearly always zeroes, which
// sender, kernel and a monitor that has not touched that memory yet would all pay for.

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "hypervisor/control/protocol.h"

namespace summon::hypervisor {

// `frame` packed. Of one that CheckJob() would refuse, as much as fits.
std::vector<std::uint8_t> PackJob(const JobFrame& frame);

// Fills `frame` from what was sent. Devices beyond device_count and what is behind the command
// line's NUL are left as they were: nobody reads them.
// Errors: kInvalid for another protocol, more devices than there can be, a wrong size, or a command
// line that does not end.
Status UnpackJob(Bytes packed, JobFrame& frame);

}  // namespace summon::hypervisor
