# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # some is set here and read by the file that sources this, or the other way round
# What was changed, and how it was before: the state file, and the ways to change this host. Sourced by apply and undo after lib.sh.
#
# A line a change, fields parted by tabs, written before the change is made:
#   pages NODE KIB OLD | folder PATH | mount PATH KIB | module NAME | noiommu OLD | driver ADDRESS DRIVER OVERRIDE
# "-" stands for nothing. undo takes them back from the last to the first, and each line goes when its change is taken back.
# A restart takes back the changes by itself; notes of an earlier boot, where /run outlives one, are dropped.

STATE=$RUN/sluice/host-state
LOCK=$STATE.lock
STATE_HEAD="# sluice host state, version 1: read by hugepage-setup/undo"
BOOT="# boot $(line_of "$PROC/sys/kernel/random/boot_id" unknown)"

need_root() {
    [ "$(id -u)" -eq 0 ] && return 0
    echo "$PROGRAM: only root may change this host; try: sudo $0 ... --yes" >&2
    exit 1
}

# One apply or undo at a time.
take_lock() {
    empty_after=no
    if [ ! -d "$RUN/sluice" ] || [ -e "$STATE" ]; then empty_after=yes; fi
    mkdir -p "$RUN/sluice"
    if ! mkdir "$LOCK" 2>/dev/null; then
        holder=$(line_of "$LOCK/pid" 0)
        if is_number "$holder" && [ "$holder" -gt 0 ] && ! kill -0 "$holder" 2>/dev/null; then
            rm -f "$LOCK/pid"
        else
            echo "$PROGRAM: another apply or undo is at work (process $holder); if it is not, remove $LOCK" >&2
            exit 1
        fi
    fi
    echo "$$" >"$LOCK/pid"
    trap 'rm -f "$LOCK/pid"; rmdir "$LOCK" || :; if [ $empty_after = yes ]; then rmdir "$RUN/sluice" 2>/dev/null || :; fi' EXIT
    trap 'exit 1' INT TERM HUP
}

# The state file steers what root does: nobody else may have written it.
check_state() {
    [ -e "$STATE" ] || [ -L "$STATE" ] || return 0
    # shellcheck disable=SC2012 # a name of ours
    owner=$(ls -ldn "$STATE" | { read -r mode _ uid _ && echo "$mode $uid"; })
    case $owner in
    -????-??-?*" 0") ;; # a plain file, not the group's or others' to write, root's
    *)
        echo "$PROGRAM: $STATE is no plain file that root alone may write; look at it, and remove it when it is not yours" >&2
        exit 1
        ;;
    esac
    if [ "$(line_of "$STATE" '')" != "$STATE_HEAD" ]; then
        echo "$PROGRAM: $STATE is of another version; undo with the version of Sluice that wrote it, or restart the host" >&2
        exit 1
    fi
    if [ "$(sed -n 2p "$STATE")" != "$BOOT" ]; then
        echo "$PROGRAM: $STATE is of an earlier boot; the restart has taken back what it notes"
        if [ "${yes:-no}" = yes ]; then rm -f "$STATE"; else of_earlier_boot=yes; fi
    fi
}

# Notes how a thing was. The first note about a thing stays: what was before the first apply is what undo brings back.
# `record KIND KEY OLD...`; the key may be two words parted by a tab.
record() {
    [ -e "$STATE" ] || (umask 022 && printf '%s\n%s\n' "$STATE_HEAD" "$BOOT" >"$STATE")
    entry=$1$TAB$2
    if grep -qF -e "$entry$TAB" "$STATE" || has_line "$(cat "$STATE")" "$entry"; then return 0; fi
    shift 2
    for field in "$@"; do entry=$entry$TAB$field; done
    printf '%s\n' "$entry" >>"$STATE"
}

# Takes one line out of the state file, and the file away with its last line.
forget() {
    { grep -vxF -e "$1" "$STATE" || :; } >"$STATE.new"
    if grep -q '^[^#]' "$STATE.new"; then
        mv "$STATE.new" "$STATE"
    else
        rm -f "$STATE.new" "$STATE"
    fi
}

# Writes a value where the kernel reads it: `put VALUE FILE`. Tests give a program of theirs that stands for the kernel.
put() {
    if [ -n "${SLUICE_HOST_WRITE:-}" ]; then
        "$SLUICE_HOST_WRITE" "$1" "$2"
    else
        printf '%s\n' "$1" 2>/dev/null >"$2"
    fi
}

# Whether hugetlbfs is mounted at this path.
is_hugetlbfs() {
    case "$NEWLINE$(hugetlbfs_mounts)" in *"$NEWLINE$1$TAB"*) return 0 ;; esac
    return 1
}

# Whether a process holds the vfio file of a card's group: unbinding would wait for it for ever.
vfio_in_use() {
    group=$(target_of "$SYS/bus/pci/devices/$1/iommu_group")
    [ "$group" != - ] || return 1
    # shellcheck disable=SC2010,SC2012 # where the links lead is what is wanted, and one process for all of them
    ls -l "$PROC"/[0-9]*/fd 2>/dev/null | grep -q -e "/vfio/$group\$" -e "/vfio/noiommu-$group\$"
}
