/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mlist-ascii.h -- the measurement list as the kernel prints it: lines in, records out. Pure. For
 * tools only; what is extended comes from the binary list.
 *
 * A line shows fields, not bytes. The template data is built again from them, and the template
 * digest in the line proves it: then a record is as good as a binary one. Where the digest does
 * not fit, the line was altered or does not show all bytes: LOSSY, the record is known, its data is
 * not.
 *
 * A name may hold newlines, but no space (kernel ima_template_lib.c,
 * ima_write_template_field_data(); old kernels kept spaces, one of 3.10 is
 * among the published lists). So a line that begins like a
 * record is one, and all else goes on with a name. What no digest covers is not certain, here as in
 * a binary list: the data of a violation.
 *
 * Format: kernel ima_fs.c, ima_ascii_measurements_show(); ima_template_lib.c,
 * ima_show_template_data_ascii().
 */
#pragma once

#include "core/mlist.h"
#include "core/template.h"

/* Continues the outcomes of mlist.h. */
enum {
        MLIST_ASCII_E_LOSSY = MLIST_E_LIMIT + 1,
};

/* Two digits a byte of template data, and what stands around them. */
#define MLIST_ASCII_RECORD_MAX (2 * MLIST_RECORD_MAX)

/* Where the digest and the data of a record go that n characters show: 15 fields that are empty or
 * a number of one digit gain most. */
#define MLIST_ASCII_ROOM(n) ((size_t)(n) + 256U)

/* How to read; the hasher is of form.alg. */
typedef struct MlistAscii {
        MlistForm form;
        Hasher *hasher;
        uint8_t *room;
        size_t room_max; /* at least MLIST_ASCII_ROOM() of the input */
        bool at_end;     /* nothing stands behind the input */
} MlistAscii;

int mlist_ascii_is(Bytes input, bool *ret_is_ascii);
int mlist_ascii_detect(Bytes input, const MlistAscii *how, const Hashers *hashers,
                       MlistForm *ret_form, MlistError *ret_error);
int mlist_ascii_parse(Bytes *input, const MlistAscii *how, MlistRecord *ret_record,
                      MlistError *ret_error);

bool mlist_ascii_fields(Bytes text, const TemplateFields *template, ByteOrder order, Builder *data);
bool mlist_ascii_ima(Bytes text, ByteOrder order, Builder *data, MlistRecord *record);
