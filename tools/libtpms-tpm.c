/* SPDX-License-Identifier: BSD-2-Clause */
#include "libtpms-tpm.h"

#include <libtpms/tpm_error.h>
#include <libtpms/tpm_library.h>
#include <libtpms/tpm_nvfilename.h>
#include <string.h>
#include <tss2/tss2_tpm2_types.h>

#include "base/encode.h"
#include "base/error.h"
#include "libtpms-state.h"

#define LINE_MAX_N (2 * HEX_SIZE(SOFTTPM_COMMAND_MAX))

struct SoftTpm {
        TpmsFile *file; /* NULL: no file */
        int record_fd;
        bool chosen; /* libtpms and the slots are ours */
        bool on;     /* TPMLIB_MainInit() was called */
        unsigned char *response;
        uint32_t response_n;
        uint32_t response_max;
};

/*
 * The TPM's memory as libtpms sees it. Its callbacks get no pointer of ours; that is no loss, as
 * there is one TPM per process.
 */
typedef struct Slot {
        const char *name;
        unsigned char *data;
        uint32_t n;
} Slot;

enum {
        SLOT_PERMANENT,
        SLOT_VOLATILE,
        _SLOT_N,
};

static Slot slots[_SLOT_N] = {
        [SLOT_PERMANENT] = { .name = TPM_PERMANENT_ALL_NAME },
        [SLOT_VOLATILE] = { .name = TPM_VOLATILESTATE_NAME },
};

/*
 * Callbacks
 */

static void slot_clear(Slot *slot) {
        free(TAKE(slot->data));
        slot->n = 0;
}

static int slot_set(Slot *slot, Bytes bytes) {
        unsigned char *data = malloc(bytes.n + 1);

        if (!data)
                return error_origin(-ENOMEM);
        bytes_copy(bytes, data, bytes.n);
        slot_clear(slot);
        slot->data = data;
        slot->n = (uint32_t)bytes.n;
        return 0;
}

static Slot *slot_find(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(slots); ++i)
                if (strcmp(slots[i].name, name) == 0)
                        return &slots[i];
        return NULL;
}

static TPM_RESULT on_nvram_init(void) {
        return TPM_SUCCESS;
}

static TPM_RESULT on_nvram_load(unsigned char **data, uint32_t *n, uint32_t number,
                                const char *name) {
        const Slot *slot = slot_find(name);

        (void)number;
        /* TPM_RETRY is how libtpms wants to hear that there is nothing. */
        if (!slot || !slot->data)
                return TPM_RETRY;
        *data = malloc(slot->n + 1);
        if (!*data)
                return TPM_FAIL;
        bytes_copy(bytes_of(slot->data, slot->n), *data, slot->n);
        *n = slot->n;
        return TPM_SUCCESS;
}

static TPM_RESULT on_nvram_store(const unsigned char *data, uint32_t n, uint32_t number,
                                 const char *name) {
        Slot *slot = slot_find(name);

        (void)number;
        if (!slot || slot_set(slot, bytes_of(data, n)) < 0)
                return TPM_FAIL;
        return TPM_SUCCESS;
}

static TPM_RESULT on_get_locality(TPM_MODIFIER_INDICATOR *locality, uint32_t number) {
        (void)number;
        *locality = 0;
        return TPM_SUCCESS;
}

/*
 * The TPM
 */

/**
 * softtpm_free() - turn the TPM off; its file keeps what was saved last
 * @tpm: the TPM or NULL
 *
 * Return: NULL.
 */
SoftTpm *softtpm_free(SoftTpm *tpm) {
        if (!tpm)
                return NULL;
        if (tpm->on)
                TPMLIB_Terminate();
        if (tpm->chosen)
                for (size_t i = 0; i < ELEMENTSOF(slots); ++i)
                        slot_clear(&slots[i]);
        free(tpm->response);
        closep(&tpm->record_fd);
        (void)tpms_file_free(tpm->file);
        free(tpm);
        return NULL;
}

/* Run a command; its response is in @tpm, to be used up before the next. */
static int softtpm_process(SoftTpm *tpm, Bytes command) {
        /* libtpms decrypts parameters in place: it gets a copy. */
        unsigned char buffer[SOFTTPM_COMMAND_MAX];

        bytes_copy(command, buffer, sizeof(buffer));
        if (TPMLIB_Process(&tpm->response, &tpm->response_n, &tpm->response_max, buffer,
                           (uint32_t)command.n) != TPM_SUCCESS)
                return error_origin(-EIO);
        return 0;
}

static Bytes softtpm_response(const SoftTpm *tpm) {
        return bytes_of(tpm->response, tpm->response_n);
}

static int softtpm_save(const SoftTpm *tpm) {
        _cleanup_free_ unsigned char *permanent = NULL, *volatile_state = NULL;
        uint32_t n_permanent = 0, n_volatile = 0;

        if (!tpm->file)
                return 0;
        if (TPMLIB_GetState(TPMLIB_STATE_PERMANENT, &permanent, &n_permanent) != TPM_SUCCESS ||
            TPMLIB_GetState(TPMLIB_STATE_VOLATILE, &volatile_state, &n_volatile) != TPM_SUCCESS)
                return error_origin(-EIO);
        return error_trace(tpms_file_save(tpm->file, bytes_of(permanent, n_permanent),
                                          bytes_of(volatile_state, n_volatile)));
}

/* Run a command of the module itself, and give out what follows the header of its response. */
static int softtpm_own_command(SoftTpm *tpm, const Builder *command, Bytes *ret_body) {
        uint32_t size, rc;
        uint16_t tag;
        Bytes in;
        int r;

        r = softtpm_process(tpm, builder_bytes(command));
        if (r < 0)
                return error_trace(r);
        in = softtpm_response(tpm);
        if (!bytes_take_u16(&in, ORDER_BIG, &tag) || !bytes_take_u32(&in, ORDER_BIG, &size) ||
            !bytes_take_u32(&in, ORDER_BIG, &rc) || rc != TPM2_RC_SUCCESS)
                return error_origin(-EIO);
        *ret_body = in;
        return 0;
}

static Builder own_command(uint8_t *buffer, size_t n, TPM2_CC code) {
        Builder b = builder_on(buffer, n);

        builder_put_u16(&b, ORDER_BIG, TPM2_ST_NO_SESSIONS);
        builder_put_u32(&b, ORDER_BIG, (uint32_t)n);
        builder_put_u32(&b, ORDER_BIG, code);
        return b;
}

static int softtpm_startup(SoftTpm *tpm) {
        uint8_t buffer[12];
        Builder b = own_command(buffer, sizeof(buffer), TPM2_CC_Startup);
        Bytes body;

        builder_put_u16(&b, ORDER_BIG, TPM2_SU_CLEAR);
        return error_trace(softtpm_own_command(tpm, &b, &body));
}

static int softtpm_flush_handle(SoftTpm *tpm, TPM2_HANDLE handle) {
        uint8_t buffer[14];
        Builder b = own_command(buffer, sizeof(buffer), TPM2_CC_FlushContext);
        Bytes body;

        builder_put_u32(&b, ORDER_BIG, handle);
        return error_trace(softtpm_own_command(tpm, &b, &body));
}

/* Flush all handles of a range. One answer names them all: libtpms has at most 64 sessions. */
static int softtpm_flush_range(SoftTpm *tpm, TPM2_HANDLE first) {
        uint8_t buffer[22], handles[TPM2_MAX_CAP_HANDLES * sizeof(uint32_t)];
        Builder b = own_command(buffer, sizeof(buffer), TPM2_CC_GetCapability);
        uint32_t capability, count, handle;
        uint8_t more;
        Bytes body;
        int r;

        builder_put_u32(&b, ORDER_BIG, TPM2_CAP_HANDLES);
        builder_put_u32(&b, ORDER_BIG, first);
        builder_put_u32(&b, ORDER_BIG, TPM2_MAX_CAP_HANDLES);
        r = softtpm_own_command(tpm, &b, &body);
        if (r < 0)
                return error_trace(r);
        if (!bytes_take_u8(&body, &more) || !bytes_take_u32(&body, ORDER_BIG, &capability) ||
            !bytes_take_u32(&body, ORDER_BIG, &count) || more || body.n > sizeof(handles) ||
            body.n != count * sizeof(uint32_t))
                return error_origin(-EIO);
        /* The next command overwrites this answer. */
        bytes_copy(body, handles, sizeof(handles));
        body.data = handles;
        while (r == 0 && bytes_take_u32(&body, ORDER_BIG, &handle))
                r = softtpm_flush_handle(tpm, handle);
        return error_trace(r);
}

/* Take away what a process left behind, as the kernel does when /dev/tpmrm0 is closed. */
static int softtpm_flush(SoftTpm *tpm) {
        static const TPM2_HANDLE ranges[] = {
                TPM2_LOADED_SESSION_FIRST,
                TPM2_ACTIVE_SESSION_FIRST, /* asks for saved ones: Part 2, TPM_HT_SAVED_SESSION */
                TPM2_TRANSIENT_FIRST,
        };
        int r = 0;

        for (size_t i = 0; r == 0 && i < ELEMENTSOF(ranges); ++i)
                r = softtpm_flush_range(tpm, ranges[i]);
        return error_trace(r);
}

static int fold_state(int r) {
        switch (r) {
        case TPMS_E_BUSY:
                return SOFTTPM_E_BUSY;
        case TPMS_E_DAMAGED:
                return SOFTTPM_E_DAMAGED;
        default:
                return error_fold(r);
        }
}

static int softtpm_open_files(SoftTpm *tpm, const SoftTpmConf *conf) {
        int r;

        if (conf->record) {
                r = tpms_record_open(conf->record, LINE_MAX_N, &tpm->record_fd);
                if (r != 0)
                        return fold_state(r);
        }
        if (conf->path) {
                r = tpms_file_open(conf->path, &tpm->file);
                if (r != 0)
                        return fold_state(r);
        }
        return 0;
}

/* Put the old state, if there is one, where libtpms will look for it. */
static int softtpm_load(SoftTpm *tpm, bool *ret_resumed) {
        _cleanup_free_ uint8_t *data = NULL;
        Bytes permanent, volatile_state;
        int r;

        r = tpm->file ? tpms_file_load(tpm->file, &data, &permanent, &volatile_state) : TPMS_E_NONE;
        if (r == TPMS_E_NONE) {
                *ret_resumed = false;
                return 0;
        }
        if (r != 0)
                return fold_state(r);
        r = slot_set(&slots[SLOT_PERMANENT], permanent);
        if (r == 0)
                r = slot_set(&slots[SLOT_VOLATILE], volatile_state);
        if (r < 0)
                return error_trace(r);
        *ret_resumed = true;
        return 0;
}

static int softtpm_power_on(SoftTpm *tpm) {
        bool resumed = false;
        int r;

        r = softtpm_load(tpm, &resumed);
        if (r != 0)
                return r;
        tpm->on = true;
        if (TPMLIB_MainInit() != TPM_SUCCESS)
                return resumed ? SOFTTPM_E_DAMAGED : error_origin(-EIO);
        r = resumed ? softtpm_flush(tpm) : softtpm_startup(tpm);
        /* libtpms ignores a volatile state that it does not like; such a TPM was never started. */
        if (r < 0)
                return resumed ? SOFTTPM_E_DAMAGED : error_trace(r);
        return error_trace(softtpm_save(tpm));
}

/**
 * softtpm_new() - turn the TPM of this process on
 * @conf:    how; not used any more afterwards
 * @ret_tpm: the TPM, started, to be freed with softtpm_free(); set on success only
 *
 * Return: 0, SOFTTPM_E_BUSY, SOFTTPM_E_DAMAGED; -ENOMEM, -EIO or what the system says of a file.
 */
int softtpm_new(const SoftTpmConf *conf, SoftTpm **ret_tpm) {
        static struct libtpms_callbacks callbacks = {
                .sizeOfStruct = sizeof(callbacks),
                .tpm_nvram_init = on_nvram_init,
                .tpm_nvram_loaddata = on_nvram_load,
                .tpm_nvram_storedata = on_nvram_store,
                .tpm_io_getlocality = on_get_locality,
        };
        _cleanup_(softtpm_freep) SoftTpm *tpm = NULL;
        int r;

        tpm = calloc(1, sizeof(*tpm));
        if (!tpm)
                return error_origin(-ENOMEM);
        tpm->record_fd = -1;
        r = softtpm_open_files(tpm, conf);
        if (r != 0)
                return r;
        /* libtpms refuses the choice while a TPM is on, whoever in the process turned it on. */
        if (TPMLIB_ChooseTPMVersion(TPMLIB_TPM_VERSION_2) != TPM_SUCCESS)
                return SOFTTPM_E_BUSY;
        tpm->chosen = true;
        if (TPMLIB_RegisterCallbacks(&callbacks) != TPM_SUCCESS)
                return error_origin(-EIO);
        r = softtpm_power_on(tpm);
        if (r != 0)
                return r;
        *ret_tpm = TAKE(tpm);
        return 0;
}

/**
 * softtpm_run() - run a command, put it on record, save the new state
 * @tpm:          the TPM
 * @command:      at most SOFTTPM_COMMAND_MAX bytes; libtpms judges what is in them
 * @ret_response: borrowed from @tpm until the next command; set on success only
 *
 * After a failure the TPM may have run the command, and the next save will include it.
 *
 * Return: 0; -EIO, -ENOMEM or what the system says of a file.
 */
int softtpm_run(SoftTpm *tpm, Bytes command, Bytes *ret_response) {
        int r;

        r = softtpm_process(tpm, command);
        if (r == 0 && tpm->record_fd >= 0)
                r = tpms_record_append(tpm->record_fd, command, softtpm_response(tpm));
        if (r == 0)
                r = softtpm_save(tpm);
        if (r < 0)
                return error_trace(r);
        *ret_response = softtpm_response(tpm);
        return 0;
}
