/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz-spool.c -- any bytes as the spool that a daemon before us has left; then four records pass.
 *
 * The input: a byte, the call that fails (fail.h); a byte, the limit (0: plenty, else so many times
 * 16 bytes); two bytes, the length of `list` (little-endian), its bytes; the rest is `index`.
 *
 * What is announced must be the bytes that passed (rule I9), however the files looked.
 */
#include "fail.h"
#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"
#include "core/mlist.h"
#include "os/spool.h"

/* Not assert(): these stay in a build without. */
#define HOLDS(what)                                                                                \
        do {                                                                                       \
                if (!(what))                                                                       \
                        abort();                                                                   \
        } while (0)

#define RECORDS    4U
#define PLENTY     (UINT64_C(1) << 20)
#define RECORD_MAX 128U
#define LIST_PATH  RUN_DIR "/list"
#define INDEX_PATH RUN_DIR "/index"

static struct {
        char top[64];
        Root root;
        uint8_t data[RECORDS][RECORD_MAX];
        Bytes record[RECORDS];
} world = { .top = "/dev/shm/fuzz-spool-XXXXXX" };

static void clean(void) {
        (void)unlinkat(world.root.fd, LIST_PATH, 0);
        (void)unlinkat(world.root.fd, INDEX_PATH, 0);
        (void)unlinkat(world.root.fd, RUN_DIR, AT_REMOVEDIR);
        (void)unlinkat(world.root.fd, "run", AT_REMOVEDIR);
        root_deinit(&world.root);
        (void)rmdir(world.top);
}

/* As make-seeds-spool.py makes them: 'ima-buf' of one field, the third a violation. */
static void make_records(void) {
        for (size_t i = 0; i < RECORDS; ++i) {
                Builder b = builder_on(world.data[i], RECORD_MAX);
                uint8_t digest[20], field[8];

                memset(digest, i == 2 ? 0 : 0x11, sizeof(digest));
                memset(field, (int)('a' + i), sizeof(field));
                builder_put_u32(&b, ORDER_LITTLE, 10);
                builder_put(&b, bytes_of(digest, sizeof(digest)));
                builder_put_u32(&b, ORDER_LITTLE, 3);
                builder_put(&b, bytes_of("n-x", 3));
                builder_put_u32(&b, ORDER_LITTLE, (uint32_t)(4 + i));
                builder_put(&b, bytes_of(field, 4 + i));
                HOLDS(!b.full);
                world.record[i] = builder_bytes(&b);
        }
}

static void begin(void) {
        if (world.root.fd > 0)
                return;
        /* In memory where that can be had: it writes a lot. */
        if (!mkdtemp(world.top)) {
                (void)snprintf(world.top, sizeof(world.top), "/tmp/fuzz-spool-XXXXXX");
                HOLDS(mkdtemp(world.top));
        }
        HOLDS(root_init(&world.root, world.top) == 0);
        HOLDS(mkdirat(world.root.fd, "run", 0700) == 0);
        HOLDS(mkdirat(world.root.fd, RUN_DIR, 0700) == 0);
        make_records();
        HOLDS(atexit(clean) == 0);
}

static void put_file(const char *path, Bytes b) {
        _cleanup_close_ int fd =
                openat(world.root.fd, path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

        HOLDS(fd >= 0 && write_at(fd, 0, b) == 0);
}

/* What stands in the files is what is announced, and only bytes that passed are. */
static void check_announced(Spool *s, uint64_t n_passed, uint64_t n_left) {
        SpoolFacts facts = spool_facts(s);
        _cleanup_close_ int list_fd = -1, index_fd = -1;
        uint64_t offset = 0;

        HOLDS(facts.n_records <= n_passed && facts.trouble < _SPOOL_TROUBLE_N);
        HOLDS(facts.trouble != SPOOL_FINE || facts.n_records == n_passed);
        HOLDS(facts.size == facts.n_bytes + facts.n_records * SPOOL_ROW_SIZE);
        /* What a daemon with a larger limit has left stays until it does not fit the list. */
        HOLDS(facts.size <= MAX_OF(facts.limit, n_left));
        if (facts.n_records == 0 || spool_share(s, &list_fd, &index_fd) != 0)
                return;
        for (uint64_t i = 0; i < facts.n_records; ++i) {
                uint8_t got[RECORD_MAX], row[SPOOL_ROW_SIZE];
                uint64_t begins = 0;
                Bytes in = bytes_of(row, sizeof(row));
                size_t n;

                HOLDS(read_at(index_fd, i * SPOOL_ROW_SIZE, row, sizeof(row), &n) == 0);
                HOLDS(n == sizeof(row) && bytes_take_u64(&in, ORDER_LITTLE, &begins));
                HOLDS(begins == offset);
                HOLDS(read_at(list_fd, offset, got, world.record[i].n, &n) == 0);
                HOLDS(bytes_equal(bytes_of(got, n), world.record[i]));
                offset += n;
        }
        HOLDS(offset == facts.n_bytes);
}

/* What was left: rows ascend and stay inside, and nothing behind the end can be had. */
static void check_held(Spool *s, uint64_t n_list, uint64_t n_index) {
        SpoolHeld held = spool_held(s);
        uint64_t last = 0;
        uint8_t one;
        SpoolRow row;

        HOLDS(held.n_records == spool_n_inherited(s));
        HOLDS(held.n_bytes <= n_list && held.n_records <= n_index / SPOOL_ROW_SIZE);
        for (uint64_t i = 0; i < held.n_records; ++i) {
                HOLDS(spool_row(s, i, &row) == 0);
                HOLDS(i == 0 ? row.offset == 0 : row.offset > last);
                HOLDS(row.offset < held.n_bytes);
                last = row.offset;
        }
        HOLDS(spool_row(s, held.n_records, &row) == SPOOL_E_GONE);
        HOLDS(spool_read(s, held.n_bytes, &one, 1) == SPOOL_E_GONE);
        HOLDS(held.n_bytes == 0 || spool_read(s, held.n_bytes - 1, &one, 1) == 0);
}

/* Where does the kernel's list begin? Whatever is found is inside. */
static void look_for_mark(Spool *s) {
        SpoolHeld held = spool_held(s);
        SpoolCursor cursor = { .spool = s };
        SpoolMark mark;
        int r;

        for (size_t i = 0; i < RECORDS && spool_goes_on(&cursor, world.record[i]); ++i)
                HOLDS(cursor.offset <= held.n_bytes);
        r = spool_find_mark(s, &mark);
        HOLDS(r <= 0 || r == SPOOL_E_GONE);
        if (r == 0)
                HOLDS(mark.i < held.n_records && mark.n <= held.n_bytes &&
                      mark.offset <= held.n_bytes - mark.n);
        HOLDS(r >= 0 || fail_pause() == 0);
}

/* Return: 0, or what only a failure brings. */
static int pass(uint64_t limit, uint64_t n_list, uint64_t n_index) {
        _cleanup_(spool_freep) Spool *s = NULL;
        unsigned left;
        int r;

        r = spool_open(&world.root, limit, &s);
        if (r != 0)
                return r;
        left = fail_pause();
        check_held(s, n_list, n_index);
        fail_in(left);
        look_for_mark(s);
        for (uint64_t i = 0; i < RECORDS; ++i) {
                r = spool_pass(s, i, world.record[i], 1000 + i);
                if (r != 0)
                        return r;
                spool_extended(s, i, 2000 + i);
                left = fail_pause();
                check_announced(s, i + 1, n_list + n_index);
                fail_in(left);
        }
        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        Bytes in = bytes_of(data, n), list;
        uint8_t fail = 0, limit = 0;
        uint16_t n_list = 0;
        int next_fd, r;

        begin();
        next_fd = dup(world.root.fd);
        HOLDS(next_fd >= 0 && close(next_fd) == 0);
        (void)bytes_take_u8(&in, &fail);
        (void)bytes_take_u8(&in, &limit);
        (void)bytes_take_u16(&in, ORDER_LITTLE, &n_list);
        (void)bytes_take(&in, MIN_OF(n_list, in.n), &list);
        put_file(LIST_PATH, list);
        put_file(INDEX_PATH, in);
        fail_in(fail);
        r = pass(limit > 0 ? limit * UINT64_C(16) : PLENTY, list.n, in.n);
        HOLDS(r == 0 || (fail > 0 && fail_pause() == 0 && (r == -ENOMEM || r == -EIO)));
        fail_in(0);
        /* Nothing has stayed open: the lowest free number is what it was. */
        HOLDS(dup(world.root.fd) == next_fd && close(next_fd) == 0);
        return 0;
}
