/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sandbox-probe PID LIST PORT -- try what ima-replay-serve must not be able to do.
 *
 * Run in the sandbox of the server's unit each act must be denied; run by root without it, those
 * that root can do succeed, or the test says nothing. One line an act: `denied NAME errno` or `done
 * NAME`.
 *
 *   PID   of the extender
 *   LIST  the kernel's measurement list
 *   PORT  of a software TPM on loopback, as `swtpm socket --server` has it
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"
#include "os/peer.h"

#define RUN       "/run/ima-replay"
#define TPM_MAJOR 10U
#define TPM_MINOR 224U
#define WAIT_MS   5000
/* An act that could not even be tried: neither denied nor done. */
#define CANNOT ENOTRECOVERABLE

static struct {
        pid_t extender;
        const char *list;
        uint16_t port;
        Root root;
} arg;

/* What an open() or another call said, as an act does. */
static int said(long r) {
        return r < 0 ? errno : 0;
}

static int open_tpm(void) {
        return said(open("/dev/tpmrm0", O_RDWR | O_CLOEXEC));
}

static int make_tpm_node(void) {
        const char *const places[] = { RUN "/probe-node", "/dev/shm/probe-node", "/tmp/probe-node",
                                       "/var/tmp/probe-node" };
        int r = EPERM;

        for (size_t i = 0; i < ELEMENTSOF(places) && r != 0; ++i) {
                r = said(mknod(places[i], S_IFCHR | 0600, makedev(TPM_MAJOR, TPM_MINOR)));
                (void)unlink(places[i]);
        }
        return r;
}

/* TPM2_PCR_Extend of PCR 16 with an empty password, one SHA-256 digest of zeros. */
static const uint8_t extend_command[65] = {
        0x80, 0x02, 0,    0,    0,    65, 0, 0, 0x01, 0x82, 0, 0, 0, 16, 0, 0,    0,
        9,    0x40, 0x00, 0x00, 0x09, 0,  0, 0, 0,    0,    0, 0, 0, 1,  0, 0x0b,
};

static int extend_software_tpm(void) {
        struct sockaddr_in where = { .sin_family = AF_INET, .sin_port = htons(arg.port) };
        uint8_t answer[64];
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0)
                return errno;
        where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (connect(fd, (const struct sockaddr *)&where, sizeof(where)) < 0 ||
            send(fd, extend_command, sizeof(extend_command), MSG_NOSIGNAL) < 0)
                return errno;
        if (recv(fd, answer, sizeof(answer), 0) < 10)
                return CANNOT;
        /* The response code: big endian, after tag and size. */
        return memcmp(answer + 6, "\0\0\0\0", 4) == 0 ? 0 : CANNOT;
}

/* The inner socket takes two requests; a TPM command is none, and ends the connection. */
static int extend_by_inner_socket(void) {
        PeerMessage m;
        struct pollfd p = { .events = POLLIN };
        int r;

        r = peer_connect(&arg.root, &p.fd);
        if (r != 0)
                return CANNOT;
        if (send(p.fd, extend_command, sizeof(extend_command), MSG_NOSIGNAL) < 0)
                return CANNOT;
        while (poll(&p, 1, WAIT_MS) == 1) {
                r = peer_receive(p.fd, &m);
                if (r == PEER_E_GONE)
                        return ECONNRESET;
                if (r != 0)
                        return CANNOT;
        }
        return 0;
}

static int write_to(const char *path) {
        return said(open(path, O_WRONLY | O_CLOEXEC));
}

static int write_spool(void) {
        return write_to(RUN "/list");
}

static int write_index(void) {
        return write_to(RUN "/index");
}

static int write_anchor(void) {
        return write_to(RUN "/anchor");
}

/* The server gets descriptors to read from; can it make one to write out of it? */
static int reopen_spool(void) {
        struct pollfd p = { .events = POLLIN };
        char path[64];
        PeerMessage m;

        if (peer_connect(&arg.root, &p.fd) != 0 || peer_get_spool(p.fd) != 0)
                return CANNOT;
        do {
                if (poll(&p, 1, WAIT_MS) != 1 || peer_receive(p.fd, &m) != 0)
                        return CANNOT;
        } while (m.kind != PEER_SPOOL);
        if (m.spool.list_fd < 0 || write(m.spool.list_fd, "x", 1) > 0 ||
            ftruncate(m.spool.list_fd, 0) == 0)
                return CANNOT;
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", m.spool.list_fd);
        return write_to(path);
}

static int replace_socket(void) {
        if (rename(RUN "/extender", RUN "/probe-moved") < 0)
                return errno;
        return rename(RUN "/probe-moved", RUN "/extender") < 0 ? CANNOT : 0;
}

static int make_file(void) {
        int r = said(open(RUN "/probe-file", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));

        (void)unlink(RUN "/probe-file");
        return r;
}

static int read_list(void) {
        return said(open(arg.list, O_RDONLY | O_CLOEXEC));
}

static int trace_extender(void) {
        return said(ptrace(PTRACE_SEIZE, arg.extender, NULL, NULL));
}

static int read_memory(void) {
        char path[64];

        (void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)arg.extender);
        return said(open(path, O_RDWR | O_CLOEXEC));
}

static int take_descriptor(void) {
        long fd = syscall(SYS_pidfd_open, arg.extender, 0);

        return fd < 0 ? errno : said(syscall(SYS_pidfd_getfd, fd, 0, 0));
}

static int signal_extender(void) {
        return said(kill(arg.extender, SIGCONT));
}

/* In a namespace of its own, so that where it succeeds nobody sees it. */
static int mount_something(void) {
        if (unshare(CLONE_NEWNS) == 0)
                (void)mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
        return said(mount("none", "/mnt", "tmpfs", 0, NULL));
}

static int make_namespace(void) {
        return said(unshare(CLONE_NEWUSER));
}

/* No module at all: where it is allowed, the kernel says that it is none (or that it has no
 * modules). */
static int load_module(void) {
        int fd = memfd_create("probe", MFD_CLOEXEC);

        if (fd < 0 || write(fd, "no module", 9) != 9)
                return CANNOT;
        if (syscall(SYS_finit_module, fd, "", 0) == 0 || errno == ENOEXEC)
                return 0;
        return errno == ENOSYS ? CANNOT : errno;
}

static int raw_socket(void) {
        return said(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP));
}

static int packet_socket(void) {
        return said(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
}

static int tcp_socket(void) {
        return said(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int netlink_socket(void) {
        return said(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT));
}

static int run_shell(void) {
        (void)execl("/bin/sh", "sh", "-c", "exit 0", NULL);
        return errno;
}

static int write_code(void) {
        return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                    0) == MAP_FAILED
                       ? errno
                       : 0;
}

static int become_root(void) {
        return said(setuid(0));
}

static int change_root(void) {
        return said(chroot("/"));
}

static const struct {
        const char *name;
        int (*act)(void); /* 0: it was done; else the errno that denied it */
} acts[] = {
        { "open-tpm", open_tpm },
        { "make-tpm-node", make_tpm_node },
        { "extend-software-tpm", extend_software_tpm },
        { "extend-by-inner-socket", extend_by_inner_socket },
        { "write-spool", write_spool },
        { "write-index", write_index },
        { "write-anchor", write_anchor },
        { "reopen-spool", reopen_spool },
        { "replace-socket", replace_socket },
        { "make-file", make_file },
        { "read-list", read_list },
        { "trace-extender", trace_extender },
        { "read-memory", read_memory },
        { "take-descriptor", take_descriptor },
        { "signal-extender", signal_extender },
        { "mount", mount_something },
        { "make-namespace", make_namespace },
        { "load-module", load_module },
        { "raw-socket", raw_socket },
        { "packet-socket", packet_socket },
        { "tcp-socket", tcp_socket },
        { "netlink-socket", netlink_socket },
        { "run-shell", run_shell },
        { "write-code", write_code },
        { "become-root", become_root },
        { "change-root", change_root },
};

/* Each in a process of its own: what one has changed the next does not see. */
static int in_child(int (*act)(void)) {
        int status;
        pid_t pid = fork();

        if (pid < 0)
                return CANNOT;
        if (pid == 0) {
                (void)alarm(10);
                _exit(act());
        }
        if (waitpid(pid, &status, 0) < 0)
                return CANNOT;
        return WIFEXITED(status) ? WEXITSTATUS(status) : CANNOT;
}

int main(int argc, char **argv) {
        if (argc != 4) {
                (void)fprintf(stderr, "usage: sandbox-probe PID LIST PORT\n");
                return 2;
        }
        arg.extender = (pid_t)strtol(argv[1], NULL, 10);
        arg.list = argv[2];
        arg.port = (uint16_t)strtoul(argv[3], NULL, 10);
        if (root_init(&arg.root, NULL) < 0)
                return 1;
        for (size_t i = 0; i < ELEMENTSOF(acts); ++i) {
                int r = in_child(acts[i].act);

                if (r == 0)
                        (void)printf("done %s\n", acts[i].name);
                else if (r == CANNOT)
                        (void)printf("cannot %s\n", acts[i].name);
                else
                        (void)printf("denied %s %s\n", acts[i].name, strerrorname_np(r));
        }
        return fflush(stdout) == 0 ? 0 : 1;
}
