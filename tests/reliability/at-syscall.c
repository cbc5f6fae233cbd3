/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * at-syscall - run a program up to its n-th system call, and let it die there or the call fail.
 *
 * at-syscall [OPTIONS] PROGRAM [ARGUMENT...]
 *
 *   -c NAME,...  which calls are counted (default: those that read or change anything outside)
 *   -n N         act at the N-th of them, from 1; without it nothing is done
 *   -w WHAT      before: SIGKILL instead of the call; after: SIGKILL when it is done;
 *                once: it fails and does nothing; from: it fails, and so does each one after it
 *                (but those that only a signal can make fail)
 *   -l FILE      write a line "NAME RESULT" for each call that is counted
 *   -m FILE      write VmHWM, in KiB, as the program ends
 *
 * Exit status: that of the program, 128 + N for signal N; 126: this does not work here (then 77 for
 * a test); 2: usage.
 *
 * The kernel stops the program at each counted call (seccomp and ptrace), so nothing is missed:
 * calls of libc, of OpenSSL, of tpm2-tss and of its TCTI modules are there. Counted is from the
 * moment on where the program's libraries are mapped (set_robust_list() of the dynamic loader).
 *
 * What it cannot see: a call that is interrupted half way, as a write() to a socket may be; memory
 * that is mapped and shared, and clocks in the vDSO; threads and children (ima-replayd has none).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"

#define EXIT_NOT_HERE 126
#define TRACED_EVENTS                                                                              \
        (PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT)

typedef struct Call {
        const char *name;
        long number;
        int error; /* of a failure that can happen */
        bool is_default;
} Call;

#define CALL(name, error)                                                                          \
        { #name, __NR_##name, error, true }
#define OTHER(name, error)                                                                         \
        { #name, __NR_##name, error, false }

static const Call calls[] = {
        CALL(read, EIO),
        CALL(pread64, EIO),
        CALL(readv, EIO),
        CALL(recvmsg, ENOMEM),
        CALL(recvfrom, ENOMEM),
        CALL(getdents64, EIO),
        CALL(readlinkat, EIO),
        CALL(write, ENOSPC),
        CALL(pwrite64, ENOSPC),
        CALL(writev, ENOSPC),
        CALL(sendmsg, ENOBUFS),
        CALL(sendto, ENOBUFS),
        CALL(openat, EMFILE),
        CALL(openat2, EMFILE),
        CALL(close, EIO),
        CALL(renameat, ENOSPC),
        CALL(renameat2, ENOSPC),
        CALL(linkat, ENOSPC),
        CALL(unlinkat, EROFS),
        CALL(mkdirat, ENOSPC),
        CALL(fchmodat, EROFS),
        CALL(fchmod, EROFS),
        CALL(ftruncate, ENOSPC),
        CALL(fallocate, ENOSPC),
        CALL(fsync, EIO),
        CALL(fdatasync, EIO),
        CALL(flock, ENOLCK),
#ifdef __NR_open
        CALL(open, EMFILE),
        CALL(rename, ENOSPC),
        CALL(unlink, EROFS),
        CALL(mkdir, ENOSPC),
        CALL(chmod, EROFS),
        OTHER(poll, EINTR),
        OTHER(epoll_wait, EINTR),
#endif
        OTHER(ppoll, EINTR),
        OTHER(epoll_pwait, EINTR),
        OTHER(epoll_create1, EMFILE),
        OTHER(epoll_ctl, ENOSPC),
        OTHER(eventfd2, EMFILE),
        OTHER(timerfd_create, EMFILE),
        OTHER(socket, EMFILE),
        OTHER(connect, ECONNREFUSED),
        OTHER(fstatfs, EIO),
        OTHER(mmap, ENOMEM), /* not brk(): it never says an error */
#ifdef __NR_newfstatat
        OTHER(newfstatat, EIO),
        OTHER(fstat, EIO),
#endif
};

#define CALLS_MAX ELEMENTSOF(calls)

typedef enum What {
        WHAT_BEFORE,
        WHAT_AFTER,
        WHAT_ONCE,
        WHAT_FROM,
        _WHAT_N,
} What;

static const char *const whats[_WHAT_N] = {
        [WHAT_BEFORE] = "before",
        [WHAT_AFTER] = "after",
        [WHAT_ONCE] = "once",
        [WHAT_FROM] = "from",
};

static struct {
        bool counted[CALLS_MAX];
        unsigned long at;
        What what;
        FILE *log, *memory;
} arg;

/*
 * Another answer for a call: the number -1 is none, and leaves the result as it is
 */

#if defined(__x86_64__)
static long fake_result(pid_t pid, int error) {
        struct user_regs_struct regs;

        if (ptrace(PTRACE_GETREGS, pid, NULL, &regs) < 0)
                return -1;
        regs.orig_rax = (unsigned long long)-1;
        regs.rax = (unsigned long long)-error;
        return ptrace(PTRACE_SETREGS, pid, NULL, &regs);
}
#elif defined(__aarch64__)
static long fake_result(pid_t pid, int error) {
        struct user_regs_struct regs;
        int none = -1;
        struct iovec v = { .iov_base = &regs, .iov_len = sizeof(regs) };
        struct iovec number = { .iov_base = &none, .iov_len = sizeof(none) };

        if (ptrace(PTRACE_GETREGSET, pid, (void *)1 /* NT_PRSTATUS */, &v) < 0)
                return -1;
        regs.regs[0] = (unsigned long long)-error;
        if (ptrace(PTRACE_SETREGSET, pid, (void *)1, &v) < 0)
                return -1;
        return ptrace(PTRACE_SETREGSET, pid, (void *)0x404 /* NT_ARM_SYSTEM_CALL */, &number);
}
#else
static long fake_result(pid_t pid, int error) {
        (void)pid, (void)error;
        errno = ENOSYS;
        return -1;
}
#endif

/*
 * The program
 */

static int install_filter(void) {
        struct sock_filter code[CALLS_MAX + 5];
        size_t n = 0, n_counted = 1;
        uint8_t left;
        struct sock_fprog program = { .filter = code };

        for (size_t i = 0; i < CALLS_MAX; ++i)
                n_counted += arg.counted[i];
        left = (uint8_t)n_counted;
        code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                                 offsetof(struct seccomp_data, nr));
        /* Each one jumps over what is left of the list, and over the ALLOW behind it. */
        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_set_robust_list,
                                                 left--, 0);
        for (size_t i = 0; i < CALLS_MAX; ++i)
                if (arg.counted[i])
                        code[n++] = (struct sock_filter)BPF_JUMP(
                                BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[i].number, left--, 0);
        code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
        code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
        program.len = (unsigned short)n;
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -1;
        return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static _Noreturn void become(char **argv) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 || raise(SIGSTOP) != 0 ||
            install_filter() < 0)
                _exit(EXIT_NOT_HERE);
        (void)execv(argv[0], argv);
        _exit(127);
}

/*
 * The one who looks on
 */

static void write_memory(pid_t pid) {
        char path[64], line[256];
        unsigned long kib;
        FILE *f;

        (void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
        f = fopen(path, "re");
        while (f && fgets(line, sizeof(line), f))
                if (sscanf(line, "VmHWM: %lu kB", &kib) == 1)
                        (void)fprintf(arg.memory, "%lu\n", kib);
        if (f)
                (void)fclose(f);
}

static const Call *call_of(uint64_t number) {
        for (size_t i = 0; i < CALLS_MAX; ++i)
                if (arg.counted[i] && (uint64_t)calls[i].number == number)
                        return &calls[i];
        return NULL;
}

/* To take a descriptor out of an epoll needs nothing that could be missing. */
static bool can_fail(const Call *call, const __uint64_t *args) {
        return call->number != __NR_epoll_ctl || args[1] == EPOLL_CTL_ADD;
}

/* At a stop for seccomp. Return: how to go on, or a negative errno. */
static int on_call(pid_t pid, unsigned long *n, bool *is_armed, const Call **current) {
        struct __ptrace_syscall_info info = {};
        const Call *call;

        if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof(info), &info) < 0)
                return -errno;
        call = call_of(info.seccomp.nr);
        if (!call) {
                *is_armed = true;
                return PTRACE_CONT;
        }
        if (!*is_armed || !can_fail(call, info.seccomp.args))
                return PTRACE_CONT;
        *current = call;
        ++*n;
        if (arg.log)
                return PTRACE_SYSCALL;
        if (*n == arg.at && arg.what == WHAT_BEFORE && kill(pid, SIGKILL) < 0)
                return -errno;
        if (*n == arg.at && arg.what == WHAT_AFTER)
                return PTRACE_SYSCALL;
        if ((arg.what == WHAT_ONCE && *n == arg.at) ||
            (arg.what == WHAT_FROM && arg.at > 0 && *n >= arg.at && call->error != EINTR))
                return fake_result(pid, call->error) < 0 ? -errno : PTRACE_CONT;
        return PTRACE_CONT;
}

/* At a stop behind a call. */
static int on_result(pid_t pid, const Call *current) {
        struct __ptrace_syscall_info info = {};

        if (!arg.log)
                return kill(pid, SIGKILL) < 0 ? -errno : PTRACE_CONT;
        if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof(info), &info) < 0)
                return -errno;
        (void)fprintf(arg.log, "%s %lld\n", current->name, (long long)info.exit.rval);
        return PTRACE_CONT;
}

static int watch(pid_t pid) {
        const Call *current = NULL;
        unsigned long n = 0;
        bool is_armed = false;
        int status, how, sig;

        while (waitpid(pid, &status, 0) == pid) {
                if (WIFEXITED(status))
                        return WEXITSTATUS(status);
                if (WIFSIGNALED(status))
                        return 128 + WTERMSIG(status);
                how = PTRACE_CONT;
                sig = 0;
                if (status >> 8 == (SIGTRAP | PTRACE_EVENT_SECCOMP << 8))
                        how = on_call(pid, &n, &is_armed, &current);
                else if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXIT << 8)) {
                        if (arg.memory)
                                write_memory(pid);
                } else if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8))
                        how = PTRACE_CONT;
                else if (WSTOPSIG(status) == (SIGTRAP | 0x80))
                        how = on_result(pid, current);
                else
                        sig = WSTOPSIG(status);
                /* ESRCH: it was killed meanwhile, which the next wait tells. */
                if (how < 0 ||
                    (ptrace((enum __ptrace_request)how, pid, NULL, sig) < 0 && errno != ESRCH))
                        return EXIT_NOT_HERE;
        }
        return EXIT_NOT_HERE;
}

static int choose_calls(char *names) {
        for (size_t i = 0; i < CALLS_MAX; ++i)
                arg.counted[i] = !names && calls[i].is_default;
        for (char *name = names ? strsep(&names, ",") : NULL; name; name = strsep(&names, ",")) {
                bool is_known = false;

                for (size_t i = 0; i < CALLS_MAX; ++i)
                        if (strcmp(calls[i].name, name) == 0)
                                arg.counted[i] = is_known = true;
                if (!is_known)
                        return -EINVAL;
        }
        return 0;
}

static int parse_arguments(int argc, char **argv) {
        char *names = NULL;
        int c;

        while ((c = getopt(argc, argv, "+c:n:w:l:m:")) >= 0)
                switch (c) {
                case 'c':
                        names = optarg;
                        break;
                case 'n':
                        arg.at = strtoul(optarg, NULL, 10);
                        break;
                case 'w':
                        for (arg.what = 0; arg.what < _WHAT_N; ++arg.what)
                                if (strcmp(whats[arg.what], optarg) == 0)
                                        break;
                        break;
                case 'l':
                        arg.log = fopen(optarg, "we");
                        break;
                case 'm':
                        arg.memory = fopen(optarg, "we");
                        break;
                default:
                        return -EINVAL;
                }
        if (optind == argc || arg.what == _WHAT_N)
                return -EINVAL;
        return choose_calls(names);
}

int main(int argc, char **argv) {
        int status, r;
        pid_t pid;

        if (parse_arguments(argc, argv) < 0) {
                (void)fprintf(stderr, "usage: at-syscall [-c NAME,...] [-n N] [-w WHAT] [-l FILE] "
                                      "[-m FILE] PROGRAM [ARGUMENT...]\n");
                return 2;
        }
        pid = fork();
        if (pid == 0)
                become(argv + optind);
        if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) ||
            ptrace(PTRACE_SETOPTIONS, pid, NULL, TRACED_EVENTS | PTRACE_O_TRACESYSGOOD) < 0 ||
            ptrace(PTRACE_CONT, pid, NULL, 0) < 0)
                return EXIT_NOT_HERE;
        r = watch(pid);
        if ((arg.log && fclose(arg.log) != 0) || (arg.memory && fclose(arg.memory) != 0))
                return EXIT_NOT_HERE;
        return r;
}
