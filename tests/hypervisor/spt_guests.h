// SPDX-License-Identifier: Apache-2.0
#pragma once
// Small guests of the spt ABI, in assembly, each of which does one thing.

#include <cstdint>
#include <vector>

namespace summon::hypervisor {

std::vector<std::uint8_t> GuestExit42();
std::vector<std::uint8_t> GuestPrint();         // writes "hello\n" to the console, exits 0
std::vector<std::uint8_t> GuestPrintCommand();  // writes 5 bytes of its command line, exits 0
// POLLs for 20 ms, then exits with the number of events; 1 is the timer alone.
std::vector<std::uint8_t> GuestSleep();
// Endlessly: POLLs without a deadline, reads a frame from its first device, writes it back.
std::vector<std::uint8_t> GuestEcho();
std::vector<std::uint8_t> GuestWallClock();  // exits with 7 when it is later than 2001
std::vector<std::uint8_t> GuestSpin();           // makes no system call, ever
std::vector<std::uint8_t> GuestGetpid();         // a call that no guest may make
std::vector<std::uint8_t> GuestFloodControl();   // a report of a wrong size on descriptor 3
std::vector<std::uint8_t> GuestReadZero();       // reads address 0
std::vector<std::uint8_t> GuestReadTls();        // reads %fs:0 without having set FS
std::vector<std::uint8_t> GuestWriteText();      // writes into its own code
std::vector<std::uint8_t> GuestWriteBootInfo();  // writes into the boot area
std::vector<std::uint8_t> GuestRunStack();       // jumps into its stack
// On its first device (sectors of 512 bytes, 4 of them): write sector 1 from the boot area, exit
// with the negated result's low byte when it failed.
std::vector<std::uint8_t> GuestWriteSector();
std::vector<std::uint8_t> GuestWritePastEnd();   // the same at offset capacity - 511
std::vector<std::uint8_t> GuestWriteTwoSectors();
std::vector<std::uint8_t> GuestReadSector();     // reads sector 1, prints its first 5 bytes

}  // namespace summon::hypervisor
