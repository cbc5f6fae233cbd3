/* SPDX-License-Identifier: BSD-2-Clause */
#include "fixture.h"

#include <assert.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

/**
 * heap_copy() - copy a slice into a block of exactly its size
 * @b: the slice
 *
 * Return: the copy; without memory at all for an empty slice.
 */
Bytes heap_copy(Bytes b) {
        uint8_t *data;

        if (b.n == 0)
                return (Bytes){};
        data = malloc(b.n);
        assert_non_null(data);
        memcpy(data, b.data, b.n);
        return bytes_of(data, b.n);
}

/**
 * heap_file() - read a whole file into a block of exactly its size
 * @path: the file
 *
 * Return: its content; the test fails if it cannot be read.
 */
Bytes heap_file(const char *path) {
        _cleanup_fclose_ FILE *f = fopen(path, "re");
        uint8_t *data;
        struct stat st;

        CHECK(f && fstat(fileno(f), &st) == 0, "%s: cannot be opened\n", path);
        if (st.st_size == 0)
                return (Bytes){};
        data = malloc((size_t)st.st_size);
        assert_non_null(data);
        CHECK(fread(data, 1, (size_t)st.st_size, f) == (size_t)st.st_size, "%s: cannot be read\n",
              path);
        return bytes_of(data, (size_t)st.st_size);
}

void heap_free(Bytes b) {
        free((void *)b.data);
}

/**
 * aborts() - call a function in a child process
 * @func: what must not be done
 *
 * Return: whether an assertion ended it.
 */
bool aborts(void (*func)(void)) {
        static const struct rlimit no_core;
        int status;
        pid_t pid;

        (void)fflush(NULL);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                /* cmocka catches the signal to go on with the next test; nobody wants a core. */
                (void)signal(SIGABRT, SIG_DFL);
                (void)setrlimit(RLIMIT_CORE, &no_core);
                (void)!freopen("/dev/null", "w", stderr);
                func();
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

/**
 * hex_of() - bytes of a hex constant
 * @hex:  digits, lower case
 * @data: where they go
 * @max:  room there
 *
 * Return: a slice of @data.
 */
Bytes hex_of(const char *hex, uint8_t *data, size_t max) {
        size_t n = strlen(hex) / 2;

        assert_true(n <= max && strlen(hex) % 2 == 0);
        for (size_t i = 0; i < n; ++i) {
                unsigned v;

                assert_int_equal(sscanf(&hex[2 * i], "%2x", &v), 1);
                data[i] = (uint8_t)v;
        }
        return bytes_of(data, n);
}

/* Not by the code under test; names are OpenSSL's. */
void hash_of(DigestAlg alg, Bytes data, uint8_t *ret_digest) {
        static const char *const names[_DIGEST_ALG_N] = {
                [DIGEST_SHA1] = "SHA1",         [DIGEST_SHA256] = "SHA256",
                [DIGEST_SHA384] = "SHA384",     [DIGEST_SHA512] = "SHA512",
                [DIGEST_SM3_256] = "SM3",       [DIGEST_SHA3_256] = "SHA3-256",
                [DIGEST_SHA3_384] = "SHA3-384", [DIGEST_SHA3_512] = "SHA3-512",
        };

        assert_int_equal(EVP_Digest(data.n > 0 ? data.data : (const uint8_t *)"", data.n,
                                    ret_digest, NULL, EVP_get_digestbyname(names[alg]), NULL),
                         1);
}

void put_field(Builder *b, ByteOrder order, Bytes data) {
        builder_put_u32(b, order, (uint32_t)data.n);
        builder_put(b, data);
}

void put_d_ng(Builder *b, ByteOrder order, const char *alg, Bytes digest) {
        builder_put_u32(b, order, (uint32_t)(strlen(alg) + 2 + digest.n));
        builder_put(b, bytes_of_text(alg));
        builder_put(b, bytes_of(":", 2));
        builder_put(b, digest);
}

void put_n_ng(Builder *b, ByteOrder order, const char *name) {
        put_field(b, order, bytes_of(name, strlen(name) + 1));
}

void put_head(Builder *b, const MlistForm *form, uint32_t pcr, Bytes digest, const char *name) {
        builder_put_u32(b, form->order, pcr);
        builder_put(b, digest);
        builder_put_u32(b, form->order, (uint32_t)strlen(name));
        builder_put(b, bytes_of_text(name));
}

void put_record(Builder *b, const MlistForm *form, uint32_t pcr, const char *name, Bytes data) {
        uint8_t digest[DIGEST_SIZE_MAX];

        hash_of(form->alg, data, digest);
        put_head(b, form, pcr, bytes_of(digest, digest_size(form->alg)), name);
        put_field(b, form->order, data);
}

void put_violation(Builder *b, const MlistForm *form, uint32_t pcr, const char *name, Bytes data) {
        static const uint8_t zeros[DIGEST_SIZE_MAX];

        put_head(b, form, pcr, bytes_of(zeros, digest_size(form->alg)), name);
        put_field(b, form->order, data);
}

void put_ima_as(Builder *b, const MlistForm *form, uint32_t pcr, Bytes record_digest, Bytes digest,
                Bytes name) {
        put_head(b, form, pcr, record_digest, "ima");
        builder_put(b, digest);
        put_field(b, form->order, name);
}

void put_ima(Builder *b, const MlistForm *form, uint32_t pcr, Bytes digest, Bytes name) {
        uint8_t padded[20 + 256] = {}, record_digest[DIGEST_SIZE_MAX];

        assert_true(digest.n <= 20 && name.n <= 255);
        memcpy(padded, digest.data, digest.n);
        if (name.n > 0)
                memcpy(padded + digest.n, name.data, name.n);
        hash_of(form->alg, bytes_of(padded, digest.n + 256), record_digest);
        put_ima_as(b, form, pcr, bytes_of(record_digest, digest_size(form->alg)), digest, name);
}

/* A plain ima-ng record for when its content does not matter. */
void put_sample(Builder *b, const MlistForm *form, uint32_t pcr, const char *name) {
        uint8_t raw[512], digest[32];
        Builder data = builder_on(raw, sizeof(raw));

        hash_of(DIGEST_SHA256, bytes_of_text(name), digest);
        put_d_ng(&data, form->order, "sha256", bytes_of(digest, sizeof(digest)));
        put_n_ng(&data, form->order, name);
        assert_false(data.full);
        put_record(b, form, pcr, "ima-ng", builder_bytes(&data));
}

Hashers all_hashers;

int all_hashers_open(void **state) {
        DigestAlg alg;

        (void)state;
        return hashers_open(&all_hashers, ALL_BANKS, &alg);
}

int all_hashers_close(void **state) {
        (void)state;
        hashers_close(&all_hashers);
        return 0;
}

Builder scratch(void) {
        static uint8_t raw[2 * MLIST_RECORD_MAX];

        return builder_on(raw, sizeof(raw));
}

Bytes scratch_done(const Builder *b) {
        assert_false(b->full);
        return heap_copy(builder_bytes(b));
}

int parse_record(Bytes *in, const MlistForm *form, MlistRecord *ret_record, MlistError *ret_error) {
        MlistRecord record, poison_record;
        MlistError error, poison_error;
        Bytes before = *in;
        int r;

        memset(&record, POISON, sizeof(record));
        memset(&error, POISON, sizeof(error));
        poison_record = record;
        poison_error = error;
        r = mlist_parse(in, form, all_hashers.of[form->alg], &record, &error);
        if (r != 0) {
                CHECK(in->data == before.data && in->n == before.n, "input eaten with %d\n", r);
                CHECK(memcmp(&record, &poison_record, sizeof(record)) == 0, "record set with %d\n",
                      r);
        } else {
                CHECK(in->data == before.data + record.whole.n, "eaten is not whole\n");
                CHECK(in->n == before.n - record.whole.n && record.whole.data == before.data,
                      "whole is not what was eaten\n");
                *ret_record = record;
        }
        if (r == 0 || r == MLIST_E_MORE)
                CHECK(memcmp(&error, &poison_error, sizeof(error)) == 0, "error set with %d\n", r);
        else
                *ret_error = error;
        return r;
}

bool record_fits(const MlistRecord *record, DigestAlg alg) {
        bool yes = false;

        assert_int_equal(mlist_digest_fits(record, alg, all_hashers.of[alg], &yes), 0);
        return yes;
}

/* Every cut of one record asks for more and takes nothing; the cut is a block of its own. */
void check_prefixes(Bytes record, const MlistForm *form) {
        for (size_t n = 0; n < record.n; ++n) {
                Bytes block = heap_copy(bytes_of(record.data, n)), in = block;
                MlistRecord got;
                MlistError error;
                int r = parse_record(&in, form, &got, &error);

                CHECK(r == MLIST_E_MORE, "cut at %zu of %zu: %d\n", n, record.n, r);
                heap_free(block);
        }
}

int subject_of(const MlistRecord *record, ByteOrder order, TemplateSubject *ret_subject) {
        TemplateSubject s, poison;
        int r;

        memset(&s, POISON, sizeof(s));
        poison = s;
        r = template_subject(record, order, &s);
        if (r != 0)
                CHECK(memcmp(&s, &poison, sizeof(s)) == 0, "subject set with %d\n", r);
        else
                *ret_subject = s;
        return r;
}

MlistRecord record_of(const char *name, Bytes data) {
        return (MlistRecord){ .name = bytes_of_text(name), .data = data };
}

MlistRecord bare_record(uint32_t pcr, const char *data, bool violation) {
        return (MlistRecord){
                .pcr = pcr,
                .name = BYTES_TEXT("xyz"),
                .data = bytes_of_text(data),
                .is_violation = violation,
        };
}
