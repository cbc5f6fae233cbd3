/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of settings: values, defaults, names, and which of several counts.
 */
#include "anchor-world.h"

#include "daemon/settings.h"
#include "os/spool.h"

#define CONF "etc/ima-replay/ima-replayd.conf"

static void test_defaults(void **state) {
        Settings s;

        (void)state;
        memset(&s, POISON, sizeof(s));
        settings_init(&s);
        assert_int_equal(s.guard, SETTINGS_GUARD_ALWAYS);
        assert_true(s.holds_list);
        assert_false(s.requires_pkvm);
        assert_int_equal(s.measured_boot, PLAN_MEASURED_AUTO);
        assert_int_equal(s.spool_max, SPOOL_MAX_DEFAULT);
        assert_int_equal(s.tpm, SETTINGS_TPM_AUTO);
        assert_string_equal(s.tpm_name, "");
        for (SettingId id = 0; id < _SETTING_N; ++id)
                assert_string_equal(s.from[id].place, "default");
}

/* 255 bytes: the longest value. */
#define NAME_15   "0123456789abcde"
#define NAME_60   NAME_15 NAME_15 NAME_15 NAME_15
#define LONG_NAME NAME_60 NAME_60 NAME_60 NAME_60 NAME_15

#define GUARD "always or start"
#define SIZE  "a size such as 64M, or 0"
#define NAME  "auto, software, or the name of a driver or a device in sysfs"

/* A value and what is in Settings then; or that it is refused. */
static const struct {
        SettingId id;
        const char *value;
        uint64_t want;
        const char *expected;
} value_rows[] = {
        { SETTING_GUARD, "always", SETTINGS_GUARD_ALWAYS, NULL },
        { SETTING_GUARD, "start", SETTINGS_GUARD_START, NULL },
        { SETTING_GUARD, "Always", 0, GUARD },
        { SETTING_GUARD, "", 0, GUARD },
        { SETTING_GUARD, "never", 0, GUARD },
        { SETTING_HOLD_LIST, "yes", true, NULL },
        { SETTING_HOLD_LIST, "until-extended", false, NULL },
        { SETTING_HOLD_LIST, "no", 0, "yes or until-extended" },
        { SETTING_HOLD_LIST, "yes ", 0, "yes or until-extended" },
        { SETTING_REQUIRE_PKVM, "auto", false, NULL },
        { SETTING_REQUIRE_PKVM, "yes", true, NULL },
        { SETTING_REQUIRE_PKVM, "no", 0, "auto or yes" },
        { SETTING_REQUIRE_MEASURED_BOOT, "auto", PLAN_MEASURED_AUTO, NULL },
        { SETTING_REQUIRE_MEASURED_BOOT, "yes", PLAN_MEASURED_YES, NULL },
        { SETTING_REQUIRE_MEASURED_BOOT, "no", PLAN_MEASURED_NO, NULL },
        { SETTING_REQUIRE_MEASURED_BOOT, "maybe", 0, "auto, yes or no" },
        { SETTING_SPOOL_MAX, "0", 0, NULL },
        { SETTING_SPOOL_MAX, "1", 1, NULL },
        { SETTING_SPOOL_MAX, "007", 7, NULL },
        { SETTING_SPOOL_MAX, "2K", 2048, NULL },
        { SETTING_SPOOL_MAX, "3M", UINT64_C(3) << 20, NULL },
        { SETTING_SPOOL_MAX, "4G", UINT64_C(4) << 30, NULL },
        { SETTING_SPOOL_MAX, "1024G", UINT64_C(1) << 40, NULL },
        { SETTING_SPOOL_MAX, "1099511627776", UINT64_C(1) << 40, NULL },
        { SETTING_SPOOL_MAX, "1025G", 0, "a size of at most 1024G" },
        { SETTING_SPOOL_MAX, "1099511627777", 0, "a size of at most 1024G" },
        { SETTING_SPOOL_MAX, "18446744073709551615K", 0, "a size of at most 1024G" },
        { SETTING_SPOOL_MAX, "18014398509481985K", 0, "a size of at most 1024G" }, /* 2^64 + 1K */
        { SETTING_SPOOL_MAX, "18446744073709551616", 0, SIZE },
        { SETTING_SPOOL_MAX, "", 0, SIZE },
        { SETTING_SPOOL_MAX, "-1", 0, SIZE },
        { SETTING_SPOOL_MAX, "+1", 0, SIZE },
        { SETTING_SPOOL_MAX, " 1", 0, SIZE },
        { SETTING_SPOOL_MAX, "K", 0, SIZE },
        { SETTING_SPOOL_MAX, "1KK", 0, SIZE },
        { SETTING_SPOOL_MAX, "1k", 0, SIZE },
        { SETTING_SPOOL_MAX, "0x10", 0, SIZE },
        { SETTING_TPM, "auto", SETTINGS_TPM_AUTO, NULL },
        { SETTING_TPM, "software", SETTINGS_TPM_SOFTWARE, NULL },
        { SETTING_TPM, "tpm_tis_spi", SETTINGS_TPM_NAMED, NULL },
        { SETTING_TPM, "MSFT0101:00", SETTINGS_TPM_NAMED, NULL },
        { SETTING_TPM, "/sys/devices/platform/arm-ffa/arm-ffa-1", SETTINGS_TPM_NAMED, NULL },
        { SETTING_TPM, LONG_NAME, SETTINGS_TPM_NAMED, NULL },
        { SETTING_TPM, "x" LONG_NAME, 0, "a value of at most 255 bytes" },
        { SETTING_TPM, "", 0, NAME },
        { SETTING_TPM, "a b", 0, NAME },
        { SETTING_TPM, "a\\b", 0, NAME },
        { SETTING_TPM, "\xc3\xa4", 0, NAME },
};

static uint64_t setting_get(const Settings *s, SettingId id) {
        const uint64_t values[_SETTING_N] = {
                [SETTING_GUARD] = s->guard,
                [SETTING_HOLD_LIST] = s->holds_list,
                [SETTING_REQUIRE_PKVM] = s->requires_pkvm,
                [SETTING_REQUIRE_MEASURED_BOOT] = s->measured_boot,
                [SETTING_SPOOL_MAX] = s->spool_max,
                [SETTING_TPM] = s->tpm,
        };

        return values[id];
}

static void test_values(void **state) {
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(value_rows); ++i) {
                const char *value = value_rows[i].value, *want = value_rows[i].expected, *expected;
                SettingId id = value_rows[i].id;
                Settings s, before;

                settings_init(&s);
                before = s;
                expected = setting_set(&s, id, value, "here");
                if (want) {
                        CHECK(expected && strcmp(expected, want) == 0, "row %zu (%s): %s\n", i,
                              value, expected ? expected : "taken");
                        assert_memory_equal(&s, &before, sizeof(s));
                        continue;
                }
                CHECK(!expected && setting_get(&s, id) == value_rows[i].want, "row %zu (%s)\n", i,
                      value);
                assert_string_equal(s.from[id].value, value);
                assert_string_equal(s.from[id].place, "here");
                assert_string_equal(s.tpm_name, s.tpm == SETTINGS_TPM_NAMED ? value : "");
        }
}

/* HoldList, --hold-list: one rule, and no name twice. */
static void test_names(void **state) {
        (void)state;
        for (SettingId id = 0; id < _SETTING_N; ++id) {
                const char *key = setting_key(id);
                char option[64];
                size_t n = 0;

                for (size_t i = 0; key[i] != '\0'; ++i) {
                        bool is_capital = key[i] >= 'A' && key[i] <= 'Z';

                        if (is_capital && i > 0 && key[i - 1] >= 'a')
                                option[n++] = '-';
                        option[n++] = (char)(is_capital ? key[i] - 'A' + 'a' : key[i]);
                }
                option[n] = '\0';
                assert_string_equal(setting_option(id), option);
                for (SettingId other = 0; other < id; ++other)
                        assert_string_not_equal(key, setting_key(other));
        }
}

static void put_conf(const World *w, const char *text) {
        (void)mkdirat(w->root.fd, "etc", 0755);
        (void)mkdirat(w->root.fd, "etc/ima-replay", 0755);
        put_file(w, CONF, bytes_of_text(text));
}

static void put_kernel(const World *w, const char *text) {
        (void)mkdirat(w->root.fd, "proc", 0755);
        put_file(w, "proc/cmdline", bytes_of_text(text));
}

/* Files < kernel command line < options; an empty value is the default, whatever was before. */
static void test_which_counts(void **state) {
        static const struct {
                const char *row, *conf, *kernel, *option, *value, *place;
        } rows[] = {
                { "nobody", "", "", NULL, "64M", "default" },
                { "file", "SpoolMax=1M\n", "", NULL, "1M", "/" CONF ":2" },
                { "the last in a file", "SpoolMax=1M\nSpoolMax=2M\n", "", NULL, "2M",
                  "/" CONF ":3" },
                { "empty in a file", "SpoolMax=1M\nSpoolMax=\n", "", NULL, "64M", "/" CONF ":3" },
                { "kernel", "SpoolMax=1M\n", "ima_replay.spoolmax=2M", NULL, "2M",
                  "kernel command line" },
                { "the last of the kernel", "", "ima_replay.spoolmax=2M ima-replay.spoolmax=3M",
                  NULL, "3M", "kernel command line" },
                { "empty for the kernel", "SpoolMax=1M\n", "ima_replay.spoolmax=", NULL, "64M",
                  "kernel command line" },
                { "option", "SpoolMax=1M\n", "ima_replay.spoolmax=2M", "3M", "3M",
                  "option --spool-max" },
                { "unknown ones", "spoolmax=1M\nSpool_Max=1M\nSPOOLMAX=1M\nRepairBanks=yes\n",
                  "ima_replay.SpoolMax=1M ima_replay.spool_max=1M ima_replay.spoolma=1M "
                  "ima_replay.spoolmaxx=1M ima_replay.=1M ima_replay=on",
                  NULL, "64M", "default" },
        };
        World *w = *state;

        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                const char *given[_SETTING_N] = { [SETTING_SPOOL_MAX] = rows[i].option };
                char conf[256];
                Settings s;

                ROW(rows[i].row);
                (void)snprintf(conf, sizeof(conf), "[ima-replayd]\n%s", rows[i].conf);
                put_conf(w, conf);
                put_kernel(w, rows[i].kernel);
                assert_int_equal(settings_load(&w->root, given, &s), 0);
                assert_string_equal(s.from[SETTING_SPOOL_MAX].value, rows[i].value);
                assert_string_equal(s.from[SETTING_SPOOL_MAX].place, rows[i].place);
                for (SettingId id = 0; id < _SETTING_N; ++id)
                        if (id != SETTING_SPOOL_MAX)
                                assert_string_equal(s.from[id].place, "default");
        }
}

/* Never half of it. */
static void test_outcomes(void **state) {
        static const struct {
                const char *row, *conf, *kernel;
                int want;
        } rows[] = {
                { "good", "[ima-replayd]\nGuard=start\n", "", 0 },
                { "bad value", "[ima-replayd]\nGuard=start\nTPM=a b\n", "", SETTINGS_E_BAD },
                { "bad value, a good one behind", "[ima-replayd]\nGuard=x\nGuard=start\n", "",
                  SETTINGS_E_BAD },
                { "malformed", "Guard=start\n", "", SETTINGS_E_BAD },
                { "kernel, bad value", "", "ima_replay.guard=x ima_replay.guard=start",
                  SETTINGS_E_BAD },
                { "kernel, no value", "", "ima_replay.guard", SETTINGS_E_BAD },
                { "neither on nor off", "", "ima_replay=maybe", SETTINGS_E_BAD },
                { "off", "", "ima_replay=no", SETTINGS_E_OFF },
                { "off, otherwise", "", "ima_replay=0", SETTINGS_E_OFF },
                { "off, then on", "", "ima_replay=off ima_replay=1", 0 },
                { "on, then off", "", "ima_replay ima_replay=false", SETTINGS_E_OFF },
                { "off, whatever else is wrong", "\xff", "ima_replay.x ima_replay=no ima_replay=q",
                  SETTINGS_E_OFF },
        };
        static const char *const given[_SETTING_N] = {};
        World *w = *state;

        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                Settings s, before;

                ROW(rows[i].row);
                put_conf(w, rows[i].conf);
                put_kernel(w, rows[i].kernel);
                memset(&s, POISON, sizeof(s));
                before = s;
                assert_int_equal(settings_load(&w->root, given, &s), rows[i].want);
                assert_int_equal(memcmp(&s, &before, sizeof(s)) == 0, rows[i].want != 0);
        }
}

/* What is printed is a file that means the same. */
static void test_printed(void **state) {
        static const char *const given[_SETTING_N] = { "start", "until-extended",
                                                       "yes",   "no",
                                                       "3G",    "/sys/devices/platform/x" };
        static const char *const none[_SETTING_N] = {};
        _cleanup_free_ char *text = NULL;
        World *w = *state;
        Settings s, again;
        size_t n;
        FILE *f;

        assert_int_equal(settings_load(&w->root, given, &s), 0);
        f = open_memstream(&text, &n);
        assert_non_null(f);
        settings_print(&s, f);
        assert_int_equal(fclose(f), 0);
        assert_non_null(strstr(text, "# option --hold-list\nHoldList=until-extended\n"));
        put_conf(w, text);
        assert_int_equal(settings_load(&w->root, none, &again), 0);
        for (SettingId id = 0; id < _SETTING_N; ++id)
                assert_string_equal(again.from[id].value, s.from[id].value);
        assert_int_equal(again.spool_max, s.spool_max);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_new, world_free)

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_defaults), cmocka_unit_test(test_values),
                cmocka_unit_test(test_names),    IN_WORLD(test_which_counts),
                IN_WORLD(test_outcomes),         IN_WORLD(test_printed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
