/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * ffa_crb.c -- a stand-in kernel module that is both "ffa-crb" (the FF-A client) and CRB driver.
 *
 * Linux' own tpm_crb_ffa needs ACPI, and on a stock Debian kernel it cannot work (TCG_CRB=y). This
 * module gives a device-tree machine the same shape of readiness: an FF-A device bound to a driver
 * named "ffa-crb", then /dev/tpm0 and /dev/tpmrm0. It speaks the TPM service of Arm DEN0138 and
 * finds the CRB by the compatible string "ima-replay,ffa-crb". For kernels from 6.18 on.
 */
#include <linux/arm_ffa.h>
#include <linux/io.h>
#include <linux/iopoll.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/of_address.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/tpm.h>
#include <linux/unaligned.h>

/* private to drivers/char/tpm, but exported */
struct tpm_chip *tpmm_chip_alloc(struct device *pdev, const struct tpm_class_ops *ops);
int tpm_chip_register(struct tpm_chip *chip);
void tpm_chip_unregister(struct tpm_chip *chip);

#define SVC_GET_VERSION    0x0f000001
#define SVC_START          0x0f000201
#define SVC_START_COMMAND  0
#define SVC_START_LOCALITY 1
#define SVC_OK             0x05000001
#define SVC_OK_RESULTS     0x05000002

/* Registers of the locality 0 page (TCG PC Client Platform TPM Profile, CRB interface) */
#define LOC_STATE   0x00
#define LOC_CTRL    0x08
#define CTRL_REQ    0x40
#define CTRL_STS    0x44
#define CTRL_CANCEL 0x48
#define CTRL_START  0x4c
#define CMD_SIZE    0x58
#define CMD_PA_LO   0x5c
#define CMD_PA_HI   0x60

#define LOC_GRANTED 0x82 /* valid, assigned */
#define REQ_READY   1
#define REQ_IDLE    2
#define HEADER_SIZE 10
#define WAIT_US     (200 * 1000)

struct standin {
        struct ffa_device *ffa;
        struct tpm_chip *chip;
        void __iomem *regs;
        void __iomem *buf;
        u32 size;
};

static int service(struct standin *s, u32 func, u32 a, u32 b, u32 *result) {
        struct ffa_send_direct_data d = { .data1 = func, .data2 = a, .data3 = b };
        int rc = s->ffa->ops->msg_ops->sync_send_receive(s->ffa, &d);

        if (rc)
                return rc;
        if (d.data1 != SVC_OK && d.data1 != SVC_OK_RESULTS)
                return -EIO;
        if (result)
                *result = d.data2;
        return 0;
}

static int request(struct standin *s, u32 bit) {
        u32 v;
        int rc;

        writel(bit, s->regs + CTRL_REQ);
        rc = service(s, SVC_START, SVC_START_COMMAND, 0, NULL);
        if (rc)
                return rc;
        return readl_poll_timeout(s->regs + CTRL_REQ, v, !(v & bit), 50, WAIT_US);
}

static int standin_ready(struct tpm_chip *chip) {
        return request(dev_get_drvdata(&chip->dev), REQ_READY);
}

static int standin_idle(struct tpm_chip *chip) {
        return request(dev_get_drvdata(&chip->dev), REQ_IDLE);
}

static int standin_locality(struct tpm_chip *chip, int loc) {
        struct standin *s = dev_get_drvdata(&chip->dev);
        u32 v;
        int rc;

        writel(1, s->regs + LOC_CTRL);
        rc = service(s, SVC_START, SVC_START_LOCALITY, loc, NULL);
        if (rc)
                return rc;
        rc = readl_poll_timeout(s->regs + LOC_STATE, v, (v & LOC_GRANTED) == LOC_GRANTED, 50,
                                WAIT_US);
        return rc ?: loc;
}

static int standin_relinquish(struct tpm_chip *chip, int loc) {
        struct standin *s = dev_get_drvdata(&chip->dev);

        writel(2, s->regs + LOC_CTRL);
        return service(s, SVC_START, SVC_START_LOCALITY, loc, NULL);
}

static int standin_send(struct tpm_chip *chip, u8 *buf, size_t bufsiz, size_t len) {
        struct standin *s = dev_get_drvdata(&chip->dev);

        if (len > s->size)
                return -E2BIG;
        writel(0, s->regs + CTRL_CANCEL);
        memcpy_toio(s->buf, buf, len);
        writel(1, s->regs + CTRL_START);
        return service(s, SVC_START, SVC_START_COMMAND, 0, NULL);
}

static int standin_recv(struct tpm_chip *chip, u8 *buf, size_t count) {
        struct standin *s = dev_get_drvdata(&chip->dev);
        u32 n;

        if (count < HEADER_SIZE || readl(s->regs + CTRL_STS) & 1)
                return -EIO;
        memcpy_fromio(buf, s->buf, HEADER_SIZE);
        n = get_unaligned_be32(buf + 2);
        if (n < HEADER_SIZE || n > count || n > s->size)
                return -EIO;
        memcpy_fromio(buf + HEADER_SIZE, s->buf + HEADER_SIZE, n - HEADER_SIZE);
        return n;
}

static void standin_cancel(struct tpm_chip *chip) {
        struct standin *s = dev_get_drvdata(&chip->dev);

        writel(1, s->regs + CTRL_CANCEL);
}

static u8 standin_status(struct tpm_chip *chip) {
        struct standin *s = dev_get_drvdata(&chip->dev);

        return readl(s->regs + CTRL_START) & 1 ? 0 : 1;
}

static bool standin_canceled(struct tpm_chip *chip, u8 status) {
        return false;
}

static const struct tpm_class_ops standin_ops = {
        .flags = TPM_OPS_AUTO_STARTUP,
        .req_complete_mask = 1,
        .req_complete_val = 1,
        .req_canceled = standin_canceled,
        .status = standin_status,
        .recv = standin_recv,
        .send = standin_send,
        .cancel = standin_cancel,
        .cmd_ready = standin_ready,
        .go_idle = standin_idle,
        .request_locality = standin_locality,
        .relinquish_locality = standin_relinquish,
};

/* Maps registers and buffer; the buffer must lie behind the registers in the same range. */
static int find_crb(struct standin *s) {
        struct device_node *np = of_find_compatible_node(NULL, NULL, "ima-replay,ffa-crb");
        struct resource res;
        u64 pa;
        int rc;

        if (!np)
                return -ENODEV;
        rc = of_address_to_resource(np, 0, &res);
        of_node_put(np);
        if (rc)
                return rc;
        s->regs = devm_ioremap(&s->ffa->dev, res.start, resource_size(&res));
        if (!s->regs)
                return -ENOMEM;
        pa = (u64)readl(s->regs + CMD_PA_HI) << 32 | readl(s->regs + CMD_PA_LO);
        s->size = readl(s->regs + CMD_SIZE);
        if (pa < res.start || pa - res.start > resource_size(&res) ||
            s->size > resource_size(&res) - (pa - res.start))
                return -EINVAL;
        s->buf = s->regs + (pa - res.start);
        return 0;
}

static int standin_probe(struct ffa_device *ffa) {
        struct device *dev = &ffa->dev;
        struct standin *s;
        u32 version;
        int rc;

        s = devm_kzalloc(dev, sizeof(*s), GFP_KERNEL);
        if (!s)
                return -ENOMEM;
        s->ffa = ffa;
        rc = service(s, SVC_GET_VERSION, 0, 0, &version);
        if (rc)
                return dev_err_probe(dev, rc, "failed to get crb interface version\n");
        dev_info(dev, "ABI version %u.%u\n", version >> 16, version & 0xffff);
        rc = find_crb(s);
        if (rc)
                return rc;
        s->chip = tpmm_chip_alloc(dev, &standin_ops);
        if (IS_ERR(s->chip))
                return PTR_ERR(s->chip);
        dev_set_drvdata(&s->chip->dev, s);
        ffa_dev_set_drvdata(ffa, s);
        s->chip->flags |= TPM_CHIP_FLAG_TPM2;
        return tpm_chip_register(s->chip);
}

static void standin_remove(struct ffa_device *ffa) {
        struct standin *s = ffa_dev_get_drvdata(ffa);

        tpm_chip_unregister(s->chip);
}

/* 17b862a4-1806-4faf-86b3-089a58353861 (Arm DEN0138) */
static const struct ffa_device_id standin_ids[] = {
        { UUID_INIT(0x17b862a4, 0x1806, 0x4faf, 0x86, 0xb3, 0x08, 0x9a, 0x58, 0x35, 0x38, 0x61) },
        {},
};

static struct ffa_driver standin_driver = {
        .name = "ffa-crb",
        .probe = standin_probe,
        .remove = standin_remove,
        .id_table = standin_ids,
};
module_ffa_driver(standin_driver);

MODULE_DESCRIPTION("Stand-in TPM CRB over Arm FF-A for device-tree test machines");
MODULE_LICENSE("Dual BSD/GPL");
