/* SPDX-License-Identifier: BSD-2-Clause */
#include "client/explain-cause.h"

#include "base/error.h"
#include "base/exit.h"
#include "client/remote-list.h"

/*
 * Show the view every record. What cannot be read of the list is nothing that the user asked for:
 * it takes the answer away, and is no message.
 */
static int cause_look(ListInput *again, const MlistRecord *violation, ViolationView *view,
                      bool *ret_seen) {
        MlistRecord record;
        int r;

        while ((r = listfile_next(again->list, &record)) == 0) {
                /* Somebody put another file there. */
                if (view->n_seen == view->at && !bytes_equal(record.whole, violation->whole))
                        break;
                violation_look(view, &record, listfile_form(again->list)->order);
        }
        if (r < 0)
                return error_trace(r);
        *ret_seen = r == LISTFILE_E_END;
        return 0;
}

/**
 * explain_cause() - find the cause of a violation in its list
 * @o:         the options; their list is opened once more
 * @input:     the list, where it gave the record last; it is not read
 * @record:    a violation of that list
 * @position:  its position, from 0
 * @ret_cause: set on success only; unknown, too, where the list cannot be read again and whole
 *
 * Return: 0; a negative errno.
 */
int explain_cause(const CtlOptions *o, const ListInput *input, const MlistRecord *record,
                  uint64_t position, ExplainCause *ret_cause) {
        _cleanup_(input_close_list) ListInput again = {};
        ExplainCause cause = { .cause = VIOLATION_UNKNOWN };
        ViolationView view;
        int r = EXIT_ERROR;

        if (violation_begin(record, listfile_form(input->list)->order, position, &view) != 0)
                cause.is_seen = true; /* it names nothing: no other record could tell */
        else if (input_can_rewind(input))
                r = remote_open_list(o, &again);
        if (r == EXIT_GOOD) {
                r = cause_look(&again, record, &view, &cause.is_seen);
                if (r == 0 && cause.is_seen)
                        cause.cause = violation_cause(&view);
        }
        if (r < 0)
                return error_trace(r);
        *ret_cause = cause;
        return 0;
}

/**
 * explain_cause_text() - the cause for people, and why it is often unknown
 * @cause: of explain_cause()
 *
 * Return: a constant text.
 */
const char *explain_cause_text(const ExplainCause *cause) {
        if (!cause->is_seen)
                return "unknown: it takes the whole list once more, which could not be read again "
                       "to its end; → try a file";
        if (cause->cause == VIOLATION_LIKELY_OPEN_WRITERS)
                return "likely open-writers: the file was opened for reading while somebody had it "
                       "open for writing, for its first measurement follows; only the audit "
                       "records of that boot (type 1804, cause=) are certain";
        return "unknown, as often: to read a file that is open for writing (open-writers) and to "
               "write one that is open and measured (ToMToU) leave the same records; the audit "
               "records of that boot (type 1804, cause=) tell";
}
