/* SPDX-License-Identifier: BSD-2-Clause */
#include "os/fact.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>

#include "base/escape.h"
#include "os/service.h"

#define FACT_TOKEN_USEC (FACT_INTERVAL_USEC / FACT_BURST) /* until one more may pass */
#define FACT_TAIL_MAX   64U                               /* room for how many were held back */
#define FACT_STRING_MAX 256U                              /* a longer field is cut */
#define FACT_FIELDS_MAX 13U /* four that each fact has, five strings, four numbers */
#define FACT_NAME_MAX   32U /* with the sign behind it */
#define FACT_ROOM                                                                                  \
        (ESCAPE_SIZE(MESSAGE_MAX) +                                                                \
         FACT_FIELDS_MAX * (FACT_NAME_MAX + ESCAPE_SIZE(FACT_STRING_MAX)))

/*
 * MESSAGE_ID of each. Random, and never to be changed: catalogs, filters and alarms of others know
 * them. systemd/ima-replay.catalog has an entry for each (tests/lint/lint.py catalog).
 */
static const char *const fact_ids[_FACT_N] = {
        [FACT_STARTED] = "0bff6d87f12a4aeb8d39842e62e3e549",
        [FACT_WAITING] = "66b0c11664d6445fb32abb2352668b26",
        [FACT_TPM_THERE] = "d263e4b7d2f9495c875fae8110c3567c",
        [FACT_CAUGHT_UP] = "77fe99d5efb746a59950727115bb721f",
        [FACT_FOLLOWING] = "dee4c83e82744c12aa910bdbd0376632",
        [FACT_KERNEL_OWNS] = "18a4a972654b40618422843e91f3b15c",
        [FACT_TERMINAL] = "3db42c157229400281852579e31cc418",
        [FACT_TPM_TROUBLE] = "961048a809994e0e8ad64a401e02bca6",
        [FACT_TPM_BACK] = "a3fdbe7174044389b6314d3bd05ef70b",
        [FACT_CHAIN] = "2bb8f48d02bf4970a06a6ce4666f9a2b",
        [FACT_SPOOL] = "623e03d6d4c842e99c71ae490a3bda93",
        [FACT_ANCHOR] = "8152270924994af1825dc57c7e6f114d",
        [FACT_LIST] = "d26d0ced78c744b690a5b6f674728b6c",
        [FACT_STOPPED] = "1134ae05fd50408f8f0a30fcbbe132fa",
};

/* Token bucket: full where nothing was taken. */
static struct {
        uint32_t n_taken;
        uint64_t since_usec; /* up to here tokens were given back */
        uint64_t n_held_back;
} fact_limits[_FACT_N];

static bool fact_may_pass(FactId id, uint64_t now, uint64_t *ret_n_held_back) {
        /* A clock that goes back gives nothing back. */
        uint64_t since = fact_limits[id].since_usec;
        uint64_t n_back = now > since ? (now - since) / FACT_TOKEN_USEC : 0;

        if (fact_limits[id].n_taken <= n_back) {
                fact_limits[id].n_taken = 0;
                fact_limits[id].since_usec = now;
        } else {
                fact_limits[id].n_taken -= (uint32_t)n_back;
                fact_limits[id].since_usec += n_back * FACT_TOKEN_USEC;
        }
        if (fact_limits[id].n_taken == FACT_BURST) {
                ++fact_limits[id].n_held_back;
                return false;
        }
        ++fact_limits[id].n_taken;
        *ret_n_held_back = fact_limits[id].n_held_back;
        fact_limits[id].n_held_back = 0;
        return true;
}

typedef struct FactEntry {
        struct iovec fields[FACT_FIELDS_MAX];
        size_t n_fields;
        Builder room;
        uint8_t data[FACT_ROOM];
} FactEntry;

static void entry_put(FactEntry *e, const char *name, const char *value, size_t max) {
        char escaped[ESCAPE_SIZE(MESSAGE_MAX)];
        Bytes bytes;
        size_t start = e->room.n;

        if (!value)
                return;
        bytes = bytes_of_text(value);
        bytes.n = MIN_OF(bytes.n, max);
        (void)escape_bytes(bytes, escaped, sizeof(escaped));
        builder_put(&e->room, bytes_of_text(name));
        builder_put(&e->room, BYTES_TEXT("="));
        builder_put(&e->room, bytes_of_text(escaped));
        assert(!e->room.full && e->n_fields < FACT_FIELDS_MAX);
        e->fields[e->n_fields++] = (struct iovec){ e->data + start, e->room.n - start };
}

static void entry_put_number(FactEntry *e, const char *name, uint64_t value) {
        char text[24];

        if (value == UINT64_MAX)
                return;
        (void)snprintf(text, sizeof(text), "%" PRIu64, value);
        entry_put(e, name, text, sizeof(text));
}

static bool fact_to_journal(FactId id, int priority, const FactFields *fields, const char *text) {
        FactEntry e;

        e.n_fields = 0;
        e.room = builder_on(e.data, sizeof(e.data));
        entry_put(&e, "MESSAGE", text, MESSAGE_MAX);
        entry_put_number(&e, "PRIORITY", (uint64_t)LOG_PRI(priority));
        entry_put(&e, "MESSAGE_ID", fact_ids[id], FACT_STRING_MAX);
        entry_put(&e, "SYSLOG_IDENTIFIER", message_program(), FACT_STRING_MAX);
        entry_put(&e, "IMA_REPLAY_STATE", fields->state, FACT_STRING_MAX);
        entry_put(&e, "IMA_REPLAY_REASON", fields->reason, FACT_STRING_MAX);
        entry_put(&e, "BANKS", fields->banks, FACT_STRING_MAX);
        entry_put(&e, "TPM_DEVICE", fields->device, FACT_STRING_MAX);
        entry_put(&e, "TPM_RC", fields->tpm_rc, FACT_STRING_MAX);
        entry_put_number(&e, "PCR", fields->pcr);
        entry_put_number(&e, "IMA_POSITION", fields->position);
        entry_put_number(&e, "IMA_MEASURED", fields->measured);
        entry_put_number(&e, "IMA_EXTENDED", fields->extended);
        return service_journal(e.fields, e.n_fields);
}

/**
 * fact() - report something, unless too much of its kind was reported
 * @id:       the kind
 * @priority: as for syslog(3); all are limited alike
 * @fields:   what is known besides, or NULL for nothing
 * @now_usec: a time of now_usec()
 * @format:   as for printf(3), one line, without a newline; cut where it is too long
 *
 * What the journal does not take is said on stderr, without the fields: it is never lost.
 */
void fact(FactId id, int priority, const FactFields *fields, uint64_t now_usec, const char *format,
          ...) {
        static const FactFields none = FACT_NO_FIELDS;
        char text[MESSAGE_MAX] = "", tail[FACT_TAIL_MAX] = "", whole[MESSAGE_MAX];
        uint64_t n_held_back;
        va_list args;

        if (!fact_may_pass(id, now_usec, &n_held_back))
                return;
        va_start(args, format);
        (void)vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        if (n_held_back > 0)
                (void)snprintf(tail, sizeof(tail), " (%" PRIu64 " more like it were not said)",
                               n_held_back);
        (void)snprintf(whole, sizeof(whole), "%.*s%s", (int)(sizeof(whole) - sizeof(tail)), text,
                       tail);
        if (!fact_to_journal(id, priority, fields ? fields : &none, whole))
                message(priority, "%s", whole);
}
