/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* lwIP 2.1.3 as the web unikernel uses it: TCP and ARP over one interface, no threads, and no
 * work at boot. Memory comes from GuestAllocate (memory.cc), which needs no initialisation,
 * where lwIP's own pools would touch every element first. */
#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_TIMERS 0 /* the main loop ticks, and only while there are connections */
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0
#define LWIP_RAW 0
#define LWIP_UDP 0
#define LWIP_STATS 0
#define LWIP_NO_CTYPE_H 1
#define LWIP_SINGLE_NETIF 1
#define IP_REASSEMBLY 0
#define IP_FRAG 0
#define IP_FORWARD 0
#define MEM_ALIGNMENT 8
#define MEM_LIBC_MALLOC 1
#define MEMP_MEM_MALLOC 1
#ifdef __cplusplus
extern "C" {
#endif
void* GuestAllocate(unsigned long bytes);
void* GuestAllocateZeroed(unsigned long count, unsigned long bytes);
void GuestFree(void* memory);
#ifdef __cplusplus
}
#endif
/* RFC 6528 instead of a counter that anybody can follow (main.cc). Addresses in network order. */
#ifdef __cplusplus
extern "C"
#endif
unsigned GuestInitialSequence(unsigned local_address, unsigned short local_port,
                              unsigned remote_address, unsigned short remote_port);
#define LWIP_HOOK_TCP_ISN(local, local_port, remote, remote_port) \
  GuestInitialSequence((local)->addr, (local_port), (remote)->addr, (remote_port))
#define mem_clib_malloc GuestAllocate
#define mem_clib_calloc GuestAllocateZeroed
#define mem_clib_free GuestFree
#define PBUF_POOL_BUFSIZE 1536
#define TCP_MSS 1460
#define TCP_WND (8 * TCP_MSS)
#define TCP_SND_BUF (32 * TCP_MSS)
#define TCP_SND_QUEUELEN 128
#define TCP_OVERSIZE 0
#define TCP_MSL 5000UL /* a tap has no stray packets; bounds what TIME_WAIT holds */
#define TCP_LISTEN_BACKLOG 1
#define ARP_QUEUEING 0
