#!/bin/sh
# A node under Compose: owns a network namespace, as a machine does, and otherwise waits.
#
#   node.sh CLUSTER NODE DIRECTORY
#
# Its runtime, kubelet and kube-proxy are containers of their own that in-node.sh starts in this namespace; it finds the
# namespace by DIRECTORY/pid. A machine that goes down takes with it all that runs on it, so this one ends those three
# (the engine starts them again, and they wait for the node) and removes the containers of its pods. One that lost its
# power, to SIGKILL, does so when it comes up again. Needs the host's PID namespace and the Docker socket.
set -u
cluster=$1 node=$2 directory=$3

say() { echo "node $node: $*" >&2; }

# Everything that in-node.sh started has ORRERY_NODE in its environment, and so has what was started inside since.
end_processes() {
    for file in $(grep -lsz "^ORRERY_NODE=$cluster/$node\$" /proc/[0-9]*/environ); do
        pid=${file#/proc/}
        kill -9 "${pid%/environ}" 2>/dev/null
    done
}

take_down() {
    rm -f "$directory/pid"
    end_processes
    until python3 -m cri.docker.cleanup --cluster "$cluster" --node "$node"; do
        say "trying again to remove the containers of the pods"
        sleep 1
    done
    unmount
    rm -f "$directory/up"
}

# mounts PROCESS DIRECTORY: those below, the deepest first.
mounts() { awk -v below="$2/" 'index($2, below) == 1 { print $2 }' "/proc/$1/mounts" | sort -r; }

# Who listens at the engine's socket.
engine_pid() {
    python3 -SE -c '
import socket, struct
engine = socket.socket(socket.AF_UNIX)
engine.connect("/var/run/docker.sock")
print(struct.unpack("3i", engine.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0])'
}

# Volumes of medium Memory are mounts of the host: the kubelet makes them where the engine sees them.
unmount() {
    engine=$(engine_pid)
    mounts "$engine" "$directory" | while read -r mount; do
        nsenter --mount="/proc/$engine/ns/mnt" umount "$mount" || say "$mount stays mounted"
    done
}

power_off() {
    say "going down"
    take_down
    exit 0
}

# A node routes for its pods, and must not tell them of a shorter way: that would go around the rules.
stop_redirects() {
    mount -o remount,rw,bind /proc/sys
    for file in /proc/sys/net/ipv4/conf/*/send_redirects; do
        echo 0 >"$file"
    done
    mount -o remount,ro,bind /proc/sys
}

stop_redirects
mounts self "${directory%/*}" | xargs -r umount # as in in-node.sh
mkdir -p "$directory"
if [ -e "$directory/up" ]; then
    say "came up after a power loss"
    take_down
fi
trap power_off TERM INT
ln -sfn "/proc/$(engine_pid)/ns/mnt" "$directory/mount-namespace"
touch "$directory/up"
echo $$ >"$directory/pid.new"
mv "$directory/pid.new" "$directory/pid"
while :; do
    sleep 1000000 &
    wait $!
done
