/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * describe-sig.c -- digests and signatures as they stand in security.ima and security.evm.
 */
#include "core/describe-internal.h"

/* kernel security/integrity/integrity.h, enum evm_ima_xattr_type */
enum {
        XATTR_IMA_DIGEST = 1,
        XATTR_EVM_HMAC = 2,
        XATTR_IMA_SIGNATURE = 3,
        XATTR_IMA_DIGEST_NG = 4,
        XATTR_EVM_SIGNATURE = 5,
        XATTR_VERITY_SIGNATURE = 6,
};

const char *const describe_xattr_types[DESCRIBE_XATTR_TYPE_N] = {
        [0] = "none",
        [XATTR_IMA_DIGEST] = "ima-digest",
        [XATTR_EVM_HMAC] = "evm-hmac",
        [XATTR_IMA_SIGNATURE] = "ima-signature",
        [XATTR_IMA_DIGEST_NG] = "ima-digest-ng",
        [XATTR_EVM_SIGNATURE] = "evm-portable-signature",
        [XATTR_VERITY_SIGNATURE] = "verity-signature",
};

#define MD5_SIZE  16U
#define SHA1_SIZE 20U

#define KEYID_SIZE    4U
#define KEYID_V1_SIZE 8U

/* In the order of kernel include/uapi/linux/hash_info.h, enum hash_algo; crypto/hash_info.c. */
static const HashInfo hash_infos[] = {
        { "md4", 16 },
        { "md5", 16 },
        { "sha1", 20 },
        { "rmd160", 20 },
        { "sha256", 32 },
        { "sha384", 48 },
        { "sha512", 64 },
        { "sha224", 28 },
        { "rmd128", 16 },
        { "rmd256", 32 },
        { "rmd320", 40 },
        { "wp256", 32 },
        { "wp384", 48 },
        { "wp512", 64 },
        { "tgr128", 16 },
        { "tgr160", 20 },
        { "tgr192", 24 },
        { "sm3", 32 },
        { "streebog256", 32 },
        { "streebog512", 64 },
        { "sha3-256", 32 },
        { "sha3-384", 48 },
        { "sha3-512", 64 },
        /* no number of its own: what kernels before 5.17 called sm3 */
        { "sm3-256", 32 },
};

#define HASH_NUMBER_N (ELEMENTSOF(hash_infos) - 1)

/**
 * describe_hash_by_name() - find one of the kernel's hash algorithms
 * @name: as in a list
 *
 * Return: its entry, or NULL.
 */
const HashInfo *describe_hash_by_name(Bytes name) {
        for (size_t i = 0; i < ELEMENTSOF(hash_infos); ++i)
                if (bytes_equal_text(name, hash_infos[i].name))
                        return &hash_infos[i];
        return NULL;
}

/**
 * describe_hash_by_number() - find a hash algorithm by the kernel's number of it
 * @number: as in a signature header
 *
 * Return: its entry, or NULL.
 */
const HashInfo *describe_hash_by_number(uint8_t number) {
        return number < HASH_NUMBER_N ? &hash_infos[number] : NULL;
}

/**
 * describe_hash_has_size() - is there an algorithm with digests of this size?
 * @size: in bytes
 *
 * Return: whether.
 */
bool describe_hash_has_size(size_t size) {
        for (size_t i = 0; i < ELEMENTSOF(hash_infos); ++i)
                if (hash_infos[i].size == size)
                        return true;
        return false;
}

static const char *take_digest(FactSink *to, Bytes *in, size_t size, const char *expected) {
        Bytes digest;

        if (in->n != size || !bytes_take(in, size, &digest))
                return expected;
        describe_put_bytes(to, "digest", FACT_HEX, digest);
        return NULL;
}

static const char *take_digest_ng(FactSink *to, Bytes *in) {
        const HashInfo *info;
        Bytes peek = *in;
        uint8_t number;

        if (!bytes_take_u8(&peek, &number))
                return "the number of a hash algorithm";
        info = describe_hash_by_number(number);
        if (!info)
                return "the number of a hash algorithm";
        *in = peek;
        describe_put_word(to, "algorithm", info->name);
        return take_digest(to, in, info->size, "a digest as long as its algorithm makes them");
}

/*
 * kernel include/linux/digsig.h, struct signature_hdr: the timestamp is in the signer's byte order,
 * which nobody can know from it; then one MPI, whose length counts bits.
 */
static const char *take_signature_v1(FactSink *to, Bytes *in) {
        static const char *const algorithms[] = { "sha1", "sha256" };
        uint8_t public_key, hash, n_mpi;
        Bytes timestamp, keyid, mpi;
        uint16_t n_bits;

        if (!bytes_take(in, 4, &timestamp))
                return "a timestamp of 4 bytes";
        if (in->n < 2 || in->data[0] != 0 || in->data[1] >= ELEMENTSOF(algorithms))
                return "RSA (0) and a digest by sha1 (0) or sha256 (1)";
        (void)bytes_take_u8(in, &public_key);
        (void)bytes_take_u8(in, &hash);
        if (!bytes_take(in, KEYID_V1_SIZE, &keyid))
                return "a key id of 8 bytes";
        if (in->n < 1 || in->data[0] != 1)
                return "one number (MPI)";
        (void)bytes_take_u8(in, &n_mpi);
        mpi = *in;
        if (!bytes_take_u16(&mpi, ORDER_BIG, &n_bits) || mpi.n != ((size_t)n_bits + 7) / 8 ||
            mpi.n == 0)
                return "a number as long as the signature";
        describe_put_word(to, "algorithm", algorithms[hash]);
        describe_put_bytes(to, "keyid", FACT_HEX, keyid);
        describe_put_bytes(to, "timestamp", FACT_HEX, timestamp);
        describe_put_bytes(to, "signature", FACT_HEX, mpi);
        return NULL;
}

/* kernel security/integrity/integrity.h, struct signature_v2_hdr; versions 2 and 3 */
static const char *take_signature_v2(FactSink *to, Bytes *in) {
        const HashInfo *info;
        Bytes keyid, peek;
        uint8_t number;
        uint16_t size;

        info = in->n > 0 ? describe_hash_by_number(in->data[0]) : NULL;
        if (!info)
                return "the number of a hash algorithm";
        (void)bytes_take_u8(in, &number);
        if (!bytes_take(in, KEYID_SIZE, &keyid))
                return "a key id of 4 bytes";
        peek = *in;
        if (!bytes_take_u16(&peek, ORDER_BIG, &size) || size != peek.n || size == 0)
                return "the length of the signature that follows";
        describe_put_word(to, "algorithm", info->name);
        describe_put_bytes(to, "keyid", FACT_HEX, keyid);
        describe_put_bytes(to, "signature", FACT_HEX, peek);
        return NULL;
}

static const char *take_signature(FactSink *to, uint8_t type, Bytes *in) {
        Bytes peek = *in;
        uint8_t version;

        if (!bytes_take_u8(&peek, &version))
                return "the version of a signature";
        /* kernel digsig.c, integrity_digsig_verify(); ima_appraise.c, xattr_verify() */
        if (type == XATTR_VERITY_SIGNATURE ? version != 3 : version < 1 || version > 3)
                return type == XATTR_VERITY_SIGNATURE ? "signature version 3"
                                                      : "signature version 1, 2 or 3";
        *in = peek;
        describe_put_number(to, "version", version);
        return version == 1 ? take_signature_v1(to, in) : take_signature_v2(to, in);
}

/**
 * describe_xattr() - facts of a security.ima or security.evm value
 * @to: where they go
 * @in: the value; where it is wrong when it is
 *
 * Source: kernel integrity.h, and ima_appraise.c, ima_get_hash_algo() for the digests.
 *
 * Return: NULL, or what was expected.
 */
const char *describe_xattr(FactSink *to, Bytes *in) {
        uint8_t type = in->n > 0 ? in->data[0] : 0;

        if (type == 0 || type >= DESCRIBE_XATTR_TYPE_N)
                return "a type from 1 to 6";
        (void)bytes_take_u8(in, &type);
        describe_put_word(to, "type", describe_xattr_types[type]);
        switch (type) {
        case XATTR_IMA_DIGEST:
                return take_digest(to, in, in->n == MD5_SIZE ? MD5_SIZE : SHA1_SIZE,
                                   "a digest of 20 (sha1) or 16 (md5) bytes");
        case XATTR_EVM_HMAC:
                return take_digest(to, in, SHA1_SIZE, "an HMAC of 20 bytes");
        case XATTR_IMA_DIGEST_NG:
                return take_digest_ng(to, in);
        default:
                return take_signature(to, type, in);
        }
}
