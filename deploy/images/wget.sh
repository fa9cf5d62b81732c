#!/bin/sh
# Stands before busybox's own wget (renamed by build.sh), which has no time limits: these are given to timeout(1).
limit=
count=$#
while [ "$count" -gt 0 ]; do
    argument=$1
    shift
    count=$((count - 1))
    case $argument in
    -T | --timeout | -t | --tries)
        value=$1
        shift
        count=$((count - 1))
        case $argument in -T | --timeout) limit=$value ;; esac
        ;;
    -T*) limit=${argument#-T} ;;
    --timeout=*) limit=${argument#--timeout=} ;;
    -qT*) limit=${argument#-qT} && set -- "$@" -q ;;
    --tries=* | -t[0-9]*) ;;
    --quiet) set -- "$@" -q ;;
    --output-document=*) set -- "$@" -O "${argument#--output-document=}" ;;
    *) set -- "$@" "$argument" ;;
    esac
done

# Messages bear the name that people know.
run() { { "$@" 2>&1 >&3 | sed 's/^wgeu:/wget:/' >&2; } 3>&1; }

set -o pipefail
if [ -z "$limit" ]; then
    run busybox wgeu "$@"
    exit
fi
status=0
run timeout "$limit" busybox wgeu "$@" || status=$?
if [ "$status" = 143 ]; then
    echo "wget: download timed out" >&2
    status=1
fi
exit "$status"
