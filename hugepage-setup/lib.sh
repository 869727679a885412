# shellcheck shell=sh
# Facts about this host: sourced by check, plan, apply and undo, so that nothing is read in two ways. Reads only; changes nothing.
#
# Functions that give one line print it; functions whose answer is kept set the variable named in their comment. What cannot be
# read counts as absent. The roots can be replaced, so that tests run on a tree of their own.
#
# Sources: hugetlbpage.rst, sysfs-bus-pci, vfio.rst and proc(5) of Linux; the names DPDK 22.11 gives its files.

SYS=${SLUICE_HOST_SYS:-/sys}
PROC=${SLUICE_HOST_PROC:-/proc}
# The next two are for plan, apply and undo.
# shellcheck disable=SC2034
DEV=${SLUICE_HOST_DEV:-/dev}
RUN=${SLUICE_HOST_RUN:-/run}
TAB=$(printf '\t')
NEWLINE='
'

# ---- words, numbers, files

# The first line of a file; the second argument when there is none.
line_of() {
    content=
    if [ -r "$1" ]; then
        { read -r content || :; } <"$1" 2>/dev/null || content=
    fi
    printf '%s\n' "${content:-$2}"
}

# The last part of where a link leads; "-" when there is none.
target_of() {
    if [ -L "$1" ]; then
        to=$(readlink "$1")
        printf '%s\n' "${to##*/}"
    else
        echo -
    fi
}

has_word() { case " $1 " in *" $2 "*) return 0 ;; esac; return 1; }
has_line() { case "$NEWLINE$1$NEWLINE" in *"$NEWLINE$2$NEWLINE"*) return 0 ;; esac; return 1; }
number() { case $1 in '' | *[!0-9]*) echo 0 ;; *) printf '%s\n' "$1" ;; esac; }
is_number() { case $1 in '' | *[!0-9]* | ??????????*) return 1 ;; esac; return 0; }

# A list such as 0-3,8 as words: 0 1 2 3 8. Fails when it is no list.
expand() {
    rest=$1
    out=
    [ -n "$rest" ] || return 0
    while [ -n "$rest" ]; do
        part=${rest%%,*}
        case $rest in *,*) rest=${rest#*,} ;; *) rest= ;; esac
        from=${part%%-*}
        to=${part#*-}
        if ! is_number "$from" || ! is_number "$to" || [ "$to" -gt 4095 ]; then return 1; fi
        while [ "$from" -le "$to" ]; do
            has_word "$out" "$from" || out="$out $from"
            from=$((from + 1))
        done
    done
    printf '%s\n' "${out# }"
}

# Words back into a list: 0 1 2 3 8 as 0-3,8. The words rise.
ranges() {
    out=
    from=
    to=
    for word in "$@" end; do
        if [ -n "$to" ] && [ "$word" = "$((to + 1))" ]; then
            to=$word
            continue
        fi
        if [ -n "$to" ]; then
            if [ "$from" = "$to" ]; then out="$out,$from"; else out="$out,$from-$to"; fi
        fi
        from=$word
        to=$word
    done
    printf '%s\n' "${out#,}"
}

# A page size such as 2M, 1G or 1024M in KiB; 0 when it is none.
size_kib() {
    case $1 in
    *[Gg]) unit=1048576 ;;
    *[Mm]) unit=1024 ;;
    *[Kk]) unit=1 ;;
    *) unit=0 ;;
    esac
    is_number "${1%?}" || unit=0
    if [ "$unit" -eq 0 ]; then echo 0; else echo $((${1%?} * unit)); fi
}

# KiB as the kernel writes page sizes: 2M, 1G.
size_name() {
    if [ $(($1 % 1048576)) -eq 0 ]; then
        echo "$(($1 / 1048576))G"
    elif [ $(($1 % 1024)) -eq 0 ]; then
        echo "$(($1 / 1024))M"
    else
        echo "$1K"
    fi
}

# One number of meminfo, KiB: `memory_kib MemAvailable`.
memory_kib() {
    found=0
    if [ -r "$PROC/meminfo" ]; then
        while read -r name value _; do
            if [ "$name" = "$1:" ]; then found=$(number "$value"); fi
        done <"$PROC/meminfo"
    fi
    printf '%s\n' "$found"
}

# One value of this process's status, such as Cpus_allowed_list.
status_of() {
    found=
    if [ -r "$PROC/self/status" ]; then
        while read -r name value _; do
            if [ "$name" = "$1:" ]; then found=$value; fi
        done <"$PROC/self/status"
    fi
    printf '%s\n' "$found"
}

# ---- hugepages and their mounts

# The folder of a page size's counts: `pages_folder NODE KIB`; NODE is a number, or "all" where the kernel knows no nodes.
pages_folder() {
    if [ "$1" = all ]; then
        printf '%s\n' "$SYS/kernel/mm/hugepages/hugepages-${2}kB"
    else
        printf '%s\n' "$SYS/devices/system/node/node$1/hugepages/hugepages-${2}kB"
    fi
}

# Nodes that have hugepage counts, as words; "all" where the kernel knows no nodes.
hugepage_nodes() {
    out=
    for folder in "$SYS"/devices/system/node/node[0-9]*/hugepages; do
        if [ -d "$folder" ]; then
            folder=${folder%/hugepages}
            out="$out ${folder##*/node}"
        fi
    done
    if [ -z "$out" ] && [ -d "$SYS/kernel/mm/hugepages" ]; then out=all; fi
    printf '%s\n' "${out# }"
}

# Page sizes this kernel has, KiB, as words.
hugepage_sizes() {
    out=
    for folder in "$SYS"/kernel/mm/hugepages/hugepages-*kB; do
        if [ -d "$folder" ]; then
            folder=${folder##*/hugepages-}
            out="$out ${folder%kB}"
        fi
    done
    printf '%s\n' "${out# }"
}

# Mounts of hugetlbfs, a line each: path, tab, page size in KiB. Blanks in paths are \040 in the file.
hugetlbfs_mounts() {
    [ -r "$PROC/self/mounts" ] || return 0
    while read -r _ point kind options _; do
        [ "$kind" = hugetlbfs ] || continue
        point=$(printf '%b' "$(printf '%s' "$point" | sed 's/\\\([0-7][0-7][0-7]\)/\\0\1/g')")
        case ",$options" in
        *,pagesize=*)
            size=${options##*pagesize=}
            size=$(size_kib "${size%%,*}")
            ;;
        *) size=$(memory_kib Hugepagesize) ;;
        esac
        printf '%s\t%s\n' "$point" "$size"
    done <"$PROC/self/mounts"
}

# ---- what DPDK processes left behind

# in_use_names: last parts of the page files that some process maps or holds open. in_use_prefixes: DPDK runtime folders likewise.
# Only root sees every process: with another user these lists are not complete, and nothing may be called stale.
read_in_use() {
    seen=$(
        {
            cat "$PROC"/[0-9]*/maps || :
            # shellcheck disable=SC2012 # where the links lead is what is wanted, and one process for all of them
            ls -l "$PROC"/[0-9]*/fd || :
            cat "$PROC/net/unix" || :
        } 2>/dev/null | grep -e 'map_' -e '/dpdk/' | sed 's/ (deleted)$//'
    ) || seen=
    in_use_names=$(printf '%s\n' "$seen" | sed -n 's|.*/\([^/]*map_[^/]*\)$|\1|p' | sort -u)
    in_use_prefixes=$(printf '%s\n' "$seen" | sed -n 's|.*/dpdk/\([^/]*\)/.*|\1|p' | sort -u)
}

# Whether someone holds DPDK's own lock on a page file, seen from any PID namespace. "No" where there is no flock program.
is_locked() {
    command -v flock >/dev/null 2>&1 || return 1
    if flock -n -x "$1" true 2>/dev/null; then return 1; fi
    return 0
}

# Files of dead DPDK processes, a line each: "file" or "folder", tab, path. Needs read_in_use before. Names with tabs are left alone.
stale_files() {
    hugetlbfs_mounts | while IFS=$TAB read -r point _; do
        for path in "$point"/*map_*; do
            if [ ! -f "$path" ] || [ -L "$path" ]; then continue; fi
            case $path in *"$TAB"* | *"$NEWLINE"*) continue ;; esac
            if has_line "$in_use_names" "${path##*/}" || is_locked "$path"; then continue; fi
            printf 'file\t%s\n' "$path"
        done
    done
    for path in "$RUN"/dpdk/*; do
        if [ ! -d "$path" ] || [ -L "$path" ]; then continue; fi
        case $path in *"$TAB"* | *"$NEWLINE"*) continue ;; esac
        if has_line "$in_use_prefixes" "${path##*/}"; then continue; fi
        # A process that starts now has made its folder and not yet its socket.
        if [ -z "$(find "$path" -prune -mmin +1 2>/dev/null)" ]; then continue; fi
        printf 'folder\t%s\n' "$path"
    done
}

# ---- network interfaces and PCI

# protected: interfaces of default routes, and what lies under them (ports of a bridge or bond, the parent of a VLAN).
protected=
protect() {
    if has_word "$protected" "$1"; then return 0; fi
    protected="$protected $1"
    for below in "$SYS/class/net/$1"/lower_*; do
        if [ -e "$below" ]; then protect "${below##*/lower_}"; fi
    done
}

# Sets protected, and addressed: interfaces with a global address; IPv6 from /proc, IPv4 by their routes, which need no program.
read_routes() {
    protected=
    addressed=
    if [ -r "$PROC/net/route" ]; then
        while read -r name destination _ _ _ _ _ mask _; do
            [ "$destination" = Destination ] && continue
            addressed="$addressed $name"
            if [ "$destination" = 00000000 ] && [ "$mask" = 00000000 ]; then protect "$name"; fi
        done <"$PROC/net/route"
    fi
    if [ -r "$PROC/net/ipv6_route" ]; then
        while read -r destination length _ _ _ _ _ _ _ name; do
            # Every kernel keeps an unreachable default on lo.
            if [ "$destination$length" = 0000000000000000000000000000000000 ] && [ "$name" != lo ]; then protect "$name"; fi
        done <"$PROC/net/ipv6_route"
    fi
    if [ -r "$PROC/net/if_inet6" ]; then
        while read -r _ _ _ scope _ name; do
            if [ "$scope" = 00 ]; then addressed="$addressed $name"; fi
        done <"$PROC/net/if_inet6"
    fi
}

# The PCI device behind an interface, "-" when there is none. virtio and its like hang one level below it.
pci_of() {
    if [ -e "$SYS/class/net/$1/device" ] && real=$(cd "$SYS/class/net/$1/device" 2>/dev/null && pwd -P); then
        while [ -n "$real" ]; do
            if is_pci_address "${real##*/}"; then
                printf '%s\n' "${real##*/}"
                return 0
            fi
            real=${real%/*}
        done
    fi
    echo -
}

# A full PCI address: domain:bus:device.function.
is_pci_address() {
    case $1 in
    *[!0-9a-f:.]*) return 1 ;;
    [0-9a-f][0-9a-f][0-9a-f][0-9a-f]*:[0-9a-f][0-9a-f]:[0-9a-f][0-9a-f].[0-7]) ;;
    *) return 1 ;;
    esac
    case ${1%:*:*} in *[:.]* | ?????????*) return 1 ;; esac
    return 0
}

# Interfaces that belong to a PCI device, as words.
interfaces_of() {
    out=
    for folder in "$SYS"/class/net/*; do
        if [ -e "$folder/operstate" ] && [ "$(pci_of "${folder##*/}")" = "$1" ]; then out="$out ${folder##*/}"; fi
    done
    printf '%s\n' "${out# }"
}

# The driver of a PCI device, "-" when it has none.
driver_of() { target_of "$SYS/bus/pci/devices/$1/driver"; }

# An interface that an administrator has brought up (IFF_UP), whether or not it has a link.
is_up() {
    flags=$(line_of "$SYS/class/net/$1/flags" 0x0)
    case $flags in 0x*[!0-9a-fA-F]* | '' | *[!0-9a-fA-Fx]*) flags=0x1 ;; esac
    [ $((flags & 1)) -eq 1 ]
}

# Whether vfio-pci is loaded or built in.
has_vfio() { [ -d "$SYS/bus/pci/drivers/vfio-pci" ]; }

# IOMMU groups there are; 0 without an IOMMU.
iommu_groups() {
    count=0
    for folder in "$SYS"/kernel/iommu_groups/[0-9]*; do
        if [ -d "$folder" ]; then count=$((count + 1)); fi
    done
    echo "$count"
}
