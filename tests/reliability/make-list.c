/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * make-list - a long measurement list, and what a TPM holds after its records.
 *
 * make-list N FILE [K...]
 *
 * Writes N records of a kernel without a TPM to FILE (ima-ng, as world.made() of tests/lib makes
 * them), and to the standard output, for each K, a line "K sha1 V(K) sha256 V(K)" in hex. It shares
 * no code with the programs, and hashes one record at a time, as it comes.
 */
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"

#define RECORD_MAX 256
#define BUFFER     (1U << 20)
#define NAME_MAX_N 64

typedef struct Pcr {
        EVP_MD *md;
        unsigned char value[EVP_MAX_MD_SIZE];
        size_t size;
        const char *name;
} Pcr;

static unsigned char record[RECORD_MAX];
static size_t n_record;

static void put(const void *data, size_t n) {
        memcpy(record + n_record, data, n);
        n_record += n;
}

static void put_u32(size_t v) {
        const unsigned char le[4] = { (unsigned char)v, (unsigned char)(v >> 8),
                                      (unsigned char)(v >> 16), (unsigned char)(v >> 24) };

        put(le, sizeof(le));
}

static bool hash(EVP_MD_CTX *ctx, const EVP_MD *md, const void *a, size_t n_a, const void *b,
                 size_t n_b, unsigned char *ret) {
        return EVP_DigestInit_ex2(ctx, md, NULL) == 1 && EVP_DigestUpdate(ctx, a, n_a) == 1 &&
               EVP_DigestUpdate(ctx, b, n_b) == 1 && EVP_DigestFinal_ex(ctx, ret, NULL) == 1;
}

/* Return: where the template data of record @i begins, 0 on failure. */
static size_t make(EVP_MD_CTX *ctx, const Pcr pcrs[static 2], unsigned long i) {
        unsigned char file_digest[SHA256_DIGEST_LENGTH] = {};
        char name[NAME_MAX_N] = "boot_aggregate", number[NAME_MAX_N];
        size_t n_name, data;

        if (i > 0) {
                (void)snprintf(name, sizeof(name), "/usr/lib/made/%lu", i);
                (void)snprintf(number, sizeof(number), "%lu", i);
                if (!hash(ctx, pcrs[1].md, number, strlen(number), "", 0, file_digest))
                        return 0;
        }
        n_name = strlen(name) + 1;
        n_record = 0;
        put_u32(10);
        n_record += SHA_DIGEST_LENGTH; /* comes when the data is there */
        put_u32(6);
        put("ima-ng", 6);
        put_u32(4 + 8 + sizeof(file_digest) + 4 + n_name);
        data = n_record;
        put_u32(8 + sizeof(file_digest));
        put("sha256:", 8);
        put(file_digest, sizeof(file_digest));
        put_u32(n_name);
        put(name, n_name);
        return hash(ctx, pcrs[0].md, record + data, n_record - data, "", 0, record + 4) ? data : 0;
}

static bool extend(EVP_MD_CTX *ctx, Pcr *pcr, size_t data) {
        unsigned char digest[EVP_MAX_MD_SIZE];

        return hash(ctx, pcr->md, record + data, n_record - data, "", 0, digest) &&
               hash(ctx, pcr->md, pcr->value, pcr->size, digest, pcr->size, pcr->value);
}

static void say(unsigned long k, const Pcr pcrs[static 2]) {
        (void)printf("%lu", k);
        for (size_t b = 0; b < 2; ++b) {
                (void)printf(" %s ", pcrs[b].name);
                for (size_t i = 0; i < pcrs[b].size; ++i)
                        (void)printf("%02x", pcrs[b].value[i]);
        }
        (void)putchar('\n');
}

static bool write_list(FILE *f, unsigned long n, char **wanted) {
        Pcr pcrs[2] = { { .name = "sha1", .size = SHA_DIGEST_LENGTH },
                        { .name = "sha256", .size = SHA256_DIGEST_LENGTH } };
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();

        for (size_t b = 0; b < 2; ++b)
                pcrs[b].md = EVP_MD_fetch(NULL, pcrs[b].name, NULL);
        if (!ctx || !pcrs[0].md || !pcrs[1].md)
                return false;
        for (unsigned long i = 0; i < n; ++i) {
                size_t data = make(ctx, pcrs, i);

                if (data == 0 || fwrite(record, n_record, 1, f) != 1 ||
                    !extend(ctx, &pcrs[0], data) || !extend(ctx, &pcrs[1], data))
                        return false;
                for (char **k = wanted; *k; ++k)
                        if (strtoul(*k, NULL, 10) == i + 1)
                                say(i + 1, pcrs);
        }
        for (size_t b = 0; b < 2; ++b)
                EVP_MD_free(pcrs[b].md);
        EVP_MD_CTX_free(ctx);
        return true;
}

int main(int argc, char **argv) {
        FILE *f;
        bool good;

        if (argc < 3) {
                (void)fprintf(stderr, "usage: make-list N FILE [K...]\n");
                return 2;
        }
        f = fopen(argv[2], "we");
        if (!f || setvbuf(f, NULL, _IOFBF, BUFFER) != 0)
                return 1;
        good = write_list(f, strtoul(argv[1], NULL, 10), argv + 3);
        return fclose(f) == 0 && good ? 0 : 1;
}
