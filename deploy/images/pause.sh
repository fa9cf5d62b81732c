#!/bin/sh
# The same as pause.c, for hosts without a C compiler; only it cannot make a network namespace itself.
trap 'exit 0' TERM INT
if [ -n "$BRIDGE" ]; then
    echo "pause: this pause image was built without a C compiler and cannot make network namespaces" >&2
    exit 1
fi
if [ -n "$SERVICE_CIDR" ] && [ -n "$NODE_IP" ]; then
    ip route replace "$SERVICE_CIDR" via "$NODE_IP" || exit 1
fi
echo ready
while :; do
    sleep 2147483647 &
    wait $!
done
