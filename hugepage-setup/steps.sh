# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # some is set here and read by the file that sources this, or the other way round
# What is to be done: options to steps, and steps to words. Sourced by plan and apply after lib.sh; apply alone performs them.
#
# build_steps sets three texts, one entry a line, fields parted by tabs:
#   steps     KIND and what it needs: pages NODE KIB FROM TO | mount FOLDER KIB | module NAME | noiommu | bind ADDRESS
#             | file PATH | folder PATH
#   refusals  what was asked for, and why it is not done
#   notes     what is as it should be already
# Changes nothing.
#
# Sources: hugetlbpage.rst, vfio.rst (a group can be used when no host driver holds a device of it), DPDK 22.11 "Linux drivers".

USAGE_OPTIONS='  --memory MIB        hugepages in all, MiB, spread over the nodes (of the cards, when --bind is given);
                      1024 unless told, none with --remove-stale alone
  --pages N           the same as a number of pages
  --page-size SIZE    2M (default) or 1G, or what else the processor has
  --node NODE=MIB     MiB on this node instead; may be repeated
  --mount FOLDER      where to mount hugetlbfs; otherwise any mount with this page size will do
  --bind ADDRESS      give the card at this PCI address to DPDK by vfio-pci; may be repeated
  --no-iommu          allow --bind without an IOMMU: the card can then write to all memory
  --force-up          allow --bind of an interface that is up or has addresses; the default route is refused all the same
  --remove-stale      remove files of dead DPDK processes
  --cores LIST        processors for workers, such as 2-7, for the advice on isolation'

options_wrong() {
    echo "$PROGRAM: $1" >&2
    echo "$PROGRAM: see $PROGRAM --help" >&2
    exit 2
}

# parse_options "$@": sets the variables below.
parse_options() {
    memory_mib=
    page_count=
    page_kib=2048
    node_mib=
    mount_at=
    bind=
    no_iommu=no
    force_up=no
    remove_stale=no
    cores=
    yes=no
    while [ $# -gt 0 ]; do
        option=$1
        shift
        value=
        case $option in
        --memory | --pages | --page-size | --node | --mount | --bind | --cores)
            [ $# -gt 0 ] || options_wrong "$option needs a value"
            value=$1
            shift
            ;;
        --*=*)
            # --memory=512 is --memory 512.
            set -- "${option%%=*}" "${option#*=}" "$@"
            case $1 in
            --memory | --pages | --page-size | --node | --mount | --bind | --cores) continue ;;
            esac
            ;;
        esac
        case $option in
        --memory)
            is_number "$value" || options_wrong "--memory $value: give MiB as a number"
            memory_mib=$value
            ;;
        --pages)
            is_number "$value" || options_wrong "--pages $value: give a number"
            page_count=$value
            ;;
        --page-size)
            page_kib=$(size_kib "$value")
            [ "$page_kib" -gt 0 ] || options_wrong "--page-size $value: give 2M or 1G"
            ;;
        --node)
            if ! is_number "${value%%=*}" || ! is_number "${value#*=}" || [ "${value%%=*}=${value#*=}" != "$value" ]; then
                options_wrong "--node $value: give NODE=MIB, such as 0=1024"
            fi
            case " $node_mib" in *" ${value%%=*}="*) options_wrong "--node ${value%%=*} is given twice" ;; esac
            node_mib="$node_mib $value"
            ;;
        --mount)
            case $value in
            *[!A-Za-z0-9/._-]* | *..*) options_wrong "--mount $value: only letters, digits and / . _ - may be in the path" ;;
            /?*) ;;
            *) options_wrong "--mount $value: give the path from the root" ;;
            esac
            mount_at=${value%/}
            ;;
        --bind)
            # The short form leaves out the domain, as lspci does.
            case $value in *:*:*) ;; *) value=0000:$value ;; esac
            is_pci_address "$value" || options_wrong "--bind ${value#0000:}: give a PCI address such as 0000:03:00.0 (lspci -D; hugepage-setup/check)"
            has_word "$bind" "$value" || bind="$bind $value"
            ;;
        --cores)
            cores=$(expand "$value") || options_wrong "--cores $value: give a list such as 2-7,9"
            [ -n "$cores" ] || options_wrong "--cores: the list is empty"
            ;;
        --no-iommu) no_iommu=yes ;;
        --force-up) force_up=yes ;;
        --remove-stale) remove_stale=yes ;;
        --yes)
            [ "$PROGRAM" = apply ] || options_wrong "--yes is for apply: plan changes nothing"
            yes=yes
            ;;
        -h | --help) usage ;;
        *) options_wrong "unknown argument: $option" ;;
        esac
    done
    if [ -n "$memory_mib" ] && [ -n "$page_count" ]; then options_wrong "--memory and --pages say the same: give one of them"; fi
    if [ "$remove_stale" = yes ] && [ -z "$bind$node_mib$memory_mib$page_count$mount_at" ]; then memory_mib=0; fi
    if [ -n "$node_mib" ] && [ -n "$memory_mib$page_count" ]; then options_wrong "--node replaces --memory and --pages: give one kind"; fi
}

add_step() {
    steps="$steps${steps:+$NEWLINE}$1"
    shift
    for field in "$@"; do steps="$steps$TAB$field"; done
}
add_refusal() { refusals="$refusals${refusals:+$NEWLINE}$1$TAB$2"; }
add_note() { notes="$notes${notes:+$NEWLINE}$1"; }

build_steps() {
    steps=
    refusals=
    notes=
    read_routes
    if [ "$remove_stale" = yes ]; then stale_steps; fi
    pages_steps
    if [ -n "$bind" ]; then bind_steps; fi
}

# ---- memory

stale_steps() {
    if [ "$(id -u)" -ne 0 ]; then
        add_refusal "--remove-stale" "only root sees whether another user's process holds a file"
        return 0
    fi
    read_in_use
    stale=$(stale_files)
    if [ -z "$stale" ]; then
        add_note "no file of a dead DPDK process"
        return 0
    fi
    steps="$steps${steps:+$NEWLINE}$stale"
}

# Nodes the memory goes to: those of the cards to be bound, else all with hugepages.
nodes_wanted() {
    out=
    for address in $bind; do
        node=$(line_of "$SYS/bus/pci/devices/$address/numa_node" -1)
        if is_number "$node" && ! has_word "$out" "$node" && has_word "$1" "$node"; then out="$out $node"; fi
    done
    printf '%s\n' "${out:-$1}"
}

pages_steps() {
    sizes=$(hugepage_sizes)
    nodes=$(hugepage_nodes)
    if ! has_word "$sizes" "$page_kib"; then
        add_refusal "hugepages of $(size_name "$page_kib")" "this kernel has $(for s in $sizes; do printf '%s ' "$(size_name "$s")"; done)pages only; choose one with --page-size"
        return 0
    fi
    wanted= # NODE=PAGES
    if [ -n "$node_mib" ]; then
        for pair in $node_mib; do
            if has_word "$nodes" "${pair%%=*}"; then
                wanted="$wanted ${pair%%=*}=$(((${pair#*=} * 1024 + page_kib - 1) / page_kib))"
            else
                add_refusal "--node $pair" "there is no node ${pair%%=*}; there are: $nodes"
            fi
        done
    else
        pages=${page_count:-$(((${memory_mib:-1024} * 1024 + page_kib - 1) / page_kib))}
        chosen=$(nodes_wanted "$nodes")
        # shellcheck disable=SC2086 # a list
        set -- $chosen
        left=$#
        for node in "$@"; do
            share=$(((pages + left - 1) / left))
            wanted="$wanted $node=$share"
            pages=$((pages - share))
            left=$((left - 1))
        done
    fi
    more_kib=0
    for pair in $wanted; do
        node=${pair%%=*}
        want=${pair#*=}
        folder=$(pages_folder "$node" "$page_kib")
        have=$(number "$(line_of "$folder/nr_hugepages" 0)")
        free=$(number "$(line_of "$folder/free_hugepages" 0)")
        if [ "$have" -ge "$want" ]; then
            [ "$want" -eq 0 ] || add_note "node $node has $have pages of $(size_name "$page_kib") ($free free), $want are wanted; the number is never lowered"
        else
            add_step pages "$node" "$page_kib" "$have" "$want"
            more_kib=$((more_kib + (want - have) * page_kib))
            if [ "$have" -gt "$free" ]; then add_note "node $node: $((have - free)) of its $have pages are in use; if not by Sluice, ask for as many more"; fi
        fi
    done
    # The kernel would push out everything else, and then stop short or kill.
    available=$(memory_kib MemAvailable)
    if [ "$available" -gt 0 ] && [ "$more_kib" -gt $((available * 9 / 10)) ]; then
        add_refusal "$((more_kib / 1024)) MiB more in hugepages" "$((available / 1024)) MiB are available; at most nine tenths of that is taken"
    fi
    need_mount=no
    for pair in $wanted; do
        if [ "${pair#*=}" -gt 0 ]; then need_mount=yes; fi
    done
    if [ "$need_mount" = yes ]; then mount_steps; fi
}

mount_steps() {
    there=
    other=
    mounts=$(hugetlbfs_mounts)
    while IFS=$TAB read -r point size; do
        [ -n "$point" ] || continue
        if [ "$size" = "$page_kib" ]; then
            if [ -z "$mount_at" ] || [ "$mount_at" = "$point" ]; then there=$point; fi
        else
            other="$other $point"
        fi
    done <<END
$mounts
END
    if [ -n "$there" ]; then
        add_note "hugetlbfs with pages of $(size_name "$page_kib") is mounted at $there"
        return 0
    fi
    at=$mount_at
    if [ -z "$at" ]; then
        at=$DEV/hugepages
        if has_word "$other" "$at" || [ "$page_kib" != "$(memory_kib Hugepagesize)" ]; then at=$DEV/hugepages-$(size_name "$page_kib"); fi
    fi
    if has_word "$other" "$at"; then
        add_refusal "a mount at $at" "hugetlbfs with another page size is there; choose another folder with --mount"
    elif [ -e "$at" ] && [ ! -d "$at" ]; then
        add_refusal "a mount at $at" "that is no folder"
    elif [ ! -d "${at%/*}/" ]; then
        add_refusal "a mount at $at" "there is no folder ${at%/*}; make it first"
    elif [ -n "$(ls -A "$at" 2>/dev/null)" ]; then
        add_refusal "a mount at $at" "the folder is not empty: its files would be out of sight; choose another with --mount"
    else
        add_step mount "$at" "$page_kib"
    fi
}

# ---- cards

# A card in words: interfaces, driver, MAC.
card_words() {
    names=$(interfaces_of "$1")
    words="$1 (${names:-no interface}, driver $(driver_of "$1")"
    for name in $names; do words="$words, $(line_of "$SYS/class/net/$name/address" 'no MAC')"; done
    printf '%s)\n' "$words"
}

# Why the card at $1 is not taken: empty when it may be.
why_not() {
    device=$SYS/bus/pci/devices/$1
    class=$(line_of "$device/class" 0x)
    driver=$(driver_of "$1")
    case $class in
    0x02*) ;;
    0x01*) echo "it is a disk controller (class $class)" && return 0 ;;
    0x06*) echo "it is a bridge (class $class)" && return 0 ;;
    *) echo "it is no network card (class $class)" && return 0 ;;
    esac
    case $driver in
    mlx4_core | mlx5_core | mana)
        echo "DPDK drives this card through its kernel driver $driver: leave it bound and give its address to Sluice"
        return 0
        ;;
    esac
    for name in $(interfaces_of "$1"); do
        if has_word "$protected" "$name"; then
            echo "$name carries the default route, and likely your login; no option overrides this"
            return 0
        fi
        [ "$force_up" = no ] || continue
        if [ -e "$SYS/class/net/$name/master" ]; then
            echo "$name is part of $(target_of "$SYS/class/net/$name/master"); take it out first (ip link set $name nomaster), or give --force-up"
            return 0
        fi
        if has_word "$addressed" "$name"; then
            echo "$name has an address or a route; remove it (ip addr flush dev $name), or give --force-up"
            return 0
        fi
        if is_up "$name"; then
            echo "$name is up; take it down (ip link set $name down), or give --force-up"
            return 0
        fi
    done
    if [ "$(number "$(line_of "$device/sriov_numvfs" 0)")" -gt 0 ]; then
        echo "it has virtual functions in use, which would vanish; remove them first (echo 0 > $device/sriov_numvfs)"
        return 0
    fi
    group=$(target_of "$device/iommu_group")
    if [ "$group" = - ]; then
        [ "$no_iommu" = yes ] || echo "it is in no IOMMU group: turn the IOMMU on (firmware and kernel command line, see the advice), or give --no-iommu, which lets the card write to all memory of this host"
        return 0
    fi
    for other in "$SYS/kernel/iommu_groups/$group/devices"/*; do
        other=${other##*/}
        if [ "$other" = "*" ] || [ "$other" = "$1" ] || has_word "$bind" "$other"; then continue; fi
        case $(driver_of "$other") in
        - | vfio-pci | pci-stub | pcieport) ;;
        *)
            echo "IOMMU group $group also holds $other, which the host uses (driver $(driver_of "$other")): bind it too with --bind, unbind it, or move the card to another slot"
            return 0
            ;;
        esac
    done
}

bind_steps() {
    take=
    for address in $bind; do
        if [ ! -e "$SYS/bus/pci/devices/$address" ]; then
            add_refusal "--bind $address" "there is no such PCI device (lspci -D lists them)"
            continue
        fi
        if [ "$(driver_of "$address")" = vfio-pci ]; then
            add_note "$address is bound to vfio-pci"
            continue
        fi
        reason=$(why_not "$address")
        if [ -n "$reason" ]; then
            add_refusal "--bind $(card_words "$address")" "$reason"
        else
            take="$take $address"
        fi
    done
    # One device of a shared group that is refused keeps its companions too.
    for address in $take; do
        group=$(target_of "$SYS/bus/pci/devices/$address/iommu_group")
        for other in $bind; do
            if [ "$group" != - ] && [ "$other" != "$address" ] && ! has_word "$take" "$other" &&
                [ -e "$SYS/kernel/iommu_groups/$group/devices/$other" ] && [ "$(driver_of "$other")" != vfio-pci ]; then
                add_refusal "--bind $(card_words "$address")" "it shares IOMMU group $group with $other, which is refused"
            fi
        done
    done
    [ -n "$take" ] || return 0
    if ! has_vfio; then
        if ! command -v modprobe >/dev/null 2>&1; then
            add_refusal "--bind" "vfio-pci is not loaded, and there is no modprobe to load it (Debian: apt-get install kmod)"
            return 0
        elif ! modprobe -n -q vfio-pci; then
            add_refusal "--bind" "this kernel has no vfio-pci module (CONFIG_VFIO_PCI)"
            return 0
        fi
        add_step module vfio-pci
    fi
    needs_no_iommu=no
    for address in $take; do
        if [ "$(target_of "$SYS/bus/pci/devices/$address/iommu_group")" = - ]; then needs_no_iommu=yes; fi
    done
    if [ "$needs_no_iommu" = yes ]; then
        case $(line_of "$SYS/module/vfio/parameters/enable_unsafe_noiommu_mode" N) in
        Y | 1) add_note "vfio works without an IOMMU already" ;;
        *) add_step noiommu ;;
        esac
    fi
    for address in $take; do add_step bind "$address"; done
}

# ---- words

mount_options() { printf 'pagesize=%s,nosuid,nodev\n' "$(size_name "$1")"; }

print_step() { # NUMBER KIND FIELDS...
    at=$1
    kind=$2
    shift 2
    case $kind in
    pages)
        what="reserve pages of $(size_name "$2") on node $1: $3 now, $4 then ($((($4 - $3) * $2 / 1024)) MiB more)"
        why="DPDK's memory; on the card's node, since every packet is read there"
        command="echo $4 > $(pages_folder "$1" "$2")/nr_hugepages"
        ;;
    mount)
        what="mount hugetlbfs with pages of $(size_name "$2") at $1; root may write there"
        why="Sluice takes hugepages only where it may write to such a mount"
        command="mkdir -p $1${NEWLINE}mount -t hugetlbfs -o $(mount_options "$2") none $1"
        ;;
    module)
        what="load $1"
        why="the driver that hands a card to a program"
        command="modprobe $1"
        ;;
    noiommu)
        what="allow vfio without an IOMMU"
        why="asked for by --no-iommu. WARNING: the card, or who controls it, can read and write all memory; the kernel is marked tainted"
        command="echo Y > $SYS/module/vfio/parameters/enable_unsafe_noiommu_mode"
        ;;
    bind)
        what="give $(card_words "$1") to vfio-pci"
        why="DPDK then drives it; its interface disappears from the host"
        command="echo vfio-pci > $SYS/bus/pci/devices/$1/driver_override"
        if [ "$(driver_of "$1")" != - ]; then command="$command${NEWLINE}echo $1 > $SYS/bus/pci/devices/$1/driver/unbind"; fi
        command="$command${NEWLINE}echo $1 > $SYS/bus/pci/drivers_probe"
        ;;
    file)
        what="remove $1"
        why="a dead DPDK process left it, and it keeps a hugepage; no process maps or holds it"
        command="rm $1"
        ;;
    folder)
        what="remove $1"
        why="runtime files of a dead DPDK process"
        command="rm $1/config $1/fbarray_* $1/hugepage_* $1/mp_socket* $1/dpdk_telemetry*; rmdir $1"
        ;;
    esac
    printf '  %2d. %s\n      why  %s\n' "$at" "$what" "$why"
    printf '%s\n' "$command" | sed 's/^/      run  /'
}

print_plan() {
    echo "What apply does"
    if [ -z "$steps" ]; then
        echo "  nothing: all that was asked for is as it should be, or is refused"
    else
        at=0
        while IFS=$TAB read -r kind a b c d; do
            at=$((at + 1))
            print_step "$at" "$kind" "$a" "$b" "$c" "$d"
        done <<END
$steps
END
    fi
    if [ -n "$notes" ]; then
        printf '\nAs it should be already\n'
        printf '%s\n' "$notes" | sed 's/^/  /'
    fi
    print_refusals
}

print_refusals() {
    [ -n "$refusals" ] || return 0
    printf '\nWhat it will not do\n'
    printf '%s\n' "$refusals" | while IFS=$TAB read -r what reason; do printf '  %s\n      why  %s\n' "$what" "$reason"; done
}
