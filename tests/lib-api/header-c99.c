/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * header-c99.c -- imareplay.h alone, as C99; every symbol is there and can be linked. Compiled as
 * C++ by header-cxx.cpp.
 */
#include <imareplay.h>

#include <string.h>

typedef void Function(void);

static Function *const functions[] = {
        (Function *)imr_version,
        (Function *)imr_list_new_from_fd,
        (Function *)imr_list_free,
        (Function *)imr_list_next,
        (Function *)imr_list_error,
        (Function *)imr_record_position,
        (Function *)imr_record_pcr,
        (Function *)imr_record_is_violation,
        (Function *)imr_record_digest_fits,
        (Function *)imr_record_digest,
        (Function *)imr_record_template,
        (Function *)imr_record_data,
        (Function *)imr_record_raw,
        (Function *)imr_verify_new,
        (Function *)imr_verify_free,
        (Function *)imr_verify_expect,
        (Function *)imr_verify_padded,
        (Function *)imr_verify_record,
        (Function *)imr_verify_main_pcr,
        (Function *)imr_verify_result,
        (Function *)imr_verify_value,
};

int main(void) {
        size_t i;

        for (i = 0; i < sizeof(functions) / sizeof(functions[0]); ++i)
                if (!functions[i])
                        return 1;
        if (imr_list_free(NULL) || imr_verify_free(NULL))
                return 1;
        return strlen(imr_version()) == 0;
}
