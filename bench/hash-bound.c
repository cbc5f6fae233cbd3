/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hash-bound LIST -- what hashing alone costs: per record one SHA-256 of the template data and one
 * of 64 bytes, with one reused context. Reading and delimiting are done before the clock starts, so
 * no replay can be faster than this on the same core. Prints seconds and the value.
 */
#include <inttypes.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/encode.h"
#include "core/mlist.h"

typedef struct Records {
        Bytes *data;
        size_t n, max;
} Records;

static int records_add(Records *r, Bytes data) {
        if (r->n == r->max) {
                size_t max = r->max ? 2 * r->max : 1024;
                Bytes *larger = realloc(r->data, max * sizeof(*larger));

                if (!larger)
                        return -1;
                r->data = larger;
                r->max = max;
        }
        r->data[r->n++] = data;
        return 0;
}

static int records_find(Bytes list, Records *r) {
        _cleanup_(hasher_freep) Hasher *sha1 = NULL;
        MlistRecord record;
        MlistError error;
        MlistForm form;

        if (hasher_new(DIGEST_SHA1, &sha1) != 0 ||
            mlist_detect(list, DIGEST_SHA1, &form, &error) != 0)
                return -1;
        while (list.n > 0)
                if (mlist_parse(&list, &form, sha1, &record, &error) != 0 ||
                    records_add(r, record.data) != 0)
                        return -1;
        return 0;
}

static double hash_all(const Records *r, uint8_t value[static 64]) {
        EVP_MD *md = EVP_MD_fetch(NULL, "SHA2-256", NULL);
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        struct timespec a, b;

        (void)EVP_DigestInit_ex2(ctx, md, NULL);
        (void)clock_gettime(CLOCK_MONOTONIC, &a);
        for (size_t i = 0; i < r->n; ++i) {
                (void)EVP_DigestInit_ex2(ctx, NULL, NULL);
                (void)EVP_DigestUpdate(ctx, r->data[i].data, r->data[i].n);
                (void)EVP_DigestFinal_ex(ctx, value + 32, NULL);
                (void)EVP_DigestInit_ex2(ctx, NULL, NULL);
                (void)EVP_DigestUpdate(ctx, value, 64);
                (void)EVP_DigestFinal_ex(ctx, value, NULL);
        }
        (void)clock_gettime(CLOCK_MONOTONIC, &b);
        EVP_MD_CTX_free(ctx);
        EVP_MD_free(md);
        return (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
}

int main(int argc, char **argv) {
        _cleanup_fclose_ FILE *f = argc == 2 ? fopen(argv[1], "re") : NULL;
        uint8_t value[64] = {};
        char text[HEX_SIZE(32)];
        Records r = {};
        struct stat st;
        uint8_t *list;
        double seconds;

        if (!f || fstat(fileno(f), &st) < 0 || !(list = malloc((size_t)st.st_size)) ||
            fread(list, (size_t)st.st_size, 1, f) != 1 ||
            records_find(bytes_of(list, (size_t)st.st_size), &r) != 0) {
                (void)fprintf(stderr, "usage: hash-bound LIST (binary, SHA-1 width)\n");
                return 2;
        }
        seconds = hash_all(&r, value);
        hex_encode(bytes_of(value, 32), text, sizeof(text));
        (void)printf("%.6f %zu %s\n", seconds, r.n, text);
        free(r.data);
        free(list);
        return 0;
}
