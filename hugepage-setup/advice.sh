# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # some is set here and read by the file that sources this, or the other way round
# Advice on what only an administrator should decide: kernel command line, clock rate, interrupts, siblings, locality. Sourced by plan
# after lib.sh and steps.sh. Prints; never applies anything.
#
# Sources: kernel-parameters.rst, nohz (timers/no_hz.rst), cpufreq.rst, transhuge.rst of Linux; DPDK 22.11 "How to get best performance
# with NICs on Intel platforms".

# advise SUBJECT FINDING [COMMAND]
advise() {
    printf '  %-16s %s\n' "$1" "$2"
    if [ -n "${3:-}" ]; then printf '%s\n' "$3" | sed 's/^/                   run  /'; fi
}

# Processors for workers, as words: those of --cores; else those near the first card, but the first of the host and its siblings.
worker_cores() {
    if [ -n "$cores" ]; then
        printf '%s\n' "$cores"
        return 0
    fi
    online=$(expand "$(line_of "$SYS/devices/system/cpu/online" 0)") || online=0
    near=$online
    for address in $bind; do
        local_cpus=$(line_of "$SYS/bus/pci/devices/$address/local_cpulist" '')
        if [ -n "$local_cpus" ] && local_cpus=$(expand "$local_cpus"); then
            near=$local_cpus
            break
        fi
    done
    first=${online%% *}
    kept=$(expand "$(line_of "$SYS/devices/system/cpu/cpu$first/topology/thread_siblings_list" "$first")") || kept=$first
    out=
    for cpu in $near; do
        if has_word "$online" "$cpu" && ! has_word "$kept" "$cpu"; then out="$out $cpu"; fi
    done
    printf '%s\n' "${out# }"
}

print_advice() {
    printf '\nAdvice: what to change by hand; none of it is ever applied\n'
    mine=$(worker_cores)
    online=$(expand "$(line_of "$SYS/devices/system/cpu/online" 0)") || online=0
    others=
    for cpu in $online; do
        if ! has_word "$mine" "$cpu"; then others="$others $cpu"; fi
    done
    for cpu in $mine; do
        if ! has_word "$online" "$cpu"; then advise "--cores" "processor $cpu is not on line; there are: $(line_of "$SYS/devices/system/cpu/online" '?')"; fi
    done
    command_line_advice
    governor_advice
    irqbalance_advice
    siblings_advice
    locality_advice
    thp=$(line_of "$SYS/kernel/mm/transparent_hugepage/enabled" '')
    case $thp in
    *'[always]'*) advise "transparent huge" "always on: the kernel moves pages behind the workers' back" "echo madvise > $SYS/kernel/mm/transparent_hugepage/enabled" ;;
    *'['*) advise "transparent huge" "as it should be: $thp" ;;
    esac
    if [ ! -d "$SYS/devices/system/node/node1" ]; then advise "NUMA" "one node: nothing to look after"; fi
}

# Words of the kernel command line; those it has already are left out.
command_line_advice() {
    line=" $(line_of "$PROC/cmdline" '') "
    # shellcheck disable=SC2086 # lists of numbers
    set -- $mine
    worker_list=$(ranges "$@")
    # shellcheck disable=SC2086
    set -- $others
    other_list=$(ranges "$@")
    words=
    if [ -z "$worker_list" ]; then
        advise "isolation" "too few processors to keep one for a worker alone; the host needs one itself"
    elif [ -z "$other_list" ]; then
        advise "isolation" "all processors are to be workers': leave one to the host"
    else
        words="isolcpus=$worker_list nohz_full=$worker_list rcu_nocbs=$worker_list irqaffinity=$other_list"
    fi
    total=
    per_node=
    most=0
    for pair in ${wanted:-}; do
        if [ "${pair#*=}" -gt 0 ]; then
            total=$((${total:-0} + ${pair#*=}))
            per_node="$per_node,${pair%%=*}:${pair#*=}"
            most=$((most + 1))
        fi
    done
    if [ -n "$total" ]; then
        size=$(size_name "$page_kib")
        words="$words default_hugepagesz=$size hugepagesz=$size"
        # One number is spread over all nodes; numbers for nodes need kernel 5.16.
        if [ "$most" -gt 1 ] || [ -d "$SYS/devices/system/node/node1" ]; then words="$words hugepages=${per_node#,}"; else words="$words hugepages=$total"; fi
    fi
    vendor=
    if [ -r "$PROC/cpuinfo" ]; then vendor=$(sed -n 's/^vendor_id[^:]*: *//p' "$PROC/cpuinfo" | sed -n 1p); fi
    case $vendor in
    GenuineIntel) words="$words intel_iommu=on iommu=pt" ;;
    AuthenticAMD | HygonGenuine) words="$words amd_iommu=on iommu=pt" ;;
    esac
    missing=
    for word in $words; do
        case $line in *" $word "*) ;; *) missing="$missing $word" ;; esac
    done
    if [ -z "$missing" ]; then
        advise "command line" "has all that is advised"
    else
        advise "command line" "add at boot, then restart (Debian: GRUB_CMDLINE_LINUX in /etc/default/grub, then update-grub):"
        printf '                   %s\n' "${missing# }"
    fi
    if [ "$(iommu_groups)" -eq 0 ]; then advise "IOMMU" "off, or none: turn on VT-d or AMD-Vi in the firmware; in a virtual machine its host has to offer one"; fi
}

governor_advice() {
    slow=
    for file in "$SYS"/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor; do
        [ -e "$file" ] || continue
        if [ "$(line_of "$file" performance)" != performance ]; then
            cpu=${file%/cpufreq/*}
            slow="$slow ${cpu##*/cpu}"
        fi
    done
    if [ -n "$slow" ]; then
        advise "clock rate" "governor is not performance on processors$slow" "for f in $SYS/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor; do echo performance > \$f; done"
    elif [ ! -e "$SYS/devices/system/cpu/cpu0/cpufreq/scaling_governor" ]; then
        advise "clock rate" "not this kernel's to choose (a virtual machine, or firmware decides)"
    else
        advise "clock rate" "as it should be: performance"
    fi
}

irqbalance_advice() {
    for file in "$PROC"/[0-9]*/comm; do
        if [ "$(line_of "$file" '')" = irqbalance ]; then
            advise "irqbalance" "runs, and moves interrupts onto workers' processors" "systemctl disable --now irqbalance"
            return 0
        fi
    done
    advise "irqbalance" "does not run"
}

siblings_advice() {
    shared=
    for cpu in $mine; do
        siblings=$(expand "$(line_of "$SYS/devices/system/cpu/cpu$cpu/topology/thread_siblings_list" "$cpu")") || siblings=$cpu
        for other in $siblings; do
            if [ "$other" != "$cpu" ] && ! has_word "$shared" "$other"; then
                if has_word "$mine" "$other"; then
                    # Said once for a pair.
                    if [ "$other" -gt "$cpu" ]; then advise "siblings" "processors $cpu and $other are one core: two workers there share its caches and units"; fi
                else
                    shared="$shared $other"
                fi
            fi
        done
    done
    for other in $shared; do
        advise "siblings" "processor $other shares a core with a worker: keep it idle" "echo 0 > $SYS/devices/system/cpu/cpu$other/online"
    done
}

locality_advice() {
    for address in $bind; do
        node=$(line_of "$SYS/bus/pci/devices/$address/numa_node" -1)
        is_number "$node" || continue
        near=$(expand "$(line_of "$SYS/devices/system/node/node$node/cpulist" '')") || near=
        far=
        for cpu in $mine; do
            if ! has_word "$near" "$cpu"; then far="$far $cpu"; fi
        done
        if [ -n "$far" ]; then
            advise "locality" "$address is on node $node, workers' processors$far are not: each packet crosses; near are: $near"
        else
            advise "locality" "$address and its workers are on node $node"
        fi
    done
}
