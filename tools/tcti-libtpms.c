/* SPDX-License-Identifier: BSD-2-Clause */
#include "tcti-libtpms.h"

#include <poll.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "libtpms-tpm.h"

#define TCTI_MAGIC   0x696d7274706d7332ULL /* "imrtpms2" */
#define DELAY_US_MAX 60000000U

enum {
        _CONF_E_SUCCESS,
        CONF_E_INVALID, /* it does not follow tcti-libtpms.h */
};

typedef struct TctiConf {
        SoftTpmConf tpm;
        uint32_t delay_us;
        char *slow;
} TctiConf;

typedef struct Tcti {
        TSS2_TCTI_CONTEXT_COMMON_V2 common;
        SoftTpm *tpm;
        Bytes response; /* borrowed from the TPM; .data is NULL when there is none */
        uint32_t delay_us;
        char *slow; /* NULL: it is always slow */
        int due_fd; /* a timer: readable while there is a response that may be received */
} Tcti;

/*
 * Configuration
 */

static void conf_deinit(TctiConf *conf) {
        free(TAKE(conf->tpm.path));
        free(TAKE(conf->tpm.record));
        free(TAKE(conf->slow));
}

static int conf_text(Bytes value, char **text) {
        if (*text || value.n == 0)
                return CONF_E_INVALID;
        *text = strndup((const char *)value.data, value.n);
        if (!*text)
                return error_origin(-ENOMEM);
        return 0;
}

static int conf_delay(Bytes value, uint32_t *delay_us) {
        uint32_t v = 0;
        uint8_t c;

        if (*delay_us > 0 || value.n == 0)
                return CONF_E_INVALID;
        while (bytes_take_u8(&value, &c)) {
                if (c < '0' || c > '9')
                        return CONF_E_INVALID;
                v = v * 10 + (uint32_t)(c - '0');
                if (v > DELAY_US_MAX)
                        return CONF_E_INVALID;
        }
        *delay_us = v;
        return 0;
}

static void take_part(Bytes *in, Bytes *ret) {
        if (!bytes_take_until(in, ',', ret))
                (void)bytes_take(in, in->n, ret);
}

/* What was taken so far is the caller's, also after a failure. */
static int conf_parse(const char *text, TctiConf *conf) {
        Bytes in = bytes_of_text(text ? text : ""), part, key;
        int r = 0;

        take_part(&in, &part);
        if (part.n > 0)
                r = conf_text(part, &conf->tpm.path);
        while (r == 0 && in.n > 0) {
                take_part(&in, &part);
                if (!bytes_take_until(&part, '=', &key))
                        r = CONF_E_INVALID;
                else if (bytes_equal_text(key, "record"))
                        r = conf_text(part, &conf->tpm.record);
                else if (bytes_equal_text(key, "delay"))
                        r = conf_delay(part, &conf->delay_us);
                else if (bytes_equal_text(key, "slow"))
                        r = conf_text(part, &conf->slow);
                else
                        r = CONF_E_INVALID;
        }
        return r;
}

/*
 * When a response is due
 */

/* The timer becomes readable @us from now, never at once; what it was before is forgotten. */
static int due_in(int fd, uint32_t us) {
        struct itimerspec t = { .it_value.tv_sec = us / 1000000,
                                .it_value.tv_nsec = (long)(us % 1000000) * 1000 + 1 };

        return timerfd_settime(fd, 0, &t, NULL) < 0 ? error_origin(negative_errno()) : 0;
}

static int due_never(int fd) {
        return timerfd_settime(fd, 0, &(struct itimerspec){}, NULL) < 0
                       ? error_origin(negative_errno())
                       : 0;
}

/* As poll(): what is left of @timeout_ms after a signal is not worth a clock in a tool. */
static int due_wait(int fd, int timeout_ms, bool *ret_due) {
        struct pollfd pollfd = { .fd = fd, .events = POLLIN };
        int n;

        do
                n = poll(&pollfd, 1, timeout_ms);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return error_origin(negative_errno());
        *ret_due = n > 0;
        return 0;
}

/*
 * The TCTI
 */

static TSS2_RC rc_of(int r) {
        switch (r) {
        case 0:
                return TSS2_RC_SUCCESS;
        case SOFTTPM_E_BUSY:
                return TSS2_TCTI_RC_TRY_AGAIN;
        case SOFTTPM_E_DAMAGED:
                return TSS2_TCTI_RC_GENERAL_FAILURE;
        case -ENOMEM:
                return TSS2_TCTI_RC_MEMORY;
        default:
                return TSS2_TCTI_RC_IO_ERROR;
        }
}

static Tcti *tcti_of(TSS2_TCTI_CONTEXT *context) {
        return context && TSS2_TCTI_MAGIC(context) == TCTI_MAGIC ? (Tcti *)context : NULL;
}

static uint32_t tcti_delay(const Tcti *tcti) {
        return tcti->slow && access(tcti->slow, F_OK) < 0 ? 0 : tcti->delay_us;
}

/* The delay counts from here on, as that of a chip does, not from the end of the command. */
static int tcti_run(const Tcti *tcti, Bytes command, Bytes *ret_response) {
        uint32_t delay_us = tcti_delay(tcti);
        bool is_due;
        int r;

        r = due_in(tcti->due_fd, delay_us);
        if (r < 0)
                return error_trace(r);
        r = softtpm_run(tcti->tpm, command, ret_response);
        if (r < 0)
                return error_trace(r);
        /* Without a delay the timer has fired, or does now: nobody shall hear TRY_AGAIN. */
        return delay_us > 0 ? 0 : error_trace(due_wait(tcti->due_fd, -1, &is_due));
}

static TSS2_RC tcti_transmit(TSS2_TCTI_CONTEXT *context, size_t n, const uint8_t *command) {
        Tcti *tcti = tcti_of(context);
        Bytes response;
        int r;

        if (!tcti)
                return TSS2_TCTI_RC_BAD_CONTEXT;
        if (!command)
                return TSS2_TCTI_RC_BAD_REFERENCE;
        if (tcti->response.data)
                return TSS2_TCTI_RC_BAD_SEQUENCE;
        if (n == 0 || n > SOFTTPM_COMMAND_MAX)
                return TSS2_TCTI_RC_BAD_VALUE;
        r = tcti_run(tcti, bytes_of(command, n), &response);
        if (r < 0) {
                (void)due_never(tcti->due_fd);
                return rc_of(r);
        }
        tcti->response = response;
        return TSS2_RC_SUCCESS;
}

static TSS2_RC tcti_receive(TSS2_TCTI_CONTEXT *context, size_t *size, uint8_t *response,
                            int32_t timeout) {
        Tcti *tcti = tcti_of(context);
        bool is_due;
        size_t max;
        int r;

        if (!tcti)
                return TSS2_TCTI_RC_BAD_CONTEXT;
        if (!size)
                return TSS2_TCTI_RC_BAD_REFERENCE;
        if (!tcti->response.data)
                return TSS2_TCTI_RC_BAD_SEQUENCE;
        if (timeout < TSS2_TCTI_TIMEOUT_BLOCK)
                return TSS2_TCTI_RC_BAD_VALUE;
        r = due_wait(tcti->due_fd, timeout, &is_due);
        if (r < 0)
                return rc_of(r);
        if (!is_due)
                return TSS2_TCTI_RC_TRY_AGAIN;
        max = *size;
        *size = tcti->response.n;
        if (!response)
                return TSS2_RC_SUCCESS;
        if (max < tcti->response.n)
                return TSS2_TCTI_RC_INSUFFICIENT_BUFFER;
        bytes_copy(tcti->response, response, max);
        tcti->response = (Bytes){};
        return rc_of(due_never(tcti->due_fd));
}

static void tcti_finalize(TSS2_TCTI_CONTEXT *context) {
        Tcti *tcti = tcti_of(context);

        if (!tcti)
                return;
        (void)softtpm_free(tcti->tpm);
        closep(&tcti->due_fd);
        free(tcti->slow);
        *tcti = (Tcti){};
}

static TSS2_RC tcti_cancel(TSS2_TCTI_CONTEXT *context) {
        (void)context;
        return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

static TSS2_RC tcti_get_poll_handles(TSS2_TCTI_CONTEXT *context, TSS2_TCTI_POLL_HANDLE *handles,
                                     size_t *n_handles) {
        const Tcti *tcti = tcti_of(context);
        size_t max;

        if (!tcti)
                return TSS2_TCTI_RC_BAD_CONTEXT;
        if (!n_handles)
                return TSS2_TCTI_RC_BAD_REFERENCE;
        max = *n_handles;
        *n_handles = 1;
        if (!handles)
                return TSS2_RC_SUCCESS;
        if (max < 1)
                return TSS2_TCTI_RC_INSUFFICIENT_BUFFER;
        handles[0] = (TSS2_TCTI_POLL_HANDLE){ .fd = tcti->due_fd, .events = POLLIN };
        return TSS2_RC_SUCCESS;
}

static TSS2_RC tcti_set_locality(TSS2_TCTI_CONTEXT *context, uint8_t locality) {
        if (!tcti_of(context))
                return TSS2_TCTI_RC_BAD_CONTEXT;
        return locality == 0 ? TSS2_RC_SUCCESS : TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

static TSS2_RC tcti_make_sticky(TSS2_TCTI_CONTEXT *context, TPM2_HANDLE *handle, uint8_t sticky) {
        (void)context;
        (void)handle;
        (void)sticky;
        return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

/**
 * Tss2_Tcti_Libtpms_Init() - turn on the TPM of this process
 * @tcti: the context, *@size bytes, to be finalized by the caller; NULL only asks for the size
 * @size: bytes at @tcti; set when @tcti is NULL
 * @conf: see tcti-libtpms.h; NULL is like empty
 *
 * Return: TSS2_RC_SUCCESS; TSS2_TCTI_RC_BAD_REFERENCE (no @size), TSS2_TCTI_RC_INSUFFICIENT_BUFFER
 * (@size), TSS2_TCTI_RC_BAD_VALUE (@conf), TSS2_TCTI_RC_TRY_AGAIN (in use),
 * TSS2_TCTI_RC_GENERAL_FAILURE (damaged state), TSS2_TCTI_RC_MEMORY, TSS2_TCTI_RC_IO_ERROR.
 */
_public_ TSS2_RC Tss2_Tcti_Libtpms_Init(TSS2_TCTI_CONTEXT *tcti, size_t *size, const char *conf) {
        _cleanup_(conf_deinit) TctiConf how = {};
        _cleanup_close_ int due_fd = -1;
        SoftTpm *tpm = NULL;
        int r;

        if (!size)
                return TSS2_TCTI_RC_BAD_REFERENCE;
        if (!tcti) {
                *size = sizeof(Tcti);
                return TSS2_RC_SUCCESS;
        }
        if (*size < sizeof(Tcti))
                return TSS2_TCTI_RC_INSUFFICIENT_BUFFER;
        r = conf_parse(conf, &how);
        if (r != 0)
                return r == CONF_E_INVALID ? TSS2_TCTI_RC_BAD_VALUE : rc_of(r);
        due_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        if (due_fd < 0)
                return TSS2_TCTI_RC_IO_ERROR;
        r = softtpm_new(&how.tpm, &tpm);
        if (r != 0)
                return rc_of(r);
        *(Tcti *)tcti = (Tcti){
                .common = {
                        .v1 = {
                                .magic = TCTI_MAGIC,
                                .version = 2,
                                .transmit = tcti_transmit,
                                .receive = tcti_receive,
                                .finalize = tcti_finalize,
                                .cancel = tcti_cancel,
                                .getPollHandles = tcti_get_poll_handles,
                                .setLocality = tcti_set_locality,
                        },
                        .makeSticky = tcti_make_sticky,
                },
                .tpm = tpm,
                .delay_us = how.delay_us,
                .due_fd = take_fd(&due_fd),
        };
        ((Tcti *)tcti)->slow = TAKE(how.slow);
        return TSS2_RC_SUCCESS;
}

/**
 * Tss2_Tcti_Info() - what tss2-tctildr looks for in the module
 *
 * Return: the description, never NULL.
 */
_public_ const TSS2_TCTI_INFO *Tss2_Tcti_Info(void) {
        static const TSS2_TCTI_INFO info = {
                .version = 2,
                .name = "tcti-libtpms",
                .description = "TCTI module for a software TPM in the process (libtpms)",
                .config_help = "[FILE][,record=FILE][,delay=MICROSECONDS][,slow=FILE]",
                .init = Tss2_Tcti_Libtpms_Init,
        };

        return &info;
}
