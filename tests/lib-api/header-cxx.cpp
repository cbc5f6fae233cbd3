/* SPDX-License-Identifier: BSD-2-Clause */
/* header-cxx.cpp -- the same as C++: linking shows that the names are extern "C". */
#include "header-c99.c"
