/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/settings.h"

#include <assert.h>
#include <string.h>

#include "base/error.h"
#include "base/escape.h"
#include "base/util.h"
#include "os/config.h"
#include "os/message.h"
#include "os/spool.h"

#define SPOOL_MAX_LIMIT (UINT64_C(1) << 40)
#define PLACE_DEFAULT   "default"
#define HELP_INDENT     24

/* NULL: done; else what was expected, and nothing is changed. */
typedef const char *SettingSetter(Settings *s, const char *value);

typedef struct Setting {
        const char *key;
        const char *option;
        const char *values; /* words in capitals stand for something */
        const char *preset;
        SettingSetter *set;
        const char *help; /* with its line breaks */
} Setting;

/*
 * One setter a row
 */

static const char *set_guard(Settings *s, const char *value) {
        if (strcmp(value, "always") != 0 && strcmp(value, "start") != 0)
                return "always or start";
        s->guard = value[0] == 'a' ? SETTINGS_GUARD_ALWAYS : SETTINGS_GUARD_START;
        return NULL;
}

static const char *set_hold_list(Settings *s, const char *value) {
        if (strcmp(value, "yes") != 0 && strcmp(value, "until-extended") != 0)
                return "yes or until-extended";
        s->holds_list = value[0] == 'y';
        return NULL;
}

static const char *set_require_pkvm(Settings *s, const char *value) {
        if (strcmp(value, "auto") != 0 && strcmp(value, "yes") != 0)
                return "auto or yes";
        s->requires_pkvm = value[0] == 'y';
        return NULL;
}

static const char *set_measured_boot(Settings *s, const char *value) {
        static const char *const names[_PLAN_MEASURED_N] = {
                [PLAN_MEASURED_AUTO] = "auto",
                [PLAN_MEASURED_YES] = "yes",
                [PLAN_MEASURED_NO] = "no",
        };

        for (PlanMeasuredBoot m = 0; m < _PLAN_MEASURED_N; ++m)
                if (strcmp(value, names[m]) == 0) {
                        s->measured_boot = m;
                        return NULL;
                }
        return "auto, yes or no";
}

/* Bytes, or with K, M, G: powers of 1024. */
static const char *set_spool_max(Settings *s, const char *value) {
        static const char expected[] = "a size such as 64M, or 0", units[] = "KMG";
        unsigned long long n;
        const char *unit;
        unsigned shift = 0;
        char *end;

        errno = 0;
        n = strtoull(value, &end, 10);
        if (errno != 0 || value[0] < '0' || value[0] > '9')
                return expected;
        unit = *end != '\0' ? strchr(units, *end) : NULL;
        if (unit) {
                shift = 10 * (unsigned)(unit - units + 1);
                end++;
        }
        if (*end != '\0')
                return expected;
        if (n > SPOOL_MAX_LIMIT >> shift)
                return "a size of at most 1024G";
        s->spool_max = n << shift;
        return NULL;
}

/* Names in sysfs; nothing that would have to be quoted anywhere. */
static const char *set_tpm(Settings *s, const char *value) {
        static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                      "0123456789/_.:,@+-";

        if (value[0] == '\0' || value[strspn(value, allowed)] != '\0')
                return "auto, software, or the name of a driver or a device in sysfs";
        s->tpm = strcmp(value, "auto") == 0       ? SETTINGS_TPM_AUTO
                 : strcmp(value, "software") == 0 ? SETTINGS_TPM_SOFTWARE
                                                  : SETTINGS_TPM_NAMED;
        (void)snprintf(s->tpm_name, sizeof(s->tpm_name), "%s",
                       s->tpm == SETTINGS_TPM_NAMED ? value : "");
        return NULL;
}

static const Setting settings[_SETTING_N] = {
        [SETTING_GUARD] = {
                .key = "Guard",
                .option = "guard",
                .values = "always|start",
                .preset = "always",
                .set = set_guard,
                .help = "who sees to it that nothing comes between looking at a PCR and\n"
                        "extending it. always: the TPM, at each command. start: only the\n"
                        "look when we begin; for a TPM that cannot. Not in this version:\n"
                        "refused.",
        },
        [SETTING_HOLD_LIST] = {
                .key = "HoldList",
                .option = "hold-list",
                .values = "yes|until-extended",
                .preset = "yes",
                .set = set_hold_list,
                .help = "yes: nobody can trim the list while we run. until-extended: once\n"
                        "all of it is extended and copied, somebody may.",
        },
        [SETTING_REQUIRE_PKVM] = {
                .key = "RequirePKVM",
                .option = "require-pkvm",
                .values = "auto|yes",
                .preset = "auto",
                .set = set_require_pkvm,
                .help = "where the kernel was asked for pKVM and could not bring it up. yes:\n"
                        "extend nothing in this boot. auto: warn, and go on.",
        },
        [SETTING_REQUIRE_MEASURED_BOOT] = {
                .key = "RequireMeasuredBoot",
                .option = "require-measured-boot",
                .values = "auto|yes|no",
                .preset = "auto",
                .set = set_measured_boot,
                .help = "do zeros in PCRs 0 to 7 mean that the TPM was reset? auto: if the\n"
                        "firmware's event log has events for them.",
        },
        [SETTING_SPOOL_MAX] = {
                .key = "SpoolMax",
                .option = "spool-max",
                .values = "SIZE",
                .preset = "64M",
                .set = set_spool_max,
                .help = "room for the copy of the list below /run, in bytes or with K, M, G.\n"
                        "0: no copy, the list is not served.",
        },
        [SETTING_TPM] = {
                .key = "TPM",
                .option = "tpm",
                .values = "auto|software|DRIVER|SYSFS-PARENT",
                .preset = "auto",
                .set = set_tpm,
                .help = "which TPM. auto: the one that the kernel would take, but no\n"
                        "software TPM. software: these too. Else the one with this driver,\n"
                        "or the one below this device in sysfs.",
        },
};

/**
 * setting_key() - the name of a setting in files
 * @id: the setting
 *
 * Return: the name, as HoldList.
 */
const char *setting_key(SettingId id) {
        return settings[id].key;
}

/**
 * setting_option() - the name of a setting as an option
 * @id: the setting
 *
 * Return: the name, as hold-list.
 */
const char *setting_option(SettingId id) {
        return settings[id].option;
}

/**
 * setting_set() - give a setting a value
 * @s:     the settings
 * @id:    which
 * @value: the value as it was written
 * @place: where; borrowed for the call
 *
 * Return: NULL, or what was expected instead of @value; then nothing is changed.
 */
const char *setting_set(Settings *s, SettingId id, const char *value, const char *place) {
        const char *expected;

        if (strlen(value) >= sizeof(s->from[id].value))
                return "a value of at most 255 bytes";
        expected = settings[id].set(s, value);
        if (expected)
                return expected;
        (void)snprintf(s->from[id].value, sizeof(s->from[id].value), "%s", value);
        (void)snprintf(s->from[id].place, sizeof(s->from[id].place), "%s", place);
        return NULL;
}

/**
 * settings_init() - the defaults
 * @s: the settings
 */
void settings_init(Settings *s) {
        *s = (Settings){};
        for (SettingId id = 0; id < _SETTING_N; ++id) {
                const char *expected = setting_set(s, id, settings[id].preset, PLACE_DEFAULT);

                assert(!expected);
                (void)expected; /* without assertions */
        }
}

/*
 * From outside
 */

static bool is_lower_case_of(const char *name, const char *key) {
        for (; *key != '\0'; ++name, ++key)
                if (*name != (*key >= 'A' && *key <= 'Z' ? *key - 'A' + 'a' : *key))
                        return false;
        return *name == '\0';
}

static bool setting_find(const ConfigItem *item, SettingId *ret_id) {
        for (SettingId id = 0; id < _SETTING_N; ++id)
                if (item->kind == CONFIG_KEY ? strcmp(item->key, settings[id].key) == 0
                                             : is_lower_case_of(item->key, settings[id].key)) {
                        *ret_id = id;
                        return true;
                }
        return false;
}

/* The name is cut: the line has room for its place, too. */
static const char *settings_take_key(Settings *s, const ConfigItem *item) {
        const char *value = item->value;
        SettingId id;

        if (!setting_find(item, &id)) {
                message_warning("%s: unknown %s%.100s= is ignored", item->place,
                                item->kind == CONFIG_KEY ? "" : "ima_replay.", item->key);
                return NULL;
        }
        return setting_set(s, id, value[0] == '\0' ? settings[id].preset : value, item->place);
}

static const char *on_item(void *userdata, const ConfigItem *item) {
        switch (item->kind) {
        case CONFIG_KEY:
        case CONFIG_PARAMETER:
                return settings_take_key(userdata, item);
        case CONFIG_SECTION:
                message_warning("%s: unknown section [%.100s] is ignored", item->place, item->key);
                return NULL;
        case CONFIG_SWITCH:
                return NULL; /* on_switch() has seen it */
        case _CONFIG_KIND_N:
                break;
        }
        assert(false);
        return NULL;
}

/* The words of the kernel's own switches, and of systemd's. */
static const char *on_switch(void *userdata, const ConfigItem *item) {
        static const char *const on[] = { "yes", "1", "on", "true" };
        static const char *const off[] = { "no", "0", "off", "false" };
        bool *is_off = userdata;

        if (item->kind != CONFIG_SWITCH)
                return NULL;
        for (size_t i = 0; i < ELEMENTSOF(on); ++i) {
                if (strcmp(item->value, on[i]) != 0 && strcmp(item->value, off[i]) != 0)
                        continue;
                *is_off = strcmp(item->value, off[i]) == 0;
                return NULL;
        }
        return "yes or no";
}

/* First of all: who switches it off does not want to hear what else is wrong. */
static int settings_look_at_switch(const Root *root, bool *ret_is_off, ConfigError *ret_error) {
        *ret_is_off = false;
        return error_trace(config_read_kernel(root, on_switch, ret_is_off, ret_error));
}

static void settings_take_options(Settings *s, const char *const given[static _SETTING_N]) {
        char place[SETTINGS_PLACE_SIZE];

        for (SettingId id = 0; id < _SETTING_N; ++id) {
                if (!given[id])
                        continue;
                (void)snprintf(place, sizeof(place), "option --%s", settings[id].option);
                (void)setting_set(s, id, given[id], place); /* tried by who took the option */
        }
}

/**
 * settings_load() - from files, then the kernel command line, then options
 * @root:         / or --root=
 * @given:        of each setting: the value of its option, which setting_set() took; or NULL
 * @ret_settings: the settings, set on success only
 *
 * What is not known is said and ignored. Whatever is wrong ends it: half of what an administrator
 * wrote is not what he wanted.
 *
 * Return: 0; SETTINGS_E_OFF: the kernel command line has ima_replay=no, and nothing else was looked
 * at; SETTINGS_E_BAD: something is wrong in a file or on the kernel command line, and was said;
 * -ENOMEM.
 */
int settings_load(const Root *root, const char *const given[static _SETTING_N],
                  Settings *ret_settings) {
        ConfigError error;
        bool is_off;
        Settings s;
        int r;

        r = settings_look_at_switch(root, &is_off, &error);
        if (is_off)
                return SETTINGS_E_OFF;
        settings_init(&s);
        if (r == 0)
                r = config_read_files(root, on_item, &s, &error);
        if (r == 0)
                r = config_read_kernel(root, on_item, &s, &error);
        if (r < 0)
                return error_trace(r);
        if (r == CONFIG_E_BAD) {
                message_error("%s", error.text);
                return SETTINGS_E_BAD;
        }
        settings_take_options(&s, given);
        *ret_settings = s;
        return 0;
}

/*
 * For people
 */

/**
 * settings_print() - all settings, in the form of a file, each with where it came from
 * @s:  the settings
 * @to: where to
 */
void settings_print(const Settings *s, FILE *to) {
        char place[ESCAPE_SIZE(SETTINGS_PLACE_SIZE)];

        (void)fprintf(to, "[" CONFIG_SECTION_OURS "]\n");
        for (SettingId id = 0; id < _SETTING_N; ++id) {
                (void)escape_bytes(bytes_of_text(s->from[id].place), place, sizeof(place));
                /* A value that was taken needs no escaping: words, a size, a name in sysfs. */
                (void)fprintf(to, "# %s\n%s=%s\n", place, settings[id].key, s->from[id].value);
        }
}

/**
 * settings_help() - the settings as options, for --help
 * @to: where to
 */
void settings_help(FILE *to) {
        for (SettingId id = 0; id < _SETTING_N; ++id) {
                Bytes text = bytes_of_text(settings[id].help), line;
                int n = fprintf(to, "  --%s=%s", settings[id].option, settings[id].values);

                if (n >= HELP_INDENT)
                        n = fprintf(to, "\n") - 1;
                for (; bytes_take_until(&text, '\n', &line); n = 0)
                        (void)fprintf(to, "%*s%.*s\n", HELP_INDENT - n, "", (int)line.n, line.data);
                (void)fprintf(to, "%*s%.*s Default: %s.\n", HELP_INDENT - n, "", (int)text.n,
                              text.data, settings[id].preset);
        }
}
