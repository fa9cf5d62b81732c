#!/bin/sh
# Becomes a program that runs in the network namespace of a node under Compose (see node.sh), once the node is up.
#
#   in-node.sh DIRECTORY PROGRAM ARGUMENTS...
#
# Why not `network_mode: service:node-1`: the engine does not start such a container before the other runs, gives up, and
# leaves it down when the machine restarts; nor does it move it into the new namespace when the other restarts.
set -u
directory=$1
shift

# After a crash the number may by now be somebody else's.
up() {
    pid=$(cat "$directory/pid" 2>/dev/null) &&
        tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -q "node\.sh .* $directory "
}

# Volumes of medium Memory that are mounted as this container starts came along, and would outlive their pods in here.
awk -v below="${directory%/*}/" 'index($2, below) == 1 { print $2 }' /proc/self/mounts | sort -r | xargs -r umount
until up; do sleep 0.2; done
exec nsenter --net="/proc/$pid/ns/net" -- "$@"
