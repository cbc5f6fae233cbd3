/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify-list.c -- do PCR values follow from a measurement list? With the public library alone:
 *
 *     cc verify-list.c $(pkg-config --cflags --libs imareplay) -o verify-list
 *     ./verify-list LIST PCR:BANK:VALUE...     (10:sha256:8db36250...)
 *
 * Exit status: 0 the PCR holds the whole list, 3 a prefix of it, 4 none of it or something else,
 * 1 nothing could be compared.
 */
#include <errno.h>
#include <fcntl.h>
#include <imareplay.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int expect(ImrVerify *v, const char *arg) {
        uint8_t value[IMR_DIGEST_MAX];
        char bank[16];
        unsigned pcr;
        size_t n = 0;
        int used = 0;

        if (sscanf(arg, "%2u:%15[^:]:%n", &pcr, bank, &used) != 2 || used == 0)
                return -EINVAL;
        for (arg += used; n < sizeof(value) && sscanf(arg, "%2hhx%n", &value[n], &used) == 1; ++n)
                arg += used;
        return *arg ? -EINVAL : imr_verify_expect(v, pcr, bank, value, n);
}

int main(int argc, char **argv) {
        static const char *const names[] = { "nothing", "whole", "prefix", "empty", "misfit" };
        static const int status[] = { 1, 0, 3, 4, 4 };
        ImrVerdict verdict = IMR_VERDICT_NOTHING;
        int fd = open(argc > 1 ? argv[1] : "", O_RDONLY | O_CLOEXEC), i, r;
        const ImrRecord *record;
        uint64_t holds, records;
        ImrVerify *v = NULL;
        ImrList *list = NULL;
        uint32_t pcr;

        r = fd < 0 ? -errno : imr_list_new_from_fd(fd, &list);
        if (r == 0)
                r = imr_verify_new(&v);
        for (i = 2; r == 0 && i < argc; ++i)
                r = expect(v, argv[i]);
        while (r == 0 && (r = imr_list_next(list, &record)) == 1)
                r = imr_verify_record(v, record);
        if (r == 0)
                r = imr_verify_main_pcr(v, &pcr);
        if (r == 0)
                r = imr_verify_result(v, pcr, &verdict, &holds, &records);
        if (r == 0)
                printf("%s %ju/%ju\n", names[verdict], (uintmax_t)holds, (uintmax_t)records);
        else
                fprintf(stderr, "%s\n",
                        list && *imr_list_error(list) ? imr_list_error(list) : strerror(-r));
        imr_verify_free(v);
        imr_list_free(list);
        if (fd >= 0)
                close(fd);
        return status[verdict];
}
