# SPDX-License-Identifier: BSD-2-Clause
# bash completion of ima-replayd(8)

_ima_replayd() {
        local cur=${COMP_WORDS[COMP_CWORD]}
        local options='--oneshot --timeout= --print-pcrs --tcti= --root= --help --version'

        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
        [[ ${COMPREPLY[*]-} == *= ]] && compopt -o nospace 2>/dev/null
}

complete -F _ima_replayd ima-replayd
