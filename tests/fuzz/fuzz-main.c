/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz-main.c -- runs a fuzz target over files, for builds without libFuzzer.
 *
 *   corpus-TARGET [--prefix=BYTE] FILE-OR-DIRECTORY...
 *
 * With --prefix= the target sees that byte (a decimal number) in front of each file. It is an error
 * if there was nothing to run.
 */
#include "fuzz.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/util.h"

static size_t n_inputs;
static int arg_prefix = -1;

static int run_file(const char *path, size_t size) {
        _cleanup_fclose_ FILE *f = fopen(path, "re");
        size_t n_prefix = arg_prefix >= 0 ? 1 : 0, n = n_prefix + size;
        /* Exactly as many bytes as there are: ASan sees the one behind. */
        _cleanup_free_ uint8_t *data = malloc(n > 0 ? n : 1);

        if (!f || !data || fread(data + n_prefix, 1, size, f) != size) {
                (void)fprintf(stderr, "%s: cannot be read\n", path);
                return -1;
        }
        if (n_prefix > 0)
                data[0] = (uint8_t)arg_prefix;
        /* If it ends the process this is the last that was heard of it. */
        (void)fprintf(stderr, "%s\n", path);
        (void)LLVMFuzzerTestOneInput(data, n);
        ++n_inputs;
        return 0;
}

static int run_path(const char *path);

static int run_directory(const char *path) {
        struct dirent **entries = NULL;
        int n = scandir(path, &entries, NULL, alphasort), r = n < 0 ? -1 : 0;

        for (int i = 0; i < n; ++i) {
                char child[4096];

                if (entries[i]->d_name[0] != '.') {
                        (void)snprintf(child, sizeof(child), "%s/%s", path, entries[i]->d_name);
                        r |= run_path(child);
                }
                free(entries[i]);
        }
        free(entries);
        return r;
}

static int run_path(const char *path) {
        struct stat st;

        if (stat(path, &st) < 0) {
                (void)fprintf(stderr, "%s: is not there\n", path);
                return -1;
        }
        return S_ISDIR(st.st_mode) ? run_directory(path) : run_file(path, (size_t)st.st_size);
}

int main(int argc, char **argv) {
        int r = 0;

        for (int i = 1; i < argc; ++i) {
                if (sscanf(argv[i], "--prefix=%d", &arg_prefix) == 1)
                        continue;
                r |= run_path(argv[i]);
        }
        (void)printf("%zu inputs\n", n_inputs);
        if (n_inputs == 0)
                (void)fprintf(stderr, "nothing was run\n");
        return r == 0 && n_inputs > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
