# shellcheck shell=sh disable=SC2154 # variables of /guest/settings
# SPDX-License-Identifier: BSD-2-Clause
# What scenarios are made of. Files below $out go to the host.
ima=/sys/kernel/security/ima
out=/tmp/out

now() {
        read -r up _ </proc/uptime
        echo "$up"
}

say() {
        echo "[$(now)] $*" | tee -a "$out/steps"
}

# start_daemon: the program under test, as a service, and the server beside it
start_daemon() {
        (
                # shellcheck disable=SC2086 # a command line
                supervise /run/notify /run/daemon.pid $daemon >"$out/service" 2>&1
                touch /run/ended
        ) &
        supervise /run/notify-serve /run/serve.pid ima-replay-serve >"$out/server" 2>&1 &
        say "started $daemon"
}

# measure PREFIX N: N new programs, each one record
measure() {
        i=0
        while [ $i -lt "$2" ]; do
                i=$((i + 1))
                printf '#!/bin/busybox sh\n# %s\n' "$1-$i" >"/root/$1-$i"
                chmod 755 "/root/$1-$i"
                "/root/$1-$i"
        done
}

# keep_measuring: a record every 50 ms until stop_measuring
keep_measuring() {
        (while [ ! -e /run/enough ]; do
                turn=$((turn + 1))
                measure "kept-$turn" 1
                usleep 50000
        done) &
}

stop_measuring() {
        touch /run/enough
        say "records stop coming"
}

# wait_for FILE SECONDS
wait_for() {
        ticks=$(($2 * 10))
        until [ -e "$1" ]; do
                ticks=$((ticks - 1))
                if [ $ticks -le 0 ]; then
                        say "no $1 after $2 s"
                        return 1
                fi
                usleep 100000
        done
        say "$1 is there"
}

# load MODULE...: in this order
load() {
        for module in "$@"; do
                if insmod "/modules/$module.ko" 2>>"$out/insmod"; then say "loaded $module"; else say "cannot load $module"; fi
        done
}

# late_tpm: a software TPM becomes /dev/tpm0 now. On a starved machine the kernel loses its
# patience with a TPM that is slow to begin, and gives it up for good: then another one.
late_tpm() {
        load tpm_vtpm_proxy
        wait_for /dev/vtpmx 5
        for _ in 1 2 3; do
                swtpm chardev --vtpm-proxy --tpm2 --tpmstate dir=/tpmstate --flags startup-clear >>"$out/swtpm" 2>&1 &
                wait_for /dev/tpmrm0 20 && return
                kill $!
        done
}

# disturb: somebody else reads PCR 10 through a descriptor of their own until stop_disturbing.
# Each of these commands ends the exclusive audit session of the daemon.
disturb() {
        (
                exec 7<>/dev/tpmrm0
                while [ ! -e /run/quiet ]; do
                        # TPM2_PCR_Read of sha256:10
                        printf '\200\001\0\0\0\024\0\0\001\176\0\0\0\001\0\013\003\0\004\0' >&7
                        dd bs=4096 count=1 <&7 >/tmp/answer 2>/dev/null
                        echo "[$(now)] $(od -An -tx1 -j6 -N4 /tmp/answer)" >>"$out/disturb"
                        usleep 100000
                done
        ) &
}

stop_disturbing() {
        touch /run/quiet
}

# wait_state PATTERN SECONDS: until the last line for the service manager is so
wait_state() {
        ticks=$(($2 * 5))
        until grep 'notify: STATUS=' "$out/service" | tail -n 1 | grep -q "$1"; do
                ticks=$((ticks - 1))
                if [ $ticks -le 0 ]; then
                        say "not '$1' after $2 s"
                        return 1
                fi
                usleep 200000
        done
}

# wait_all_extended SECONDS
wait_all_extended() {
        wait_state 'STATUS=following: \([0-9]*\) of \1 ' "$1"
}

# mark STAGE: where it stands now. The service tells its state once a second.
mark() {
        sleep 2
        ima-replayctl doctor >"$out/doctor.$1" 2>&1
        echo $? >"$out/doctor.$1.status"
        ima-replayctl doctor --json=short >"$out/doctor.$1.json" 2>/dev/null
        ima-replayctl status --json=short >"$out/status.$1.json" 2>"$out/status.$1.error"
        now >"$out/mark.$1"
        say "stage $1"
}

pcr_values() {
        for file in /sys/class/tpm/tpm0/pcr-*/10; do
                [ -e "$file" ] && echo "$file $(cat "$file")"
        done
}

# settle: list and PCRs of one moment, as nothing moves around them
settle() {
        for _ in 1 2 3 4 5 6 7 8 9 10; do
                pcr_values >"$out/pcrs"
                before=$(cat $ima/runtime_measurements_count "$out/pcrs")
                cat $ima/binary_runtime_measurements >"$out/list"
                sleep 1
                pcr_values >"$out/pcrs"
                [ "$before" = "$(cat $ima/runtime_measurements_count "$out/pcrs")" ] && return
        done
        say "it does not settle"
}

hand_over() {
        kill -TERM "$(cat /run/daemon.pid)"
        wait_for /run/ended 5
        dmesg >"$out/dmesg"
        uname -r >"$out/kernel"
        echo @@BEGIN
        tar cz -C "$out" . | base64
        echo @@END
}
