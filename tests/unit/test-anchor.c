/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-anchor.c -- the anchor as text and as a file: what is not exactly ours is not an anchor, and
 * nothing that stands in its place is followed, waited for or trusted.
 */
#include "anchor-world.h"

#include <errno.h>
#include <signal.h>

#include "os/anchor-file.h"

#define ID    "0123456789abcdef0123456789abcdef"
#define OTHER "1123456789abcdef0123456789abcdef"
#define LINES(id, pcr, held, banks, reset, restart)                                                \
        "ima-replay anchor 1\nboot-id " id "\npcr " pcr "\nheld " held "\nbanks " banks            \
        "\nreset-count " reset "\nrestart-count " restart "\nend\n"

static const Anchor usual = {
        .boot_id = ID,
        .pcr = 10,
        .n_held = 1234,
        .banks = BANK(DIGEST_SHA1) | BANK(DIGEST_SHA256),
        .reset_count = 7,
        .restart_count = 0,
};
static const char usual_text[] = LINES(ID, "10", "1234", "sha1 sha256", "7", "0");

static void check_same(const Anchor *a, const Anchor *b) {
        assert_string_equal(a->boot_id, b->boot_id);
        assert_int_equal(a->pcr, b->pcr);
        assert_int_equal(a->n_held, b->n_held);
        assert_int_equal(a->banks, b->banks);
        assert_int_equal(a->reset_count, b->reset_count);
        assert_int_equal(a->restart_count, b->restart_count);
}

/* Of an exact-size copy; a refused one must leave the anchor alone. */
static int parse(Bytes text, Anchor *ret_anchor) {
        Bytes copy = heap_copy(text);
        Anchor a, poison;
        int r;

        memset(&a, POISON, sizeof(a));
        poison = a;
        r = anchor_parse(copy, &a);
        if (r == 0)
                *ret_anchor = a;
        else
                assert_memory_equal(&a, &poison, sizeof(a));
        heap_free(copy);
        return r;
}

static void test_round_trip(void **state) {
        static const struct {
                const char *row;
                Anchor anchor;
                const char *text;
        } rows[] = {
                { "usual",
                  { ID, 10, 1234, BANK(DIGEST_SHA1) | BANK(DIGEST_SHA256), 7, 0 },
                  usual_text },
                { "least",
                  { "00000000000000000000000000000000", 0, 0, BANK(DIGEST_SHA1), 0, 0 },
                  LINES("00000000000000000000000000000000", "0", "0", "sha1", "0", "0") },
                { "most",
                  { "ffffffffffffffffffffffffffffffff", TPM_PCR_N - 1, UINT64_MAX, ALL_BANKS,
                    UINT32_MAX, UINT32_MAX },
                  LINES("ffffffffffffffffffffffffffffffff", "23", "18446744073709551615",
                        "sha1 sha256 sha384 sha512 sm3_256 sha3_256 sha3_384 sha3_512",
                        "4294967295", "4294967295") },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                char text[ANCHOR_TEXT_MAX];
                Anchor a;

                ROW(rows[i].row);
                memset(text, POISON, sizeof(text));
                assert_int_equal(anchor_format(&rows[i].anchor, text), strlen(rows[i].text));
                assert_string_equal(text, rows[i].text);
                assert_int_equal(parse(bytes_of_text(rows[i].text), &a), 0);
                check_same(&a, &rows[i].anchor);
        }
}

/* The usual text with one line as another, or as none, or as several. */
static Bytes with_line(unsigned line, const char *as) {
        Bytes in = bytes_of(usual_text, sizeof(usual_text) - 1), old;
        Builder b = scratch();

        for (unsigned i = 0; bytes_take_until(&in, '\n', &old); ++i) {
                builder_put(&b, i == line ? bytes_of_text(as) : old);
                if (i != line)
                        builder_put_u8(&b, '\n');
        }
        return scratch_done(&b);
}

static void test_malformed(void **state) {
        static const struct {
                const char *row;
                unsigned line;
                const char *as;
        } rows[] = {
                { "another version", 0, "ima-replay anchor 2\n" },
                { "more behind the version", 0, "ima-replay anchor 1 \n" },
                { "a line missing", 3, "" },
                { "an empty line", 3, "\n" },
                { "another line first", 1, "pcr 10\nboot-id " ID "\n" },
                { "31 digits", 1, "boot-id 0123456789abcdef0123456789abcde\n" },
                { "33 digits", 1, "boot-id " ID "0\n" },
                { "128 digits", 1, "boot-id " ID ID ID ID "\n" },
                { "a capital digit", 1, "boot-id A123456789abcdef0123456789abcdef\n" },
                { "no digit", 1, "boot-id g123456789abcdef0123456789abcdef\n" },
                { "PCR 24", 2, "pcr 24\n" },
                { "2^32 + 10 is not PCR 10", 2, "pcr 4294967306\n" },
                { "a line twice", 2, "pcr 10\npcr 10\n" },
                { "a leading zero", 3, "held 01\n" },
                { "no number", 3, "held \n" },
                { "a sign", 3, "held +1\n" },
                { "a negative number", 3, "held -1\n" },
                { "hex", 3, "held 0x1\n" },
                { "a space in front", 3, "held  1\n" },
                { "a space behind", 3, "held 1 \n" },
                { "a carriage return", 3, "held 1\r\n" },
                { "2^64", 3, "held 18446744073709551616\n" },
                { "ten times that", 3, "held 184467440737095516160\n" },
                { "no bank", 4, "banks\n" },
                { "an empty bank", 4, "banks \n" },
                { "an unknown bank", 4, "banks sha1 sha224\n" },
                { "a bank twice", 4, "banks sha1 sha1\n" },
                { "banks turned round", 4, "banks sha256 sha1\n" },
                { "two spaces", 4, "banks sha1  sha256\n" },
                { "a space at the end", 4, "banks sha1 \n" },
                { "a tab", 4, "banks sha1\tsha256\n" },
                { "a capital bank", 4, "banks SHA1\n" },
                { "2^32", 5, "reset-count 4294967296\n" },
                { "2^32 + 1", 6, "restart-count 4294967297\n" },
                { "more behind", 7, "end\nx" },
                { "a newline behind", 7, "end\n\n" },
        };
        char nul[sizeof(usual_text)];
        Anchor a;

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                Bytes text = with_line(rows[i].line, rows[i].as);

                ROW(rows[i].row);
                assert_int_equal(parse(text, &a), ANCHOR_E_MALFORMED);
                heap_free(text);
        }
        ROW("the NUL of the string");
        assert_int_equal(parse(bytes_of(usual_text, sizeof(usual_text)), &a), ANCHOR_E_MALFORMED);
        ROW("a NUL among the digits");
        memcpy(nul, usual_text, sizeof(nul));
        nul[30] = '\0';
        assert_int_equal(parse(bytes_of(nul, sizeof(nul) - 1), &a), ANCHOR_E_MALFORMED);
}

static void test_every_prefix(void **state) {
        Anchor a;

        (void)state;
        for (size_t n = 0; n < sizeof(usual_text) - 1; ++n)
                CHECK(parse(bytes_of(usual_text, n), &a) == ANCHOR_E_MALFORMED, "%zu bytes\n", n);
}

/* Each byte as each other byte: malformed, or an anchor that says so. */
static void test_every_byte(void **state) {
        size_t n_valid = 0;

        (void)state;
        for (size_t i = 0; i < sizeof(usual_text) - 1; ++i)
                for (unsigned c = 0; c < 256; ++c) {
                        char text[sizeof(usual_text)], again[ANCHOR_TEXT_MAX];
                        Anchor a;

                        memcpy(text, usual_text, sizeof(text));
                        text[i] = (char)c;
                        if (text[i] == usual_text[i])
                                continue;
                        if (anchor_parse(bytes_of(text, sizeof(text) - 1), &a) != 0)
                                continue;
                        ++n_valid;
                        CHECK(anchor_format(&a, again) == sizeof(text) - 1 &&
                                      strcmp(text, again) == 0,
                              "byte %zu as %u\n", i, c);
                }
        /* Digits: 32 of the boot id, 2 of pcr (20 is one), 4 of held, 1 and 1 of the counts; no
         * first digit is zero. */
        assert_int_equal(n_valid, 32 * 15 + 1 + 9 + 8 + 3 * 9 + 9 + 9);
}

static Anchor unsound;

static void format_unsound(void) {
        char text[ANCHOR_TEXT_MAX];

        (void)anchor_format(&unsound, text);
}

static void test_unsound_is_a_bug(void **state) {
        (void)state;
#ifdef NDEBUG
        skip();
#endif
        unsound = usual;
        assert_false(aborts(format_unsound));
        unsound.pcr = TPM_PCR_N;
        assert_true(aborts(format_unsound));
        unsound = usual;
        unsound.banks = 0;
        assert_true(aborts(format_unsound));
        unsound.banks = BANK(_DIGEST_ALG_N);
        assert_true(aborts(format_unsound));
        unsound = usual;
        memset(unsound.boot_id, 'a', sizeof(unsound.boot_id));
        assert_true(aborts(format_unsound));
}

static int read_anchor(const World *w, const char *boot_id, Anchor *ret_anchor) {
        Anchor a, poison;
        int r;

        memset(&a, POISON, sizeof(a));
        poison = a;
        r = anchor_file_read(&w->root, boot_id, &a);
        if (r != 0)
                assert_memory_equal(&a, &poison, sizeof(a));
        else
                *ret_anchor = a;
        return r;
}

static void check_holds(const World *w, const Anchor *want) {
        Anchor a;

        assert_int_equal(read_anchor(w, want->boot_id, &a), 0);
        check_same(&a, want);
}

static void test_write_and_read(void **state) {
        World *w = *state;
        Anchor more = usual, a;
        mode_t old = umask(0077);

        assert_int_equal(read_anchor(w, ID, &a), ANCHOR_FILE_E_NONE);
        assert_int_equal(anchor_file_write(&w->root, &usual), 0);
        (void)umask(0);
        check_holds(w, &usual);
        assert_int_equal(mode_of(w, PLACE), S_IFDIR | 0755);
        assert_int_equal(mode_of(w, NEW), 0);
        assert_int_equal(read_anchor(w, OTHER, &a), ANCHOR_FILE_E_NONE);
        /* A directory that was there is not ours to change. */
        assert_int_equal(fchmodat(w->root.fd, PLACE, 0700, 0), 0);
        more.n_held = UINT64_MAX;
        assert_int_equal(anchor_file_write(&w->root, &more), 0);
        check_holds(w, &more);
        assert_int_equal(mode_of(w, PLACE), S_IFDIR | 0700);
        assert_int_equal(mode_of(w, FILE_), S_IFREG | 0600);
        (void)umask(old);
        assert_int_equal(unlinkat(w->root.fd, FILE_, 0), 0);
        assert_int_equal(read_anchor(w, ID, &a), ANCHOR_FILE_E_NONE);
}

static void test_no_run(void **state) {
        World *w = *state;
        Anchor a;

        assert_int_equal(unlinkat(w->root.fd, "run", AT_REMOVEDIR), 0);
        assert_int_equal(read_anchor(w, ID, &a), ANCHOR_FILE_E_NONE);
        assert_int_equal(anchor_file_write(&w->root, &usual), 0);
        assert_int_equal(read_anchor(w, ID, &a), 0);
}

static void test_truncated_and_forged(void **state) {
        World *w = *state;
        uint8_t many[8192];
        Anchor a;

        put_place(w);
        for (size_t n = 0; n < sizeof(usual_text) - 1; ++n) {
                put_file(w, FILE_, bytes_of(usual_text, n));
                CHECK(read_anchor(w, ID, &a) == ANCHOR_FILE_E_BAD, "%zu bytes\n", n);
        }
        put_file(w, FILE_, BYTES_TEXT(LINES(ID, "24", "1", "sha1", "1", "1")));
        assert_int_equal(read_anchor(w, ID, &a), ANCHOR_FILE_E_BAD);
        /* Zeros, or newlines, of each length about the limit. */
        for (unsigned c = 0; c <= '\n'; c += '\n') {
                memset(many, (int)c, sizeof(many));
                for (size_t n = ANCHOR_TEXT_MAX - 2; n < ANCHOR_TEXT_MAX + 3; ++n) {
                        put_file(w, FILE_, bytes_of(many, n));
                        assert_int_equal(read_anchor(w, ID, &a), ANCHOR_FILE_E_BAD);
                }
                put_file(w, FILE_, bytes_of(many, sizeof(many)));
                assert_int_equal(read_anchor(w, ID, &a), ANCHOR_FILE_E_BAD);
        }
        memcpy(many, usual_text, sizeof(usual_text) - 1);
        put_file(w, FILE_, bytes_of(many, sizeof(many)));
        assert_int_equal(read_anchor(w, ID, &a), ANCHOR_FILE_E_BAD);
        assert_int_equal(anchor_file_write(&w->root, &usual), 0);
        check_holds(w, &usual);
}

/*
 * Things in place of the anchor, and in place of the temporary file: read as bad, at once; replaced
 * where that can be, and never followed.
 */
static void test_in_its_place(void **state) {
        static const struct {
                const char *row;
                Put *put;
                bool stops;
        } rows[] = {
                { "a link to an anchor", put_link, false },
                { "a link to nothing", put_link_to_nothing, false },
                { "a fifo", put_fifo, false },
                { "a socket", put_socket, false },
                { "a part of one", put_leftover, false },
                { "a directory", put_directory, true },
        };

        (void)state;
        for (size_t i = 0; i < 2 * ELEMENTSOF(rows); ++i) {
                bool is_new = i % 2 != 0, stops = rows[i / 2].stops;
                char text[ANCHOR_TEXT_MAX];
                void *own;
                World *w;
                Anchor a;

                ROW(rows[i / 2].row);
                (void)world_new(&own);
                w = own;
                put_place(w);
                rows[i / 2].put(w, is_new ? NEW : FILE_);
                assert_int_equal(read_anchor(w, ID, &a),
                                 is_new ? ANCHOR_FILE_E_NONE : ANCHOR_FILE_E_BAD);
                assert_int_equal(anchor_file_write(&w->root, &usual) < 0, stops);
                assert_int_equal(S_ISDIR(mode_of(w, NEW)), is_new && stops);
                assert_int_equal(S_ISREG(mode_of(w, FILE_)), !stops);
                if (!stops)
                        check_holds(w, &usual);
                assert_int_equal(mode_of(w, "run/nothing"), 0);
                if (rows[i / 2].put == put_link) {
                        assert_int_equal(root_read(&w->root, "run/victim", text, sizeof(text)), 0);
                        assert_string_equal(text, VICTIM);
                }
                (void)world_free(&own);
        }
}

/* The directory itself is a link or a file. */
static void test_bad_place(void **state) {
        World *w = *state;
        Anchor a;

        assert_int_equal(mkdirat(w->root.fd, "run/elsewhere", 0755), 0);
        put_file(w, "run/elsewhere/anchor", bytes_of(usual_text, sizeof(usual_text) - 1));
        assert_int_equal(symlinkat("elsewhere", w->root.fd, PLACE), 0);
        assert_int_equal(read_anchor(w, ID, &a), ANCHOR_FILE_E_BAD);
        assert_true(anchor_file_write(&w->root, &usual) < 0);
        assert_int_equal(unlinkat(w->root.fd, PLACE, 0), 0);
        put_file(w, PLACE, BYTES_TEXT("x"));
        assert_int_equal(read_anchor(w, ID, &a), ANCHOR_FILE_E_BAD);
        assert_int_equal(anchor_file_write(&w->root, &usual), -ENOTDIR);
}

/* Without root's powers, whoever runs the tests. */
static void test_no_permission(void **state) {
        bool is_root = geteuid() == 0;
        World *w = *state;
        int read, written;
        Anchor a;

        assert_int_equal(anchor_file_write(&w->root, &usual), 0);
        assert_int_equal(fchmodat(w->root.fd, FILE_, 0, 0), 0);
        assert_int_equal(fchmodat(w->root.fd, PLACE, 0555, 0), 0);
        assert_int_equal(chmod(w->path, 0755), 0);
        if (is_root && seteuid(65534) < 0)
                skip();
        read = anchor_file_read(&w->root, ID, &a);
        written = anchor_file_write(&w->root, &usual);
        if (is_root)
                assert_int_equal(seteuid(0), 0);
        assert_int_equal(fchmodat(w->root.fd, PLACE, 0755, 0), 0);
        assert_int_equal(fchmodat(w->root.fd, FILE_, 0600, 0), 0);
        assert_int_equal(read, ANCHOR_FILE_E_BAD);
        assert_int_equal(written, -EACCES);
        check_holds(w, &usual);
}

/* Room for a part only, or for nothing: the old anchor stays, and no part of the new one. */
static void test_no_room(void **state) {
        World *w = *state;
        Anchor more = usual;

        more.n_held = 99;
        assert_int_equal(anchor_file_write(&w->root, &usual), 0);
        assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
        for (rlim_t n = 0; n <= 100; n += 50) {
                int r;

                limit(RLIMIT_FSIZE, n);
                r = anchor_file_write(&w->root, &more);
                limit(RLIMIT_FSIZE, RLIM_INFINITY);
                assert_int_equal(r, -EFBIG);
                assert_int_equal(mode_of(w, NEW), 0);
                check_holds(w, &usual);
        }
        assert_int_equal(anchor_file_write(&w->root, &more), 0);
        check_holds(w, &more);
}

/* No descriptor left is a trouble of our own, not a bad anchor. */
static void test_no_descriptors(void **state) {
        World *w = *state;
        int read, written;
        Anchor a;

        assert_int_equal(anchor_file_write(&w->root, &usual), 0);
        limit(RLIMIT_NOFILE, 0);
        read = anchor_file_read(&w->root, ID, &a);
        written = anchor_file_write(&w->root, &usual);
        limit(RLIMIT_NOFILE, RLIM_INFINITY);
        assert_int_equal(read, -EMFILE);
        assert_int_equal(written, -EMFILE);
        check_holds(w, &usual);
}

static void test_boot_id(void **state) {
        static const struct {
                const char *row, *text, *boot_id;
        } rows[] = {
                { "as the kernel writes it", "01234567-89ab-cdef-0123-456789abcdef\n", ID },
                { "empty", "", NULL },
                { "no newline", "01234567-89ab-cdef-0123-456789abcdef", NULL },
                { "no newline, but something", "01234567-89ab-cdef-0123-456789abcdefx", NULL },
                { "cut", "01234567-89ab-cdef-0123-456789abcde\n", NULL },
                { "longer", "01234567-89ab-cdef-0123-456789abcdef\n\n", NULL },
                { "capitals", "01234567-89AB-CDEF-0123-456789ABCDEF\n", NULL },
                { "too many dashes", "01234567-89ab-cdef-0123--56789abcdef\n", NULL },
                { "too few", "01234567-89ab-cdef-01230456789abcdef\n", NULL },
                { "dashes elsewhere", "-0123456789ab-cdef-0123-456789abcdef\n", NULL },
                { "only dashes", "------------------------------------\n", NULL },
                { "no digits", "g1234567-89ab-cdef-0123-456789abcdef\n", NULL },
        };
        World *w = *state;
        char boot_id[BOOT_ID_SIZE];

        ROW("a root without one");
        assert_int_equal(boot_id_read(&w->root, boot_id), 0);
        assert_string_equal(boot_id, "00000000000000000000000000000000");
        put_boot_id_directory(w);
        assert_int_equal(boot_id_read(&w->root, boot_id), 0);
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                ROW(rows[i].row);
                memset(boot_id, '?', sizeof(boot_id));
                put_file(w, BOOT_ID_DIRECTORY "/boot_id", bytes_of_text(rows[i].text));
                if (rows[i].boot_id) {
                        assert_int_equal(boot_id_read(&w->root, boot_id), 0);
                        assert_string_equal(boot_id, rows[i].boot_id);
                } else {
                        assert_true(boot_id_read(&w->root, boot_id) < 0);
                        assert_int_equal(boot_id[0], '?');
                }
        }
        ROW("a directory");
        assert_int_equal(unlinkat(w->root.fd, BOOT_ID_DIRECTORY "/boot_id", 0), 0);
        put_directory(w, BOOT_ID_DIRECTORY "/boot_id");
        assert_int_equal(boot_id_read(&w->root, boot_id), -EISDIR);
        ROW("without --root it must be there");
        assert_int_equal(unlinkat(w->root.fd, BOOT_ID_DIRECTORY "/boot_id", AT_REMOVEDIR), 0);
        w->root.is_given = false;
        assert_int_equal(boot_id_read(&w->root, boot_id), -ENOENT);
}

static void test_boot_id_of_this_machine(void **state) {
        char boot_id[BOOT_ID_SIZE], zeros[BOOT_ID_SIZE];
        Root root;

        (void)state;
        memset(zeros, '0', sizeof(zeros));
        assert_int_equal(root_init(&root, NULL), 0);
        if (faccessat(root.fd, BOOT_ID_DIRECTORY "/boot_id", R_OK, 0) < 0) {
                root_deinit(&root);
                skip();
        }
        assert_int_equal(boot_id_read(&root, boot_id), 0);
        assert_true(anchor_boot_id_is_sound(boot_id));
        assert_memory_not_equal(boot_id, zeros, BOOT_ID_SIZE - 1);
        root_deinit(&root);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_new, world_free)

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_trip),
                cmocka_unit_test(test_malformed),
                cmocka_unit_test(test_every_prefix),
                cmocka_unit_test(test_every_byte),
                cmocka_unit_test(test_unsound_is_a_bug),
                IN_WORLD(test_write_and_read),
                IN_WORLD(test_no_run),
                IN_WORLD(test_truncated_and_forged),
                cmocka_unit_test(test_in_its_place),
                IN_WORLD(test_bad_place),
                IN_WORLD(test_no_permission),
                IN_WORLD(test_no_room),
                IN_WORLD(test_no_descriptors),
                IN_WORLD(test_boot_id),
                cmocka_unit_test(test_boot_id_of_this_machine),
        };

        return cmocka_run_group_tests_name("anchor", tests, NULL, NULL) != 0;
}
