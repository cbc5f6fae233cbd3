/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record.h -- how one record looks: its subject, text cut to a terminal, the kernel's ascii form.
 */
#pragma once

#include "client/ctl.h"
#include "core/template.h"

/* "sha256:" and so on, with all hex digits; kernel names are shorter than 16 characters. */
#define RECORD_DIGEST_MAX 160U

size_t text_width(const char *text);
int text_cut(Bytes raw, size_t width, char **ret_text);

TemplateSubject record_subject(const MlistRecord *record, ByteOrder order);
void record_digest_text(const TemplateSubject *subject, bool is_full,
                        char ret_text[static RECORD_DIGEST_MAX]);
int record_print_ascii(FILE *f, const MlistRecord *record, ByteOrder order, bool is_escaped);
void record_print_binary(FILE *f, const MlistRecord *record, ByteOrder order);
