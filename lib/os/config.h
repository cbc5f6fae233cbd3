/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config.h -- where settings are written down: files, drop-ins, the kernel command line.
 *
 * It knows how they are written and in which order they count, not which there are: each is given
 * to a call, which says what it expected where a value is no good. Everything malformed is an error
 * with its place; nobody shall run with half a configuration.
 *
 * Files are INI-like: one section, Key=Value, comments at # and ; at the beginning of a line. The
 * main file is the first of /etc, /run, /usr/lib that is there. Then come the drop-ins of all
 * three, in the order of their names; one with the same name in a directory before hides those
 * behind it, and so does a link to /dev/null (UAPI.6, systemd.unit(5)).
 */
#pragma once

#include "os/root.h"

#define CONFIG_SECTION_OURS "ima-replayd"
#define CONFIG_FILE_MAX     (64U << 10)
#define CONFIG_LINE_MAX     4096U
#define CONFIG_DROP_INS_MAX 64U
#define CONFIG_PLACE_SIZE   320U /* a path of ours with the longest name, and a line number */
#define CONFIG_ERROR_SIZE   768U

enum {
        _CONFIG_E_SUCCESS,
        CONFIG_E_BAD, /* malformed, beyond a limit, unreadable, or a bad value: ConfigError */
};

typedef enum ConfigKind {
        CONFIG_KEY,       /* Key=Value in our section of a file */
        CONFIG_SECTION,   /* [key]: another section; what is in it is not given */
        CONFIG_PARAMETER, /* ima_replay.key=value on the kernel command line */
        CONFIG_SWITCH,    /* ima_replay=value there, without a value: yes */
        _CONFIG_KIND_N,
} ConfigKind;

/* Borrowed, for the time of the call: printable UTF-8, without blanks around it. */
typedef struct ConfigItem {
        ConfigKind kind;
        const char *place; /* FILE:LINE, or that it is the kernel command line */
        const char *key;
        const char *value; /* may be empty; of a section NULL */
} ConfigItem;

/* NULL: taken, or nothing to object; else what was expected instead of the value. */
typedef const char *ConfigCall(void *userdata, const ConfigItem *item);

/* A sentence with its place; from outside, so to be escaped. */
typedef struct ConfigError {
        char text[CONFIG_ERROR_SIZE];
} ConfigError;

int config_parse_file(Bytes text, const char *path, ConfigCall *call, void *userdata,
                      ConfigError *ret_error);
int config_parse_kernel(Bytes text, bool in_initrd, ConfigCall *call, void *userdata,
                        ConfigError *ret_error);
int config_read_files(const Root *root, ConfigCall *call, void *userdata, ConfigError *ret_error);
int config_read_kernel(const Root *root, ConfigCall *call, void *userdata, ConfigError *ret_error);
