/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tree.h -- machines of tests/data/machines as trees of files, for --root. See the README there.
 */
#pragma once

#include <stddef.h>

/* Each makes what is needed on the way; a failure ends the test. */
void tree_file(const char *root, const char *path, const char *text);
void tree_link(const char *root, const char *path, const char *target);
void tree_directory(const char *root, const char *path);
void tree_build(const char *data, const char *name, const char *root);
/* The same over what is there, without the paths that begin so. */
void tree_stage(const char *data, const char *name, const char *root, const char *without);
char *tree_root_new(void);
char *tree_root_free(char *root);
