# SPDX-License-Identifier: BSD-2-Clause
# bash completion of ima-replayctl(1)

_ima_replayctl() {
        local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
        local verbs='status list verify wait explain replay diff plot metrics doctor demo call introspect'
        local banks='sha1 sha256 sha384 sha512 sm3_256 sha3_256 sha3_384 sha3_512'
        local templates='ima ima-ng ima-sig ima-ngv2 ima-sigv2 ima-buf ima-modsig evm-sig'
        local words='init wait_list decide wait_tpm backoff search catch_up follow unknown tpm_failed kernel_owns
                mixed tpm_reset split_banks diverged list_broken list_trimmed bank_unsupported pending
                extended kernel failed no_ima all'
        local interfaces='org.imareplay.status org.imareplay.replay io.systemd.Metrics org.varlink.service'
        local methods='org.imareplay.status.GetStatus org.imareplay.status.Wait org.imareplay.replay.ReadList
                org.imareplay.replay.OpenList org.imareplay.replay.Verify io.systemd.Metrics.List
                io.systemd.Metrics.Describe org.varlink.service.GetInfo'
        local options='--list= --list-digest= --pcrs= --firmware-log= --tcti= --root= --tpm= --socket= --watch
                --position= --records= --timeout= --openmetrics --html --since= --until= --more --bank= --padded=
                --prefix --check-records --range= --pcr= --template= --name= --violations --after= --extended
                --follow --format= --json= -j --full --no-legend --no-pager --quiet --help --version'

        COMPREPLY=()
        if [ "$cur" = = ]; then
                cur=
        elif [ "$prev" = = ]; then
                prev=${COMP_WORDS[COMP_CWORD - 2]}
        fi
        case $prev in
        --list | --pcrs | --firmware-log | --socket | diff)
                compopt -o filenames 2>/dev/null
                mapfile -t COMPREPLY < <(compgen -f -- "$cur")
                return
                ;;
        --bank | --padded | --list-digest)
                mapfile -t COMPREPLY < <(compgen -W "$banks" -- "$cur")
                return
                ;;
        --format)
                mapfile -t COMPREPLY < <(compgen -W 'table ascii binary cel' -- "$cur")
                return
                ;;
        --template)
                mapfile -t COMPREPLY < <(compgen -W "$templates" -- "$cur")
                return
                ;;
        explain)
                mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
                return
                ;;
        introspect)
                mapfile -t COMPREPLY < <(compgen -W "$interfaces" -- "$cur")
                return
                ;;
        call)
                mapfile -t COMPREPLY < <(compgen -W "$methods" -- "$cur")
                return
                ;;
        --root)
                compopt -o dirnames 2>/dev/null
                mapfile -t COMPREPLY < <(compgen -d -- "$cur")
                return
                ;;
        --tpm)
                mapfile -t COMPREPLY < <(compgen -W 'auto software tpm_tis tpm_tis_spi tpm_crb_acpi ffa-crb' -- "$cur")
                return
                ;;
        --json)
                mapfile -t COMPREPLY < <(compgen -W 'pretty short off' -- "$cur")
                return
                ;;
        --tcti)
                mapfile -t COMPREPLY < <(compgen -W 'libtpms: swtpm: mssim:' -- "$cur")
                return
                ;;
        esac
        case $cur in
        -*)
                mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
                [[ ${COMPREPLY[*]-} == *= ]] && compopt -o nospace 2>/dev/null
                ;;
        *) mapfile -t COMPREPLY < <(compgen -W "$verbs" -- "$cur") ;;
        esac
}

complete -F _ima_replayctl ima-replayctl
