/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * settings.h -- what an administrator may choose: one table of keys, options and texts.
 *
 * A setting is a key in files (HoldList=), a parameter of the kernel (ima_replay.holdlist=) and an
 * option (--hold-list=); the later of these counts. The table prints the settings in --help, and
 * tests/lint/lint.py holds the man pages and the completion to what it prints. What only an
 * administrator at a keyboard may do (--repair-banks) is no row here, and so never a key (rule I6).
 */
#pragma once

#include "core/plan.h"
#include "os/root.h"

#define SETTINGS_VALUE_SIZE 256U
#define SETTINGS_PLACE_SIZE 320U

typedef enum SettingId {
        SETTING_GUARD,
        SETTING_HOLD_LIST,
        SETTING_REQUIRE_PKVM,
        SETTING_REQUIRE_MEASURED_BOOT,
        SETTING_SPOOL_MAX,
        SETTING_TPM,
        _SETTING_N,
} SettingId;

typedef enum SettingsGuard {
        SETTINGS_GUARD_ALWAYS,
        SETTINGS_GUARD_START,
        _SETTINGS_GUARD_N,
} SettingsGuard;

typedef enum SettingsTpm {
        SETTINGS_TPM_AUTO,
        SETTINGS_TPM_SOFTWARE, /* software chips are not skipped */
        SETTINGS_TPM_NAMED,    /* by tpm_name */
        _SETTINGS_TPM_N,
} SettingsTpm;

typedef struct Settings {
        SettingsGuard guard;
        bool holds_list;
        bool requires_pkvm;
        PlanMeasuredBoot measured_boot;
        uint64_t spool_max; /* bytes; 0: no spool */
        SettingsTpm tpm;
        char tpm_name[SETTINGS_VALUE_SIZE]; /* a driver, or a device above the TPM in sysfs */
        /* Of each: its value as it was written, and where. */
        struct {
                char value[SETTINGS_VALUE_SIZE];
                char place[SETTINGS_PLACE_SIZE];
        } from[_SETTING_N];
} Settings;

enum {
        _SETTINGS_E_SUCCESS,
        SETTINGS_E_OFF, /* ima_replay=no */
        SETTINGS_E_BAD, /* a message said where and why */
};

const char *setting_key(SettingId id);
const char *setting_option(SettingId id);
const char *setting_set(Settings *s, SettingId id, const char *value, const char *place);
void settings_init(Settings *s);
int settings_load(const Root *root, const char *const given[static _SETTING_N],
                  Settings *ret_settings);
void settings_print(const Settings *s, FILE *to);
void settings_help(FILE *to);
