/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What core/mismatch found, in words.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "core/mismatch.h"

/**
 * mismatch_name() - the name of a hypothesis in JSON
 * @kind: the hypothesis
 *
 * Return: a constant string.
 */
const char *mismatch_name(MismatchKind kind) {
        static const char *const names[_MISMATCH_KIND_N] = {
                [MISMATCH_FOREIGN] = "foreign",       [MISMATCH_REPEATED] = "repeated",
                [MISMATCH_MISSING] = "missing",       [MISMATCH_SWAPPED] = "swapped",
                [MISMATCH_RESET] = "reset",           [MISMATCH_MISPLACED] = "misplaced",
                [MISMATCH_NEVER] = "never-extended",  [MISMATCH_PADDED] = "padded",
                [MISMATCH_VIOLATIONS] = "violations", [MISMATCH_CONVERTED] = "byte-order",
                [MISMATCH_ALTERED] = "altered",       [MISMATCH_SPLIT] = "split",
                [MISMATCH_WRONG_LIST] = "wrong-list", [MISMATCH_UNKNOWN] = "unknown",
        };

        assert(kind < _MISMATCH_KIND_N);
        return names[kind];
}

/**
 * mismatch_has_position() - is a hypothesis about one record?
 * @kind: the hypothesis
 *
 * Return: whether its finding's `position` means anything.
 */
bool mismatch_has_position(MismatchKind kind) {
        return kind <= MISMATCH_MISPLACED || kind == MISMATCH_ALTERED || kind == MISMATCH_SPLIT;
}

/**
 * mismatch_advice() - what to do
 * @kind: the hypothesis
 *
 * Return: a constant sentence.
 */
const char *mismatch_advice(MismatchKind kind) {
        switch (kind) {
        case MISMATCH_FOREIGN:
                return "find out what else extends this PCR, and let it use another; only a reboot "
                       "makes the PCR good again";
        case MISMATCH_REPEATED:
                return "two programs extend this list, or one resends after an error: keep one "
                       "that does not; then reboot";
        case MISMATCH_MISSING:
                return "an extend failed or was skipped: see the kernel's and the extender's "
                       "messages of that time; then reboot";
        case MISMATCH_SWAPPED:
                return "two programs extend this list at a time, or the copy was put together from "
                       "parts: take the list anew, keep one extender";
        case MISMATCH_RESET:
                return "the TPM was reset, or a kexec came without the old list: compare with the "
                       "list of this boot only";
        case MISMATCH_MISPLACED:
                return "the copy was altered: take the list anew from the kernel";
        case MISMATCH_NEVER:
                return "IMA ran in TPM-bypass and nobody extended since, or the TPM was reset: see "
                       "whether ima-replayd runs";
        case MISMATCH_PADDED:
                return "a kernel that cannot hash a bank pads SHA-1 digests with zeros; if yours "
                       "does, name the padded banks with --padded=";
        case MISMATCH_VIOLATIONS:
                return "whoever extended the PCR is wrong: a violation is ones, not zeros";
        case MISMATCH_CONVERTED:
                return "take the list as the kernel gave it, in its own byte order";
        case MISMATCH_ALTERED:
                return "take the list anew from the kernel; if it is the same there, it was "
                       "tampered with or damaged in memory";
        case MISMATCH_SPLIT:
                return "an extender stopped between banks: ima-replayd --oneshot --repair-banks "
                       "is the way out";
        case MISMATCH_WRONG_LIST:
                return "make sure that list and PCR values come from the same machine, boot and "
                       "moment";
        case MISMATCH_UNKNOWN:
                return "take list and PCR values anew, from the same machine, boot and moment";
        case _MISMATCH_KIND_N:
                break;
        }
        assert(false);
        return NULL;
}

static void describe_where(const MismatchAnswer *answer, const MismatchFinding *f, char *ret_text,
                           size_t max) {
        if (f->end >= answer->n_records)
                (void)snprintf(ret_text, max, "the rest of the list follows");
        else if (f->end <= f->position + 1)
                (void)snprintf(ret_text, max, "the PCR ends there");
        else
                (void)snprintf(ret_text, max, "the list follows to record %" PRIu64, f->end - 1);
}

/**
 * mismatch_describe() - one sentence about a finding
 * @answer:   the whole answer
 * @f:        one of its findings
 * @pcr:      the PCR
 * @ret_text: the sentence, without a full stop
 * @max:      room there, MISMATCH_TEXT_MAX is enough
 */
void mismatch_describe(const MismatchAnswer *answer, const MismatchFinding *f, uint32_t pcr,
                       char *ret_text, size_t max) {
        uint64_t at = f->position;
        char where[64];

        describe_where(answer, f, where, sizeof(where));
        switch (f->kind) {
        case MISMATCH_FOREIGN:
                if (at == 0)
                        (void)snprintf(ret_text, max,
                                       "before record 0 the PCR was extended with %s;"
                                       " %s",
                                       search_word_name(f->word), where);
                else
                        (void)snprintf(ret_text, max,
                                       "after record %" PRIu64 " the PCR was "
                                       "extended with %s; %s",
                                       at - 1, search_word_name(f->word), where);
                return;
        case MISMATCH_REPEATED:
                (void)snprintf(ret_text, max, "record %" PRIu64 " was extended twice; %s", at,
                               where);
                return;
        case MISMATCH_MISSING:
                (void)snprintf(ret_text, max, "record %" PRIu64 " was never extended; %s", at,
                               where);
                return;
        case MISMATCH_SWAPPED:
                (void)snprintf(ret_text, max,
                               "record %" PRIu64 " was extended behind the one that "
                               "follows it; %s",
                               at, where);
                return;
        case MISMATCH_RESET:
                (void)snprintf(ret_text, max,
                               "the PCR begins with record %" PRIu64 ": it was reset "
                               "before; %s",
                               at, where);
                return;
        case MISMATCH_MISPLACED:
                (void)snprintf(ret_text, max,
                               "record %" PRIu64 " was extended into PCR %" PRIu32
                               ", but the list says another; %s",
                               at, pcr, where);
                return;
        case MISMATCH_NEVER:
                (void)snprintf(ret_text, max, "the PCR was never extended since its reset");
                return;
        case MISMATCH_PADDED:
                (void)snprintf(ret_text, max, "padded SHA-1 digests would explain it");
                return;
        case MISMATCH_VIOLATIONS:
                (void)snprintf(ret_text, max, "violations were extended as zeros instead of ones");
                return;
        case MISMATCH_CONVERTED:
                (void)snprintf(ret_text, max,
                               "wrong byte order: the list was converted after it "
                               "was measured");
                return;
        case MISMATCH_ALTERED:
                (void)snprintf(ret_text, max,
                               "record %" PRIu64 " does not have the digest that it "
                               "claims: the list was altered or damaged there%s",
                               at, f->banks ? "; with that digest the PCR fits" : "");
                return;
        case MISMATCH_SPLIT:
                (void)snprintf(ret_text, max,
                               "the banks hold different parts of the list: all of "
                               "them records before %" PRIu64 ", some up to %" PRIu64,
                               at, f->end);
                return;
        case MISMATCH_WRONG_LIST:
                (void)snprintf(ret_text, max,
                               "no single change at any record explains it: another "
                               "list, or several changes");
                return;
        case MISMATCH_UNKNOWN:
                (void)snprintf(ret_text, max, "nothing that was tried explains it");
                return;
        case _MISMATCH_KIND_N:
                break;
        }
        assert(false);
}
