/* SPDX-License-Identifier: BSD-2-Clause */
#include "tcti-bench.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#define PCR       10U
#define CHAIN_MAX 200000U

const Bank banks[TPM_BANK_N] = {
        { TPM2_ALG_SHA1, "sha1", 20 },
        { TPM2_ALG_SHA256, "sha256", 32 },
        { TPM2_ALG_SHA384, "sha384", 48 },
        { TPM2_ALG_SHA512, "sha512", 64 },
};

char tpm_dir[64];
char tpm_path[96];

/*
 * Places
 */

int tpm_setup(void **state) {
        (void)state;
        (void)snprintf(tpm_dir, sizeof(tpm_dir), "/tmp/test-tcti-libtpms-XXXXXX");
        if (!mkdtemp(tpm_dir))
                return -1;
        (void)snprintf(tpm_path, sizeof(tpm_path), "%s/tpm", tpm_dir);
        return 0;
}

int tpm_teardown(void **state) {
        static const char *const names[] = { "tpm", "tpm.lock", "tpm.tmp", "rec", "tpm2.lock" };
        char name[128];

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(names); ++i) {
                (void)snprintf(name, sizeof(name), "%s/%s", tpm_dir, names[i]);
                (void)unlink(name);
        }
        (void)snprintf(name, sizeof(name), "%s.lock", tpm_dir);
        (void)unlink(name);
        return rmdir(tpm_dir);
}

size_t slurp(const char *name, uint8_t *data, size_t max) {
        FILE *f = fopen(name, "re");
        size_t n;

        assert_non_null(f);
        n = fread(data, 1, max, f);
        assert_true(n < max);
        assert_int_equal(fclose(f), 0);
        return n;
}

void spew(const char *name, const uint8_t *data, size_t n) {
        FILE *f = fopen(name, "we");

        assert_non_null(f);
        assert_int_equal(fwrite(data, 1, n, f), n);
        assert_int_equal(fclose(f), 0);
}

/*
 * The TPM
 */

TSS2_RC try_on(const char *conf, TSS2_TCTI_CONTEXT **ret) {
        TSS2_TCTI_CONTEXT *tcti;
        size_t size = 0;
        TSS2_RC rc;

        assert_int_equal(Tss2_Tcti_Libtpms_Init(NULL, &size, NULL), TSS2_RC_SUCCESS);
        tcti = calloc(1, size);
        assert_non_null(tcti);
        rc = Tss2_Tcti_Libtpms_Init(tcti, &size, conf);
        if (rc == TSS2_RC_SUCCESS)
                *ret = tcti;
        else
                free(tcti);
        return rc;
}

TSS2_TCTI_CONTEXT *turn_on(const char *conf) {
        TSS2_TCTI_CONTEXT *tcti = NULL;

        assert_int_equal(try_on(conf, &tcti), TSS2_RC_SUCCESS);
        return tcti;
}

void turn_off(TSS2_TCTI_CONTEXT *tcti) {
        Tss2_Tcti_Finalize(tcti);
        free(tcti);
}

Builder command(uint8_t *buffer, size_t max, uint16_t tag, uint32_t code) {
        Builder b = builder_on(buffer, max);

        builder_put_u16(&b, ORDER_BIG, tag);
        builder_put_u32(&b, ORDER_BIG, 0);
        builder_put_u32(&b, ORDER_BIG, code);
        return b;
}

Bytes finish(Builder *b) {
        Builder size = builder_on(b->data + 2, 4);

        assert_false(b->full);
        builder_put_u32(&size, ORDER_BIG, (uint32_t)b->n);
        return builder_bytes(b);
}

/* Run a command: its TPM response code and what follows the header. */
uint32_t run(TSS2_TCTI_CONTEXT *tcti, Builder *b, Bytes *ret_body) {
        static uint8_t response[4096];
        Bytes in = finish(b);
        size_t n = sizeof(response);
        uint32_t size, rc;
        uint16_t tag;

        assert_int_equal(Tss2_Tcti_Transmit(tcti, in.n, in.data), TSS2_RC_SUCCESS);
        assert_int_equal(Tss2_Tcti_Receive(tcti, &n, response, TSS2_TCTI_TIMEOUT_BLOCK),
                         TSS2_RC_SUCCESS);
        *ret_body = bytes_of(response, n);
        assert_true(bytes_take_u16(ret_body, ORDER_BIG, &tag));
        assert_true(bytes_take_u32(ret_body, ORDER_BIG, &size));
        assert_true(bytes_take_u32(ret_body, ORDER_BIG, &rc));
        assert_int_equal(size, n);
        return rc;
}

uint32_t run_ok(TSS2_TCTI_CONTEXT *tcti, Builder *b) {
        Bytes body;
        uint32_t v = 0;

        assert_int_equal(run(tcti, b, &body), TPM2_RC_SUCCESS);
        (void)bytes_take_u32(&body, ORDER_BIG, &v);
        return v;
}

Builder extend_command(uint8_t *buffer, size_t max) {
        static const uint8_t data[64] = { 1, 2, 3 };
        Builder b = command(buffer, max, TPM2_ST_SESSIONS, TPM2_CC_PCR_Extend);

        builder_put_u32(&b, ORDER_BIG, PCR);
        builder_put_u32(&b, ORDER_BIG, 9);
        builder_put_u32(&b, ORDER_BIG, TPM2_RS_PW);
        builder_put(&b, bytes_of(data + 3, 5));
        builder_put_u32(&b, ORDER_BIG, ELEMENTSOF(banks));
        for (size_t i = 0; i < ELEMENTSOF(banks); ++i) {
                builder_put_u16(&b, ORDER_BIG, banks[i].alg);
                builder_put(&b, bytes_of(data, banks[i].n));
        }
        return b;
}

void extend(TSS2_TCTI_CONTEXT *tcti) {
        uint8_t buffer[256];
        Builder b = extend_command(buffer, sizeof(buffer));

        (void)run_ok(tcti, &b);
}

static void pcr_read(TSS2_TCTI_CONTEXT *tcti, const Bank *bank, uint8_t *ret_value) {
        uint8_t buffer[32];
        Builder b = command(buffer, sizeof(buffer), TPM2_ST_NO_SESSIONS, TPM2_CC_PCR_Read);
        Bytes body, value;

        builder_put_u32(&b, ORDER_BIG, 1);
        builder_put_u16(&b, ORDER_BIG, bank->alg);
        builder_put(&b, bytes_of((const uint8_t[]){ 3, 0, 1U << (PCR - 8), 0 }, 4));
        assert_int_equal(run(tcti, &b, &body), TPM2_RC_SUCCESS);
        /* update counter, the selection again, one digest */
        assert_true(bytes_take(&body, 4 + 4 + 2 + 4 + 4 + 2, &value));
        assert_true(bytes_take(&body, bank->n, &value));
        assert_int_equal(body.n, 0);
        bytes_copy(value, ret_value, bank->n);
}

/* One step of the model: what extend() does to a PCR. */
static void model_extend(const Bank *bank, uint8_t *value) {
        uint8_t in[128] = {};

        memcpy(in, value, bank->n);
        memcpy(in + bank->n, (const uint8_t[]){ 1, 2, 3 }, 3);
        assert_int_equal(
                EVP_Digest(in, 2 * bank->n, value, NULL, EVP_get_digestbyname(bank->name), NULL),
                1);
}

/* How many times a PCR was extended, given that it was at least @at_least times. */
size_t pcr_count(TSS2_TCTI_CONTEXT *tcti, const Bank *bank, size_t at_least) {
        uint8_t value[64], model[64] = {};
        size_t n = 0;

        pcr_read(tcti, bank, value);
        while (n < at_least || memcmp(value, model, bank->n) != 0) {
                assert_true(n < CHAIN_MAX);
                model_extend(bank, model);
                ++n;
        }
        return n;
}

void assert_extended(TSS2_TCTI_CONTEXT *tcti, size_t n) {
        for (size_t i = 0; i < ELEMENTSOF(banks); ++i)
                assert_int_equal(pcr_count(tcti, &banks[i], n), n);
}

/*
 * Processes
 */

/* A child must not fall back into the list of tests when an assertion fails. */
pid_t fork_child(void) {
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0)
                (void)setenv("CMOCKA_TEST_ABORT", "1", 1);
        return pid;
}

void wait_killed(pid_t pid) {
        int status;

        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGKILL);
}

void wait_ok(pid_t pid) {
        int status;

        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
}

/* In a child: extend until killed, and say after each one that it is done. */
_Noreturn void extend_forever(const char *conf, int fd) {
        TSS2_TCTI_CONTEXT *tcti = turn_on(conf);

        for (;;) {
                extend(tcti);
                assert_int_equal(write(fd, "", 1), 1);
        }
}

size_t storm_once(const char *conf, long us) {
        struct timespec t = { .tv_nsec = us * 1000 };
        uint8_t acks[4096];
        size_t n_acks = 0;
        int fds[2];
        ssize_t n;
        pid_t pid;

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        pid = fork_child();
        if (pid == 0)
                extend_forever(conf, fds[1]);
        assert_int_equal(close(fds[1]), 0);
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
        assert_int_equal(kill(pid, SIGKILL), 0);
        wait_killed(pid);
        while ((n = read(fds[0], acks, sizeof(acks))) > 0)
                n_acks += (size_t)n;
        assert_int_equal(close(fds[0]), 0);
        return n_acks;
}
