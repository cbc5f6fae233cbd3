# SPDX-License-Identifier: BSD-2-Clause
# bash completion of ima-replayd(8)

_ima_replayd() {
        local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
        local options='--oneshot --timeout= --print-pcrs --repair-banks --replay-after-reset
                --guard= --hold-list= --require-pkvm= --require-measured-boot= --spool-max= --tpm=
                --tcti= --root= --show-config --help --version'

        # bash takes '=' as a word of its own
        [[ $prev == = ]] && prev=${COMP_WORDS[COMP_CWORD - 2]}
        [[ $cur == = ]] && prev=${COMP_WORDS[COMP_CWORD - 1]} cur=
        case $prev in
        --guard) options='always start' ;;
        --hold-list) options='yes until-extended' ;;
        --require-pkvm) options='auto yes' ;;
        --require-measured-boot) options='auto yes no' ;;
        --tpm) options='auto software' ;;
        --root) compopt -o dirnames && options= ;;
        --timeout | --spool-max | --tcti) options= ;;
        esac
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
        [[ ${COMPREPLY[*]-} == *= ]] && compopt -o nospace 2>/dev/null
}

complete -F _ima_replayd ima-replayd
