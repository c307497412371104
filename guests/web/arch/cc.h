/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What lwIP wants to know about the platform; lwIP includes it by this name. */
#ifdef __cplusplus
extern "C" {
#endif
void GuestLwipAssert(const char* message) __attribute__((noreturn));
unsigned short GuestChecksum(const void* data, int length);
#ifdef __cplusplus
}
#endif
#define SSIZE_MAX __LONG_MAX__ /* ssize_t is the host header's; keeps lwIP from defining its own */
#define LWIP_PLATFORM_DIAG(x)
#define LWIP_PLATFORM_ASSERT(x) GuestLwipAssert(x)
#define LWIP_CHKSUM GuestChecksum
