// SPDX-License-Identifier: Apache-2.0
// The list of escapes. Arguments are chosen so that the call does no harm where nothing stops it:
// the control run makes all of them as root.
#include "tests/hypervisor/escapes.h"

#include <asm/prctl.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/io_uring.h>
#include <linux/kvm.h>
#include <linux/openat2.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <cstring>

#include "hypervisor/control/protocol.h"
#include "hypervisor/sandbox/monitor_policy.h"

namespace summon::hypervisor {

namespace {

constexpr long kX32 = 0x4000'0000;
// Newer than Debian 12's headers, or only in them by another name.
constexpr long kFsopen = 430;
constexpr long kOpenTree = 428;
constexpr long kFchmodat2 = 452;
constexpr long kProcessMadvise = 440;
constexpr long kMountSetattr = 442;
constexpr long kMemfdSecret = 447;
constexpr long kArchShstkDisable = 0x5002;  // ARCH_SHSTK_DISABLE, Linux 6.6
constexpr std::size_t kPage = 4096;

// What arguments point to. The evil monitor tries one escape in its life.
alignas(kPage) unsigned char g_page[2 * kPage];
char g_buffer[4096];
char g_path[] = "/etc/passwd";
char g_root[] = "/";
char g_true[] = "/bin/true";
char g_missing[] = "/nonexistent-summon";
char g_key_type[] = "user";
char g_key_name[] = "summon-escape";
char g_no_file_system[] = "nosuchfs";
char* g_argv[] = {g_true, nullptr};
int g_descriptors[2];
int g_one = 1;
timespec g_moment = {};
rlimit g_limit = {1024, 1024};
open_how g_how = {};
clone_args g_clone = {};
io_uring_params g_ring = {};
perf_event_attr g_perf = {};
bpf_attr g_bpf = {};
iovec g_vector = {g_buffer, sizeof g_buffer};
msghdr g_message = {};
mmsghdr g_messages[1] = {};
sockaddr_un g_address = {};
sched_param g_scheduling = {};
alignas(cmsghdr) char g_rights[CMSG_SPACE(sizeof(int))] = {};
__user_cap_header_struct g_capability_header = {_LINUX_CAPABILITY_VERSION_3, 0};
__user_cap_data_struct g_capabilities[2] = {};
kvm_userspace_memory_region g_region = {};
sock_filter g_allow_all = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
sock_fprog g_program = {1, &g_allow_all};

// SAFETY: an address becomes a system call's argument; nothing is accessed here.
template <typename T>
long At(T* object) {
  return static_cast<long>(reinterpret_cast<std::uintptr_t>(object));
}

void FillMemory() {
  g_how.flags = O_RDONLY;
  g_clone.exit_signal = SIGCHLD;
  g_perf.type = PERF_TYPE_SOFTWARE;
  g_perf.size = sizeof g_perf;
  g_perf.config = PERF_COUNT_SW_CPU_CLOCK;
  g_bpf.map_type = BPF_MAP_TYPE_ARRAY;
  g_bpf.key_size = g_bpf.value_size = sizeof(int);
  g_bpf.max_entries = 1;
  g_address.sun_family = AF_UNIX;
  std::memcpy(g_address.sun_path, g_missing, sizeof g_missing);
  g_message = {nullptr, 0, &g_vector, 1, g_rights, sizeof g_rights, 0};
  cmsghdr* const rights = CMSG_FIRSTHDR(&g_message);
  rights->cmsg_len = CMSG_LEN(sizeof(int));
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  const int fd = STDERR_FILENO;
  std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);
  g_messages[0].msg_hdr = g_message;
}

using List = std::vector<Escape>;
using Way = Escape::Way;

void AddFiles(List& list) {
  list.insert(list.end(), {
      {"open", SYS_open, {At(g_path), O_RDONLY}},
      {"openat", SYS_openat, {AT_FDCWD, At(g_path), O_RDONLY}},
      {"openat2", SYS_openat2, {AT_FDCWD, At(g_path), At(&g_how), sizeof g_how}},
      {"creat", SYS_creat, {At(g_missing), 0}},
      {"open of an unnamed file", SYS_open, {At(g_root), O_TMPFILE | O_RDWR, 0600}},
      {"name_to_handle_at",
       SYS_name_to_handle_at, {AT_FDCWD, At(g_path), At(g_buffer), At(&g_one)}},
      {"open_by_handle_at", SYS_open_by_handle_at, {AT_FDCWD, At(g_buffer), 0}},
      {"stat", SYS_stat, {At(g_path), At(g_buffer)}},
      {"newfstatat", SYS_newfstatat, {AT_FDCWD, At(g_path), At(g_buffer)}},
      {"statx", SYS_statx, {AT_FDCWD, At(g_path), 0, 0, At(g_buffer)}},
      {"access", SYS_access, {At(g_path), R_OK}},
      {"faccessat2", SYS_faccessat2, {AT_FDCWD, At(g_path), R_OK}},
      {"readlink", SYS_readlink, {At(g_path), At(g_buffer), 64}},
      {"getdents64", SYS_getdents64, {kForeignFd, At(g_buffer), sizeof g_buffer}},
      {"chdir", SYS_chdir, {At(g_root)}},
      {"mkdir", SYS_mkdir, {At(g_root), 0}},
      {"mknod", SYS_mknod, {At(g_root), 0, 0}},
      {"unlink", SYS_unlink, {At(g_missing)}},
      {"rename", SYS_rename, {At(g_missing), At(g_missing)}},
      {"symlink", SYS_symlink, {At(g_root), At(g_root)}},
      {"link", SYS_link, {At(g_missing), At(g_missing)}},
      {"chmod", SYS_chmod, {At(g_missing), 0}},
      {"fchmodat2", kFchmodat2, {AT_FDCWD, At(g_missing), 0, 0}},
      {"chown", SYS_chown, {At(g_missing), 0, 0}},
      {"truncate", SYS_truncate, {At(g_missing), 0}},
      {"ftruncate", SYS_ftruncate, {kForeignFd, 0}, Where::kRunning},
      {"setxattr", SYS_setxattr, {At(g_missing), At(g_missing), At(g_buffer), 1, 0}},
      {"quotactl", SYS_quotactl, {0, At(g_missing), 0, At(g_buffer)}},
      {"inotify_init1", SYS_inotify_init1, {0}},
      {"fanotify_init", SYS_fanotify_init, {0, O_RDONLY}},
      {"memfd_create", SYS_memfd_create, {At(g_key_name), 0}},
      {"memfd_secret", kMemfdSecret, {0}},
      {"copy_file_range", SYS_copy_file_range, {kForeignFd, 0, kForeignFd, 0, 1, 0}},
      {"sendfile", SYS_sendfile, {kForeignFd, kForeignFd, 0, 1}},
      {"splice", SYS_splice, {kForeignFd, 0, kForeignFd, 0, 1, 0}},
      {"tee", SYS_tee, {kForeignFd, kForeignFd, 1, 0}},
      {"vmsplice", SYS_vmsplice, {kForeignFd, At(&g_vector), 1, 0}},
      {"umask", SYS_umask, {022}},
  });
}

void AddSockets(List& list) {
  list.insert(list.end(), {
      {"socket of IPv4", SYS_socket, {AF_INET, SOCK_STREAM, 0}},
      {"socket of IPv6", SYS_socket, {AF_INET6, SOCK_DGRAM, 0}},
      {"socket of Unix", SYS_socket, {AF_UNIX, SOCK_STREAM, 0}},
      {"socket of netlink", SYS_socket, {AF_NETLINK, SOCK_RAW, 0}},
      {"socket of packets", SYS_socket, {AF_PACKET, SOCK_RAW, 0}},
      {"socket of vsock", SYS_socket, {AF_VSOCK, SOCK_STREAM, 0}},
      {"socket of the crypto interface", SYS_socket, {AF_ALG, SOCK_SEQPACKET, 0}},
      {"socketpair", SYS_socketpair, {AF_UNIX, SOCK_STREAM, 0, At(g_descriptors)}},
      {"connect", SYS_connect, {kForeignFd, At(&g_address), sizeof g_address}},
      {"bind", SYS_bind, {kForeignFd, At(&g_address), sizeof g_address}},
      {"listen", SYS_listen, {kForeignFd, 1}},
      {"accept4", SYS_accept4, {kForeignFd, 0, 0, SOCK_NONBLOCK}},
      {"shutdown", SYS_shutdown, {kForeignFd, SHUT_RD}},
      {"getsockopt",
       SYS_getsockopt, {kControlFd, SOL_SOCKET, SO_PEERCRED, At(g_buffer), At(&g_one)}},
      {"setsockopt",
       SYS_setsockopt, {kControlFd, SOL_SOCKET, SO_PASSCRED, At(&g_one), sizeof g_one}},
      {"sendmsg of a descriptor to the launcher",
       SYS_sendmsg, {kControlFd, At(&g_message), MSG_DONTWAIT}},
      {"sendmmsg", SYS_sendmmsg, {kControlFd, At(g_messages), 1, MSG_DONTWAIT}},
      {"sendto another address",
       SYS_sendto, {kControlFd, At(g_buffer), 1, MSG_DONTWAIT, At(&g_address), sizeof g_address}},
      {"sendto on a sibling's socket",
       SYS_sendto, {kForeignFd, At(g_buffer), 1, MSG_DONTWAIT, 0, 0}},
      {"recvmsg on a sibling's socket", SYS_recvmsg, {kForeignFd, At(&g_message), MSG_DONTWAIT}},
      {"recvmsg of descriptors while a guest runs",
       SYS_recvmsg, {kControlFd, At(&g_message), MSG_DONTWAIT}, Where::kRunning},
      {"recvmmsg", SYS_recvmmsg, {kControlFd, At(g_messages), 1, MSG_DONTWAIT, 0}},
  });
}

void AddProcesses(List& list, int sibling) {
  list.insert(list.end(), {
      {"fork", SYS_fork, {}, Where::kEverywhere, Expect::kKilled, Way::kForks},
      {"vfork", SYS_vfork, {}, Where::kEverywhere, Expect::kKilled, Way::kForks},
      {"clone", SYS_clone, {SIGCHLD}, Where::kEverywhere, Expect::kKilled, Way::kForks},
      {"clone3",
       SYS_clone3, {At(&g_clone), sizeof g_clone}, Where::kEverywhere, Expect::kKilled,
       Way::kForks},
      {"execve", SYS_execve, {At(g_true), At(g_argv), 0}},
      {"execveat", SYS_execveat, {AT_FDCWD, At(g_true), At(g_argv), 0, 0}},
      {"ptrace of a sibling", SYS_ptrace, {PTRACE_SEIZE, sibling, 0, 0}},
      {"ptrace of oneself", SYS_ptrace, {PTRACE_TRACEME, 0, 0, 0}},
      {"kill of the launcher", SYS_kill, {getppid(), 0}},
      {"kill of a sibling", SYS_kill, {sibling, 0}},
      {"kill of everybody that one may", SYS_kill, {0, 0}},
      {"tgkill of a sibling", SYS_tgkill, {sibling, sibling, 0}},
      {"rt_sigqueueinfo", SYS_rt_sigqueueinfo, {sibling, 0, At(g_buffer)}},
      {"pidfd_open", SYS_pidfd_open, {sibling, 0}},
      {"pidfd_send_signal", SYS_pidfd_send_signal, {kPidFd, 0, 0, 0}},
      {"pidfd_getfd", SYS_pidfd_getfd, {kPidFd, 0, 0}},
      {"process_vm_readv", SYS_process_vm_readv, {sibling, At(&g_vector), 1, At(&g_vector), 1, 0}},
      {"process_vm_writev",
       SYS_process_vm_writev, {sibling, At(&g_vector), 1, At(&g_vector), 0, 0}},
      {"process_madvise", kProcessMadvise, {kPidFd, At(&g_vector), 1, MADV_COLD, 0}},
      {"kcmp", SYS_kcmp, {sibling, sibling, 0, 0, 0}},
      {"getpid", SYS_getpid, {}},
      {"getppid", SYS_getppid, {}},
      {"wait4", SYS_wait4, {-1, 0, 1, 0}},
      {"setsid", SYS_setsid, {}},
      {"setpgid", SYS_setpgid, {0, 0}},
      {"setpriority", SYS_setpriority, {PRIO_PROCESS, 0, 0}},
      {"sched_setscheduler", SYS_sched_setscheduler, {0, SCHED_BATCH, At(&g_scheduling)}},
      {"sched_setaffinity of a sibling",
       SYS_sched_setaffinity, {sibling, sizeof g_buffer, At(g_buffer)}},
      {"ioprio_set", SYS_ioprio_set, {1, 0, 2 << 13 | 4}},
      {"setrlimit", SYS_setrlimit, {RLIMIT_NOFILE, At(&g_limit)}},
      {"prlimit64 of a sibling", SYS_prlimit64, {sibling, RLIMIT_NOFILE, 0, At(g_buffer)}},
      {"prlimit64 up", SYS_prlimit64, {0, RLIMIT_NOFILE, At(&g_limit), 0}, Where::kRunning},
      {"prlimit64 up, before a guest runs", SYS_prlimit64, {0, RLIMIT_NOFILE, At(&g_limit), 0},
       Where::kWaiting, Expect::kRefused},
      {"the end, which is permitted", SYS_exit_group, {kEscaped}, Where::kEverywhere,
       Expect::kPermitted},
      {"prlimit64 of core dumps", SYS_prlimit64, {0, RLIMIT_CORE, At(&g_limit), 0}},
      {"timer_create", SYS_timer_create, {CLOCK_MONOTONIC, 0, At(g_buffer)}},
      {"rt_sigaction of SIGIO", SYS_rt_sigaction, {SIGIO, 0, At(g_buffer), 8}, Where::kRunning},
      {"rt_sigaction of SIGTERM", SYS_rt_sigaction, {SIGTERM, 0, At(g_buffer), 8}},
      {"rt_sigprocmask", SYS_rt_sigprocmask, {SIG_BLOCK, At(g_buffer), 0, 8}},
      {"signalfd4", SYS_signalfd4, {-1, At(g_buffer), 8, 0}},
      {"futex", SYS_futex, {At(&g_one), 1, 1}},
  });
}

void AddPrivileges(List& list) {
  list.insert(list.end(), {
      {"setuid", SYS_setuid, {0}},
      {"setresuid", SYS_setresuid, {0, 0, 0}},
      {"setgid", SYS_setgid, {0}},
      {"setgroups", SYS_setgroups, {0, 0}},
      {"setfsuid", SYS_setfsuid, {0}},
      {"capset", SYS_capset, {At(&g_capability_header), At(g_capabilities)}},
      {"mount", SYS_mount, {At(g_missing), At(g_missing), At(g_no_file_system), 0, 0}},
      {"umount2", SYS_umount2, {At(g_missing), 0}},
      {"pivot_root", SYS_pivot_root, {At(g_missing), At(g_missing)}},
      {"chroot", SYS_chroot, {At(g_root)}},
      {"fsopen", kFsopen, {At(g_no_file_system), 0}},
      {"open_tree", kOpenTree, {AT_FDCWD, At(g_root), 0}},
      {"mount_setattr", kMountSetattr, {AT_FDCWD, At(g_missing), 0, At(g_buffer), 32}},
      {"unshare of the user namespace", SYS_unshare, {CLONE_NEWUSER}},
      {"unshare of mounts", SYS_unshare, {CLONE_NEWNS}},
      {"setns of a sibling", SYS_setns, {kPidFd, CLONE_NEWUTS}},
      {"seccomp, strict", SYS_seccomp, {SECCOMP_SET_MODE_STRICT, 0, 0}, Where::kEverywhere},
      {"seccomp, a filter that permits all",
       SYS_seccomp, {SECCOMP_SET_MODE_FILTER, 0, At(&g_program)}, Where::kRunning},
      {"seccomp, with a listener",
       SYS_seccomp, {SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, At(&g_program)}},
      {"prctl of seccomp", SYS_prctl, {PR_SET_SECCOMP, SECCOMP_MODE_FILTER, At(&g_program)}},
      {"prctl of dumpable", SYS_prctl, {PR_SET_DUMPABLE, 1, 0, 0, 0}},
      {"prctl of the tracer", SYS_prctl, {PR_SET_PTRACER, -1, 0, 0, 0}},
      {"prctl of ambient capabilities",
       SYS_prctl, {PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_ADMIN, 0, 0}},
      {"prctl of kept capabilities", SYS_prctl, {PR_SET_KEEPCAPS, 1, 0, 0, 0}},
      {"personality", SYS_personality, {READ_IMPLIES_EXEC}},
  });
}

void AddHost(List& list) {
  list.insert(list.end(), {
      {"reboot", SYS_reboot, {0, 0, 0, 0}},
      {"swapon", SYS_swapon, {At(g_missing), 0}},
      {"swapoff", SYS_swapoff, {At(g_missing)}},
      {"init_module", SYS_init_module, {0, 0, 0}},
      {"finit_module", SYS_finit_module, {-1, At(g_missing), 0}},
      {"delete_module", SYS_delete_module, {At(g_missing), 0}},
      {"kexec_load", SYS_kexec_load, {0, 0, 0, ~0L}},
      {"kexec_file_load", SYS_kexec_file_load, {-1, -1, 0, 0, 0}},
      {"settimeofday", SYS_settimeofday, {1, 0}},
      {"clock_settime", SYS_clock_settime, {CLOCK_MONOTONIC, At(&g_moment)}},
      {"adjtimex", SYS_adjtimex, {At(g_buffer)}},
      {"clock_adjtime", SYS_clock_adjtime, {CLOCK_REALTIME, At(g_buffer)}},
      {"syslog", SYS_syslog, {10, 0, 0}},
      {"acct", SYS_acct, {At(g_missing)}},
      {"sethostname", SYS_sethostname, {At(g_missing), -1}},
      {"iopl", SYS_iopl, {3}},
      {"ioperm", SYS_ioperm, {0, 1, 1}},
      {"io_uring_setup", SYS_io_uring_setup, {1, At(&g_ring)}},
      {"userfaultfd", SYS_userfaultfd, {0}},
      {"bpf", SYS_bpf, {BPF_MAP_CREATE, At(&g_bpf), sizeof g_bpf}},
      {"perf_event_open", SYS_perf_event_open, {At(&g_perf), 0, -1, -1, 0}},
      {"add_key", SYS_add_key, {At(g_key_type), At(g_key_name), At(g_buffer), 8, -2}},
      {"request_key", SYS_request_key, {At(g_key_type), At(g_missing), 0, 0}},
      {"keyctl", SYS_keyctl, {0, -3, 1}},
      {"modify_ldt", SYS_modify_ldt, {0, At(g_buffer), 8}},
      {"arch_prctl of GS", SYS_arch_prctl, {ARCH_SET_GS, 0}},
      {"arch_prctl of FS", SYS_arch_prctl, {ARCH_SET_FS, 0}, Where::kMonitor},
      {"arch_prctl of CPUID", SYS_arch_prctl, {ARCH_SET_CPUID, 1}},
      {"arch_prctl of the shadow stack", SYS_arch_prctl, {kArchShstkDisable, 1}},
      {"landlock_create_ruleset", 444, {0, 0, 1}},
  });
}

void AddMemory(List& list) {
  constexpr long kPrivate = MAP_PRIVATE | MAP_ANONYMOUS;
  list.insert(list.end(), {
      {"mmap of executable memory", SYS_mmap, {0, kPage, PROT_READ | PROT_EXEC, kPrivate, -1, 0}},
      {"mmap of a leaked descriptor, executable",
       SYS_mmap, {0, kPage, PROT_EXEC, MAP_SHARED, kKvmLeakFd, 0}},
      {"mmap while a guest runs",
       SYS_mmap, {0, kPage, PROT_READ, kPrivate, -1, 0}, Where::kRunning},
      {"mprotect to executable", SYS_mprotect, {At(g_page), kPage, PROT_READ | PROT_EXEC}},
      {"mprotect to writable and executable",
       SYS_mprotect, {0x200000, kPage, PROT_READ | PROT_WRITE | PROT_EXEC}},
      {"mprotect while a guest runs",
       SYS_mprotect, {At(g_page), kPage, PROT_READ | PROT_WRITE}, Where::kRunning},
      {"pkey_mprotect", SYS_pkey_mprotect, {At(g_page), kPage, PROT_READ | PROT_EXEC, -1}},
      {"mremap", SYS_mremap, {At(g_page), kPage, kPage, 0}},
      {"munmap while a guest runs", SYS_munmap, {At(g_page), kPage}, Where::kRunning},
      {"brk while a guest runs", SYS_brk, {0}, Where::kRunning},
      {"remap_file_pages", SYS_remap_file_pages, {At(g_page), kPage, 0, 0, 0}},
      {"mlock", SYS_mlock, {At(g_page), kPage}},
      {"mlockall", SYS_mlockall, {MCL_CURRENT}},
      {"madvise to merge with others", SYS_madvise, {At(g_page), kPage, MADV_MERGEABLE}},
      {"mbind", SYS_mbind, {At(g_page), kPage, 0, 0, 0, 0}},
      {"move_pages of a sibling", SYS_move_pages, {0, 0, 0, 0, 0, 0}},
      {"shmget", SYS_shmget, {0x5355'4d4d, kPage, 0}},
      {"shmat", SYS_shmat, {-1, 0, 0}},
      {"semget", SYS_semget, {0x5355'4d4d, 1, 0}},
      {"msgget", SYS_msgget, {0x5355'4d4d, 0}},
      {"mq_open", SYS_mq_open, {At(g_key_name), O_RDONLY, 0, 0}},
  });
}

void AddDescriptors(List& list) {
  list.insert(list.end(), {
      {"write to a sibling's tap", SYS_write, {kForeignFd, At(g_buffer), 1}, Where::kMonitor},
      {"write to a sibling's tap, from a guest",
       SYS_write, {kForeignFd, At(g_buffer), 1}, Where::kRunning},
      {"writev to a sibling's tap", SYS_writev, {kForeignFd, At(&g_vector), 1}},
      {"write to the control socket", SYS_write, {kControlFd, At(g_buffer), 1}},
      {"read of the control socket", SYS_read, {kControlFd, At(g_buffer), 1}},
      {"pread64 of a sibling's disk",
       SYS_pread64, {kForeignFd, At(g_buffer), 1, 0}, Where::kRunning},
      {"pwrite64 to a sibling's disk",
       SYS_pwrite64, {kForeignFd, At(g_buffer), 1, 0}, Where::kRunning},
      {"pwritev2", SYS_pwritev2, {kForeignFd, At(&g_vector), 1, 0, 0, 0}},
      {"dup", SYS_dup, {kControlFd}},
      {"dup2", SYS_dup2, {kControlFd, kConsoleFd}},
      {"dup3 over a fixed number",
       SYS_dup3, {kForeignFd, kFirstDeviceFd, O_CLOEXEC}, Where::kRunning},
      {"fcntl that duplicates", SYS_fcntl, {kForeignFd, F_DUPFD_CLOEXEC, 0}, Where::kRunning},
      {"fcntl that sends signals to a sibling", SYS_fcntl, {kControlFd, F_SETOWN, 1}},
      {"fcntl that chooses the signal", SYS_fcntl, {kControlFd, F_SETSIG, SIGKILL}},
      {"fcntl of flags while a guest runs", SYS_fcntl, {kControlFd, F_GETFL}, Where::kRunning},
      {"close while a guest runs", SYS_close, {kForeignFd}, Where::kRunning},
      {"close_range while a guest runs",
       SYS_close_range, {kForeignFd, kForeignFd, 0}, Where::kRunning},
      {"lseek while a guest runs", SYS_lseek, {kForeignFd, 0, SEEK_END}, Where::kRunning},
      {"lseek to a place", SYS_lseek, {kForeignFd, 0, SEEK_SET}},
      {"pipe2", SYS_pipe2, {At(g_descriptors), 0}},
      {"eventfd2", SYS_eventfd2, {0, 0}},
      {"epoll_create1", SYS_epoll_create1, {0}},
      {"epoll_ctl that takes away", SYS_epoll_ctl, {kForeignFd, 2, 0, 0}},
      {"timerfd_create", SYS_timerfd_create, {CLOCK_MONOTONIC, 0}},
      {"ioctl that types into a terminal", SYS_ioctl, {STDERR_FILENO, TIOCSTI, At(g_buffer)}},
      {"ioctl of a socket", SYS_ioctl, {kForeignFd, FIONREAD, At(&g_one)}},
      {"ioctl that makes another machine", SYS_ioctl, {kKvmLeakFd, KVM_CREATE_VM, 0}},
      {"ioctl that asks KVM for an extension", SYS_ioctl, {kKvmLeakFd, KVM_CHECK_EXTENSION, 0}},
      {"ioctl that makes another CPU", SYS_ioctl, {kVcpuFd, KVM_CREATE_VCPU, 1}},
      {"ioctl that makes a KVM device", SYS_ioctl, {kVcpuFd, KVM_CREATE_DEVICE, At(g_buffer)}},
      {"ioctl that signals a descriptor", SYS_ioctl, {kVcpuFd, KVM_IOEVENTFD, At(g_buffer)}},
      {"ioctl that gives a guest more memory",
       SYS_ioctl, {kVcpuFd, KVM_SET_USER_MEMORY_REGION, At(&g_region)}, Where::kRunning},
      {"ioctl that runs another CPU", SYS_ioctl, {kKvmLeakFd, KVM_RUN, 0}, Where::kRunning},
      {"ioctl that debugs the guest", SYS_ioctl, {kVcpuFd, KVM_SET_GUEST_DEBUG, At(g_buffer)}},
  });
}

void AddOtherAbis(List& list) {
  list.insert(list.end(), {
      {"getpid of the x32 ABI", kX32 | SYS_getpid, {}},
      {"openat of the x32 ABI", kX32 | SYS_openat, {AT_FDCWD, At(g_path), O_RDONLY}},
      {"exit_group of the x32 ABI", kX32 | SYS_exit_group, {kEscaped}},
      {"getpid of i386", 20, {}, Where::kEverywhere, Expect::kKilled, Way::kInt80},
      // Their numbers are 5 and 252 there (arch/x86/entry/syscalls/syscall_32.tbl).
      {"open of i386", 5, {}, Where::kEverywhere, Expect::kKilled, Way::kInt80},
      {"exit_group of i386", 252, {kEscaped}, Where::kEverywhere, Expect::kKilled, Way::kInt80},
      {"a number that does not exist", 0x3fff, {}},
      {"a negative number", -1, {}},
  });
}

}  // namespace

const char* NameOf(EvilStage stage) {
  switch (stage) {
    case EvilStage::kNone: return "none";
    case EvilStage::kWaiting: return "waiting";
    case EvilStage::kRunning: return "running";
    case EvilStage::kSptWaiting: return "spt-waiting";
    case EvilStage::kSptRunning: return "spt-running";
  }
  return "";
}

bool Applies(Where where, EvilStage stage) {
  const bool running = stage == EvilStage::kRunning || stage == EvilStage::kSptRunning;
  const bool monitor = stage == EvilStage::kWaiting || stage == EvilStage::kRunning;
  return where == Where::kEverywhere || (where == Where::kRunning && running) ||
         (where == Where::kWaiting && !running) ||
         (where == Where::kMonitor && monitor);
}

std::vector<Escape> Escapes(int sibling) {
  FillMemory();
  List list;
  AddFiles(list);
  AddSockets(list);
  AddProcesses(list, sibling);
  AddPrivileges(list);
  AddHost(list);
  AddMemory(list);
  AddDescriptors(list);
  AddOtherAbis(list);
  return list;
}

// No function is called between the call and the end: a forked child shares the stack (vfork), and
// an spt guest's thread pointer may be gone.
void TryEscape(const Escape& escape) {
  long result = escape.number;
  const auto& a = escape.arguments;
  if (escape.way == Escape::Way::kInt80) {
    asm volatile("int $0x80" : "+a"(result) : "b"(a[0]), "c"(a[1]), "d"(a[2]) : "memory", "r8",
                 "r9", "r10", "r11");
  } else {
    register long r10 asm("r10") = a[3];
    register long r8 asm("r8") = a[4];
    register long r9 asm("r9") = a[5];
    asm volatile("syscall"
                 : "+a"(result)
                 : "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
                 : "rcx", "r11", "memory");
  }
  const bool refused = result < 0 && result > -4096;
  long status = refused ? -result : kEscaped;
  if (escape.way == Escape::Way::kForks && result == 0) status = 0;  // the child
  for (;;) {
    long number = SYS_exit_group;
    asm volatile("syscall" : "+a"(number) : "D"(status) : "rcx", "r11", "memory");
  }
}

}  // namespace summon::hypervisor
