# SPDX-License-Identifier: BSD-2-Clause
# bash completion of ima-replayctl(1)

_ima_replayctl() {
        local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
        local verbs='list explain diff replay verify doctor demo'
        local banks='sha1 sha256 sha384 sha512 sm3_256 sha3_256 sha3_384 sha3_512'
        local templates='ima ima-ng ima-sig ima-ngv2 ima-sigv2 ima-buf ima-modsig evm-sig'
        local options='--list= --list-digest= --pcrs= --firmware-log= --tcti= --root= --tpm= --bank= --padded= --prefix
                --check-records --range= --pcr= --template= --name= --violations --format= --json= -j
                --full --no-legend --no-pager --quiet --help --version'

        COMPREPLY=()
        if [ "$cur" = = ]; then
                cur=
        elif [ "$prev" = = ]; then
                prev=${COMP_WORDS[COMP_CWORD - 2]}
        fi
        case $prev in
        --list | --pcrs | --firmware-log | diff)
                compopt -o filenames 2>/dev/null
                mapfile -t COMPREPLY < <(compgen -f -- "$cur")
                return
                ;;
        --bank | --padded | --list-digest)
                mapfile -t COMPREPLY < <(compgen -W "$banks" -- "$cur")
                return
                ;;
        --format)
                mapfile -t COMPREPLY < <(compgen -W 'table ascii binary' -- "$cur")
                return
                ;;
        --template)
                mapfile -t COMPREPLY < <(compgen -W "$templates" -- "$cur")
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
