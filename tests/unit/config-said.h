/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config-said.h -- what a configuration gave, as one text: a row of a table says what it must be.
 */
#pragma once

#include "fixture.h"

#include <string.h>

#include "os/config.h"

#define SAID_MAX 16384U

typedef struct Said {
        size_t n;
        char text[SAID_MAX];
} Said;

/* One line an item; the value "bad" is refused. */
static inline const char *say_item(void *userdata, const ConfigItem *item) {
        static const char *const marks[_CONFIG_KIND_N] = {
                [CONFIG_KEY] = "",
                [CONFIG_SECTION] = "section ",
                [CONFIG_PARAMETER] = "parameter ",
                [CONFIG_SWITCH] = "switch ",
        };
        Said *said = userdata;

        said->n += (size_t)snprintf(said->text + said->n, sizeof(said->text) - said->n,
                                    "%s: %s%s=%.20s\n", item->place, marks[item->kind], item->key,
                                    item->value ? item->value : "-");
        assert_true(said->n < sizeof(said->text));
        return item->value && strcmp(item->value, "bad") == 0 ? "good" : NULL;
}
