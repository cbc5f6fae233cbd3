/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * source-ground.h -- a machine with IMA, to be laid out by words.
 *
 * A list is a word, a letter a record: B is a zero boot_aggregate, C one with a value, v a
 * violation, any other letter a file of that name. The kernel's list is a file below a root; to
 * trim it is to put another file in its place, so that who has it open does not see it.
 */
#pragma once

#include "ground.h"
#include "os/source.h"

#define IMA_DIR    "sys/kernel/security/ima"
#define LIST       IMA_DIR "/binary_runtime_measurements"
#define COUNT      IMA_DIR "/runtime_measurements_count"
#define RUN_DIR    "run/ima-replay"
#define WORD_MAX   400U
#define LETTER_MAX 160U

static const MlistForm form = { ORDER_LITTLE, DIGEST_SHA1 };

/* Borrowed until the next call. */
static inline Bytes letter(char c) {
        static const uint8_t zeros[32], ones[32] = { 1 };
        static uint8_t raw[LETTER_MAX];
        uint8_t raw_data[LETTER_MAX];
        Builder b = builder_on(raw, sizeof(raw)), data = builder_on(raw_data, sizeof(raw_data));
        const char name[] = { '/', c, '\0' };

        if (c == 'v') {
                put_violation(&b, &form, 10, "ima-ng", BYTES_TEXT("violation"));
        } else if (c == 'B' || c == 'C') {
                put_d_ng(&data, form.order, "sha256", bytes_of(c == 'B' ? zeros : ones, 32));
                put_n_ng(&data, form.order, "boot_aggregate");
                put_record(&b, &form, 10, "ima-ng", builder_bytes(&data));
        } else {
                put_sample(&b, &form, 10, name);
        }
        assert_false(b.full || data.full);
        return builder_bytes(&b);
}

/* Borrowed until the next call. */
static inline Bytes word_bytes(const char *word) {
        static uint8_t raw[WORD_MAX * LETTER_MAX];
        Builder b = builder_on(raw, sizeof(raw));

        while (*word)
                builder_put(&b, letter(*word++));
        assert_false(b.full);
        return builder_bytes(&b);
}

/* Another file in its place: who reads the old one goes on in it. */
static inline void put_list(const char *word) {
        Bytes b = word_bytes(word);

        put_file(LIST ".new", b.data, b.n);
        assert_int_equal(renameat(root.fd, LIST ".new", root.fd, LIST), 0);
}

static inline void grow_list(Bytes b) {
        _cleanup_close_ int fd = openat(root.fd, LIST, O_WRONLY | O_APPEND | O_CLOEXEC);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, b.data, b.n), b.n);
}

static inline void put_count(const char *text) {
        put_file(COUNT, text, strlen(text));
}

static inline void put_number(size_t n) {
        char text[32];

        (void)snprintf(text, sizeof(text), "%zu\n", n);
        put_count(text);
}

/* A machine whose list and spool are these; NULL: it has none. */
static inline void lay_out(const char *list, const char *spooled) {
        _cleanup_(spool_freep) Spool *s = NULL;

        (void)unlinkat(root.fd, RUN_DIR "/list", 0);
        (void)unlinkat(root.fd, RUN_DIR "/index", 0);
        assert_int_equal(spool_open(&root, SPOOL_MAX_DEFAULT, &s), 0);
        for (size_t i = 0; spooled && spooled[i]; ++i)
                assert_int_equal(spool_pass(s, i, letter(spooled[i]), 1), 0);
        assert_int_equal(spool_facts(s).n_records, spooled ? strlen(spooled) : 0);
        put_number(list ? strlen(list) : 0);
        (void)unlinkat(root.fd, LIST, 0);
        if (list)
                put_list(list);
}

static inline int setup(void **state) {
        static const char *const dirs[] = { "sys", "sys/kernel", "sys/kernel/security", IMA_DIR };

        (void)state;
        if (ground_open() < 0)
                return -1;
        for (size_t i = 0; i < ELEMENTSOF(dirs); ++i) {
                if (mkdirat(root.fd, dirs[i], 0755) < 0)
                        return -1;
        }
        return 0;
}

static inline int teardown(void **state) {
        (void)state;
        return ground_close();
}

/* A source with its lock, as the extender holds it: one at a time. */
static int ground_lock = -1;

static inline Source *locked_free(Source *s) {
        closep(&ground_lock);
        ground_lock = -1;
        return source_free(s);
}
DEFINE_CLEANUP(Source, locked_free);

static inline int locked_open(const Root *r, const SourceOptions *options, Source **ret_source) {
        SourceOptions with_lock = *options;
        int k;

        closep(&ground_lock);
        ground_lock = -1;
        k = source_lock(r, options->error, &ground_lock);
        with_lock.lock_fd = ground_lock;
        if (k == 0)
                k = source_open(r, &with_lock, ret_source);
        if (k != 0)
                (void)locked_free(NULL);
        return k;
}

static inline void open_spool(Spool **ret_spool) {
        assert_int_equal(spool_open(&root, SPOOL_MAX_DEFAULT, ret_spool), 0);
}

static inline void open_source(bool hold, Spool *spool, Source **ret_source) {
        assert_int_equal(
                locked_open(&root, &(SourceOptions){ .hold = hold, .spool = spool }, ret_source),
                0);
        assert_int_equal(source_n_given(*ret_source), 0);
}

static inline int next(Source *s) {
        MlistRecord record, poison;
        int r;

        memset(&record, POISON, sizeof(record));
        poison = record;
        r = source_next(s, &record);
        if (r != 0)
                assert_memory_equal(&record, &poison, sizeof(record));
        return r;
}

/* Exactly these records come, with their numbers; a spool takes them. */
static inline void check_gives(Source *s, Spool *spool, const char *word) {
        MlistRecord record;

        for (; *word; ++word) {
                uint64_t i = source_n_given(s);
                int r = source_next(s, &record);

                CHECK(r == 0, "record %llu, %c: %d\n", (unsigned long long)i, *word, r);
                CHECK(bytes_equal(record.whole, letter(*word)), "record %llu is not %c\n",
                      (unsigned long long)i, *word);
                assert_int_equal(source_n_given(s), i + 1);
                assert_non_null(listfile_hasher(source_list(s)));
                if (spool)
                        assert_int_equal(spool_pass(spool, i, record.whole, 2), 0);
        }
}
