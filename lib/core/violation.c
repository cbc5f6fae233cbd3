/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/violation.h"

#include <assert.h>

/**
 * violation_cause_word() - name of a cause
 * @cause: the cause
 *
 * Return: a constant word.
 */
const char *violation_cause_word(ViolationCause cause) {
        switch (cause) {
        case VIOLATION_UNKNOWN:
                return "unknown";
        case VIOLATION_LIKELY_OPEN_WRITERS:
                return "likely-open-writers";
        case _VIOLATION_CAUSE_N:
                break;
        }
        assert(false);
        return "";
}

/**
 * violation_begin() - ask for the cause of a violation
 * @record:   the record of the violation; it is borrowed from as long as the view is used
 * @order:    byte order of its list
 * @at:       its position in the list, from 0
 * @ret_view: to be shown every record of the list, from the first; set on success only
 *
 * Return: 0, VIOLATION_E_NONE; never negative.
 */
int violation_begin(const MlistRecord *record, ByteOrder order, uint64_t at,
                    ViolationView *ret_view) {
        TemplateSubject s;

        if (!record->is_violation || template_subject(record, order, &s) != 0)
                return VIOLATION_E_NONE;
        *ret_view = (ViolationView){ .name = s.name, .at = at };
        return 0;
}

/* kernel ima_init.c, ima_add_boot_aggregate() */
static bool is_boot_aggregate(Bytes name) {
        return bytes_equal_text(name, "boot_aggregate") ||
               bytes_equal_text(name, "boot_aggregate_late");
}

/**
 * violation_look() - show the next record of the list
 * @v:      the view
 * @record: the record; the violation itself is shown, too
 * @order:  byte order of the list
 */
void violation_look(ViolationView *v, const MlistRecord *record, ByteOrder order) {
        uint64_t position = v->n_seen++;
        TemplateSubject s;

        if (template_subject(record, order, &s) != 0) {
                if (position < v->at)
                        v->is_blurred = true;
                return;
        }
        if (position == 0)
                v->is_from_boot = !record->is_violation && is_boot_aggregate(s.name);
        if (record->is_violation || !bytes_equal(s.name, v->name))
                return;
        if (position < v->at)
                v->measured_before = true;
        else
                v->measured_after = true;
}

/**
 * violation_cause() - what the list says about the cause
 * @v: the view, after the last record
 *
 * Source: kernel security/integrity/ima/ima_main.c, ima_rdwr_violation_check(),
 * process_measurement(); for the limits see the header.
 *
 * Return: the cause.
 */
ViolationCause violation_cause(const ViolationView *v) {
        bool is_path = v->name.n > 0 && v->name.data[0] == '/';

        if (!is_path || !v->is_from_boot || v->is_blurred || v->n_seen <= v->at)
                return VIOLATION_UNKNOWN;
        return !v->measured_before && v->measured_after ? VIOLATION_LIKELY_OPEN_WRITERS
                                                        : VIOLATION_UNKNOWN;
}
