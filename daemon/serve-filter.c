/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "base/error.h"
#include "base/escape.h"
#include "core/render.h"
#include "daemon/serve-record.h"

/**
 * serve_filter_deinit() - free what a filter holds
 * @f: zeroed, or in use
 */
void serve_filter_deinit(ServeFilter *f) {
        free(f->template);
        free(f->prefix);
}

typedef struct FilterText {
        JsonU64 pcr;
        JsonBool violation;
        Bytes template, prefix;
} FilterText;

static int filter_copy(Bytes text, bool *ret_has, char **ret_copy, size_t *ret_n) {
        if (!text.data)
                return 0;
        *ret_copy = malloc(text.n + 1);
        if (!*ret_copy)
                return error_origin(-ENOMEM);
        bytes_copy(text, (uint8_t *)*ret_copy, text.n);
        (*ret_copy)[text.n] = '\0';
        *ret_n = text.n;
        *ret_has = true;
        return 0;
}

/**
 * serve_filter_take() - read a filter
 * @j: the parameter
 * @f: zeroed; to be ended with serve_filter_deinit(), whatever the result
 *
 * Return: 0, SERVE_FILTER_E_UNFIT, -ENOMEM.
 */
int serve_filter_take(const Json *j, ServeFilter *f) {
        static const JsonField fields[] = {
                { "pcr", JSON_TYPE_U64, false, offsetof(FilterText, pcr) },
                { "template", JSON_TYPE_TEXT, false, offsetof(FilterText, template) },
                { "namePrefix", JSON_TYPE_TEXT, false, offsetof(FilterText, prefix) },
                { "violation", JSON_TYPE_BOOL, false, offsetof(FilterText, violation) },
        };
        const char *bad;
        FilterText text;
        int r;

        if (json_take(j, fields, ELEMENTSOF(fields), true, &text, &bad) != 0)
                return SERVE_FILTER_E_UNFIT;
        f->pcr = text.pcr;
        f->violation = text.violation;
        r = filter_copy(text.template, &f->has_template, &f->template, &f->n_template);
        if (r == 0)
                r = filter_copy(text.prefix, &f->has_prefix, &f->prefix, &f->n_prefix);
        return error_trace(r);
}

/* Does the escaped text begin with, or (is_whole) equal this? Return: 0 or -ENOMEM. */
static int filter_compare(Bytes raw, const char *want, size_t n, bool is_whole, bool *ret_equal) {
        _cleanup_free_ char *text = NULL;
        size_t have;
        int r;

        /* A byte becomes four at most, and none becomes less than one. */
        if (!is_whole)
                raw.n = MIN_OF(raw.n, n + 4);
        r = escape_new(raw, &text);
        if (r < 0)
                return error_trace(r);
        have = strlen(text);
        *ret_equal = (is_whole ? have == n : have >= n) && memcmp(text, want, n) == 0;
        return 0;
}

/**
 * serve_filter_wants() - does a record satisfy all that was asked for?
 * @f:         zeroed or filled
 * @record:    the record
 * @order:     byte order of its list
 * @ret_wants: set on success only
 *
 * Return: 0 or -ENOMEM.
 */
int serve_filter_wants(const ServeFilter *f, const MlistRecord *record, ByteOrder order,
                       bool *ret_wants) {
        bool wants = (!f->pcr.is_set || record->pcr == f->pcr.value) &&
                     (!f->violation.is_set || record->is_violation == f->violation.value);
        int r = 0;

        if (wants && f->has_template)
                r = filter_compare(record->name, f->template, f->n_template, true, &wants);
        if (r == 0 && wants && f->has_prefix) {
                TemplateSubject subject = render_subject(record, order);

                wants = subject.name.data != NULL;
                if (wants)
                        r = filter_compare(subject.name, f->prefix, f->n_prefix, false, &wants);
        }
        if (r < 0)
                return error_trace(r);
        *ret_wants = wants;
        return 0;
}
