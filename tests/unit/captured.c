/* SPDX-License-Identifier: BSD-2-Clause */
#include "captured.h"

#include <glob.h>
#include <limits.h>
#include <string.h>

#include "fixture.h"

enum {
        S1 = BANK(DIGEST_SHA1),
        S256 = BANK(DIGEST_SHA256),
        S384 = BANK(DIGEST_SHA384),
        S512 = BANK(DIGEST_SHA512),
};

#define UNTOLD CAPTURED_UNTOLD

/* From the NAME.json: mode, records, violations, list_files, the banks of tpm_pcrs. */
/* clang-format off */
const Captured captured[] = {
        { "arm64-ffa-bug-6.12", MODE_BYPASS, 16, 0, UNTOLD, 0, false },
        { "arm64-ffa-deadend-7.3", MODE_BYPASS, 19, 0, UNTOLD, 0, false },
        { "arm64-ffa-kernel-owned-6.12", MODE_KERNEL, 16, 0, UNTOLD, S1 | S256 | S384 | S512, false },
        { "arm64-ffa-late-6.12", MODE_BYPASS, 29, 2, UNTOLD, S1 | S256 | S384 | S512, false },
        { "arm64-ffa-late-nopkvm-7.3", MODE_BYPASS, 22, 0, UNTOLD, S1 | S256 | S384 | S512, false },
        { "arm64-ffa-late-rich-7.3", MODE_BYPASS, 50, 2, UNTOLD, S1 | S256 | S384, false },
        { "arm64-ffa-late-stock-7.3", MODE_BYPASS, 22, 0, UNTOLD, S1 | S256 | S384 | S512, false },
        { "arm64-ffa-late-sync-7.3", MODE_KERNEL, 16, 0, UNTOLD, S1 | S256 | S384 | S512, false },
        { "arm64-ffa-mainline-bypass-7.3", MODE_BYPASS, 16, 0, UNTOLD, S1 | S256 | S384 | S512, false },
        { "arm64-ffa-mainline-late-7.3", MODE_BYPASS, 19, 0, UNTOLD, S1 | S256 | S384 | S512, false },
        { "arm64-ffa-no-ffa-7.3", MODE_BYPASS, 19, 0, UNTOLD, 0, false },
        { "arm64-ffa-no-partition-7.3", MODE_BYPASS, 19, 0, UNTOLD, 0, false },
        { "arm64-ffa-v10-7.3", MODE_BYPASS, 22, 0, UNTOLD, S1 | S256 | S384 | S512, false },
        { "arm64-kvm-default-7.3", MODE_BYPASS, 14, 0, UNTOLD, 0, false },
        { "arm64-kvm-none-7.3", MODE_BYPASS, 14, 0, UNTOLD, 0, false },
        { "arm64-kvm-nvhe-7.3", MODE_BYPASS, 14, 0, UNTOLD, 0, false },
        { "arm64-pkvm-stock-6.1", MODE_BYPASS, 12, 0, UNTOLD, 0, false },
        { "arm64-pkvm-stock-6.12", MODE_BYPASS, 12, 0, UNTOLD, 0, false },
        { "arm64-pkvm-stock-7.3", MODE_BYPASS, 14, 0, UNTOLD, 0, false },
        { "k6.1-bypass-fmt-all", MODE_BYPASS, 20, 2, 0, S1 | S256 | S384 | S512, false },
        { "k6.1-bypass-tcb", MODE_BYPASS, 21, 0, 0, S1 | S256 | S384 | S512, false },
        { "k6.1-tpm-ima-sha1", MODE_KERNEL, 20, 2, 0, S1 | S256 | S384 | S512, false },
        { "k6.1-tpm-names", MODE_KERNEL, 44, 0, 0, S1 | S256 | S384 | S512, false },
        { "k6.1-tpm-pcrs", MODE_KERNEL, 42, 8, 0, S1 | S256 | S384 | S512, false },
        { "k6.1-tpm-tcb", MODE_KERNEL, 21, 0, 0, S1 | S256 | S384 | S512, false },
        { "k6.1-tpm-templates", MODE_KERNEL, 80, 0, 0, S1 | S256 | S384 | S512, false },
        { "k6.12-bypass-2000", MODE_BYPASS, 1992, 0, S1, S1 | S256 | S384 | S512, false },
        { "k6.12-bypass-tcb", MODE_BYPASS, 21, 0, S1, S1 | S256 | S384 | S512, false },
        { "k6.12-bypass-tpm-taken", MODE_BYPASS, 21, 0, S1, S1 | S256 | S384 | S512, false },
        { "k6.12-late-race-before", MODE_BYPASS, 64, 0, S1, S1 | S256 | S384 | S512, false },
        { "k6.12-late-race-race-a", MODE_BYPASS, 167, 0, S1, S1 | S256 | S384 | S512, false },
        { "k6.12-late-race-race-b", MODE_BYPASS, 301, 0, S1, S1 | S256 | S384 | S512, false },
        { "k6.12-late-race-race-c", MODE_BYPASS, 404, 0, S1, S1 | S256 | S384 | S512, false },
        { "k6.12-late-race", MODE_BYPASS, 404, 0, S1, S1 | S256 | S384 | S512, false },
        { "k6.12-tpm-fmt-buf", MODE_KERNEL, 20, 2, S1 | S256 | S384 | S512, S1 | S256 | S384 | S512, false },
        { "k6.12-tpm-pcrs", MODE_KERNEL, 42, 8, S1 | S256 | S384 | S512, S1 | S256 | S384 | S512, false },
        { "k6.12-tpm-sha1sha512", MODE_KERNEL, 21, 0, S1 | S512, S1 | S512, false },
        { "k6.12-tpm-sha512", MODE_KERNEL, 20, 2, S1 | S256 | S384 | S512, S1 | S256 | S384 | S512, false },
        { "k6.12-tpm-tcb", MODE_KERNEL, 21, 0, S1 | S256 | S384 | S512, S1 | S256 | S384 | S512, false },
        { "k6.12-tpm-templates", MODE_KERNEL, 80, 0, S1 | S256 | S384 | S512, S1 | S256 | S384 | S512, false },
        { "k7.3-bypass-evmsig", MODE_BYPASS, 20, 2, S1, S1 | S256 | S384 | S512, false },
        { "k7.3-bypass-ima-md5", MODE_BYPASS, 20, 2, S1, S1 | S256 | S384 | S512, false },
        { "k7.3-bypass-names-old", MODE_BYPASS, 44, 0, S1, S1 | S256 | S384 | S512, false },
        { "k7.3-bypass-names", MODE_BYPASS, 44, 0, S1, S1 | S256 | S384 | S512, false },
        { "k7.3-bypass-tcb", MODE_BYPASS, 28, 0, S1, S1 | S256 | S384 | S512, false },
        { "k7.3-bypass-templates", MODE_BYPASS, 77, 0, S1, S1 | S256 | S384 | S512, false },
        { "k7.3-late-race-before", MODE_BYPASS, 174, 0, S1, S1 | S256 | S384 | S512, false },
        { "k7.3-late-race-race-a", MODE_BYPASS, 238, 0, S1, S1 | S256 | S384 | S512, false },
        { "k7.3-late-race-race-b", MODE_BYPASS, 299, 0, S1, S1 | S256 | S384 | S512, false },
        { "k7.3-late-race-race-c", MODE_BYPASS, 361, 0, S1, S1 | S256 | S384 | S512, false },
        { "k7.3-late-race", MODE_BYPASS, 655, 0, S1, S1 | S256 | S384 | S512, false },
        { "k7.3-tpm-fmt-owner", MODE_KERNEL, 20, 2, S1 | S256 | S384 | S512, S1 | S256 | S384 | S512, false },
        { "k7.3-tpm-ima-sha1", MODE_KERNEL, 20, 2, S1 | S256 | S384 | S512, S1 | S256 | S384 | S512, false },
        { "k7.3-tpm-pcrs", MODE_KERNEL, 42, 8, S1 | S256 | S384 | S512, S1 | S256 | S384 | S512, false },
        { "k7.3-tpm-sha256only", MODE_KERNEL, 28, 0, S1 | S256, S256, false },
        { "k7.3-tpm-sha384only", MODE_KERNEL, 28, 0, S1 | S384, S384, false },
        { "k7.3-tpm-tcb", MODE_KERNEL, 28, 0, S1 | S256 | S384 | S512, S1 | S256 | S384 | S512, false },
        { "k7.3-tpm-templates", MODE_KERNEL, 81, 0, S1 | S256 | S384 | S512, S1 | S256 | S384 | S512, false },
        { "k7.3-tpm-trim-before-trim", MODE_KERNEL, 32, 0, S1 | S256 | S384 | S512, S1 | S256 | S384 | S512, false },
        { "k7.3-tpm-trim-whole", MODE_KERNEL, 28, 0, S1 | S256 | S384 | S512, S1 | S256 | S384 | S512, false },
        { "k7.3-tpm-trim", MODE_KERNEL, 27, 0, S1 | S256 | S384 | S512, S1 | S256 | S384 | S512, false },
        { "own-bypass-late-sync", MODE_BYPASS, 23, 0, S1, S1 | S256 | S384 | S512, true },
        { "own-mixed-bypass-then-tpm-first", MODE_BYPASS, 23, 0, S1, S1 | S256 | S384 | S512, true },
        { "own-mixed-bypass-then-tpm", MODE_MIXED, 56, 0, S1 | S256 | S384 | S512, S1 | S256 | S384 | S512, true },
        { "own-mixed-tpm-then-bypass-first", MODE_KERNEL, 23, 0, S1 | S256 | S384 | S512, S1 | S256 | S384 | S512, true },
        { "own-mixed-tpm-then-bypass", MODE_MIXED, 64, 0, S1, S1 | S256 | S384 | S512, true },
        { "own-tpm-kexec-first", MODE_KERNEL, 23, 0, S1 | S256 | S384 | S512, S1 | S256 | S384 | S512, true },
        { "own-tpm-kexec", MODE_KERNEL, 64, 0, S1 | S256 | S384 | S512, S1 | S256 | S384 | S512, true },
        { "own-tpm-late-sync", MODE_KERNEL, 23, 0, S1 | S256 | S384 | S512, S1 | S256 | S384 | S512, true },
        { "own-tpm-modsig", MODE_KERNEL, 23, 0, S1 | S256 | S384 | S512, S1 | S256 | S384 | S512, true },
        { "own-tpm-staging-before-trim", MODE_KERNEL, 9, 0, S1 | S256 | S384 | S512, S1 | S256 | S384 | S512, true },
        { "own-tpm-staging-current-while-staged", MODE_KERNEL, 5, 0, S1 | S256 | S384 | S512, S1 | S256 | S384 | S512, true },
        { "own-tpm-staging-staged", MODE_KERNEL, 23, 0, S1 | S256 | S384 | S512, S1 | S256 | S384 | S512, true },
        { "own-tpm-staging-whole", MODE_KERNEL, 23, 0, S1 | S256 | S384 | S512, S1 | S256 | S384 | S512, true },
        { "own-tpm-staging", MODE_KERNEL, 6, 0, S1 | S256 | S384 | S512, S1 | S256 | S384 | S512, true },
};
/* clang-format on */

const size_t n_captured = ELEMENTSOF(captured);

/**
 * captured_find() - manifest of a list
 * @name: its name, without ".bin" and algorithm
 *
 * Return: the manifest or NULL.
 */
const Captured *captured_find(Bytes name) {
        for (size_t i = 0; i < n_captured; ++i)
                if (bytes_equal_text(name, captured[i].name))
                        return &captured[i];
        return NULL;
}

/**
 * captured_dir() - where the test data is
 *
 * Return: the directory; TEST_DATA_DIR of the environment wins over the one compiled in.
 */
const char *captured_dir(void) {
        const char *dir = getenv("TEST_DATA_DIR");

        return dir ? dir : TEST_DATA_DIR;
}

/* "k6.1-tpm-tcb.sha256.bin" has a name with a dot, an algorithm, and an ending. */
static void captured_name(const char *file, Bytes *ret_name, DigestAlg *ret_alg) {
        size_t n = strlen(file) - strlen(".bin"), n_alg = 0;

        *ret_alg = DIGEST_SHA1;
        while (n_alg < n && file[n - n_alg - 1] != '.')
                ++n_alg;
        if (n_alg < n && digest_by_name(bytes_of(file + n - n_alg, n_alg), ret_alg))
                n -= n_alg + 1;
        *ret_name = bytes_of(file, n);
}

/**
 * captured_each() - show every list to a function
 * @func:    the function; the data is freed when it returns
 * @context: handed through
 *
 * Return: how many there are.
 */
size_t captured_each(CapturedFunc *func, void *context) {
        char pattern[PATH_MAX];
        glob_t paths = {};
        size_t n;

        (void)snprintf(pattern, sizeof(pattern), "%s/lists/*.bin", captured_dir());
        CHECK(glob(pattern, 0, NULL, &paths) == 0, "%s: no lists\n", pattern);
        n = paths.gl_pathc;
        for (size_t i = 0; i < n; ++i) {
                CapturedList list = { .file = strrchr(paths.gl_pathv[i], '/') + 1 };
                Bytes name;

                captured_name(list.file, &name, &list.alg);
                list.manifest = captured_find(name);
                list.data = heap_file(paths.gl_pathv[i]);
                func(&list, context);
                heap_free(list.data);
        }
        globfree(&paths);
        return n;
}

/**
 * captured_load() - read one list
 * @file: name of the file, without directory
 *
 * Return: its content, to be freed with heap_free().
 */
Bytes captured_load(const char *file) {
        char path[PATH_MAX];

        (void)snprintf(path, sizeof(path), "%s/lists/%s", captured_dir(), file);
        return heap_file(path);
}
