/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * render.h -- a record in the forms that the kernel gives it. Pure: text goes to who asked for it,
 * piece by piece, and nothing is kept.
 *
 * Source: kernel ima_fs.c, ima_measurements_show() and ima_ascii_measurements_show(); the
 * field_show functions of ima_template_lib.c.
 */
#pragma once

#include "core/template.h"

/* Where the pieces go. A sink that cannot take one keeps that to itself until it is asked. */
typedef struct RenderSink {
        void (*put)(void *userdata, Bytes piece);
        void *userdata;
} RenderSink;

void render_text(const RenderSink *to, const char *text);
void render_hex(const RenderSink *to, Bytes in);
void render_number(const RenderSink *to, uint64_t number);
void render_binary(const RenderSink *to, const MlistRecord *record, ByteOrder order);
int render_ascii(const RenderSink *to, const MlistRecord *record, ByteOrder order, bool is_escaped);

/* What a record is about, as far as it says that well-formed. */
TemplateSubject render_subject(const MlistRecord *record, ByteOrder order);
