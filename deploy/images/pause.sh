#!/bin/sh
# The same as pause.c, for hosts without a C compiler.
trap 'exit 0' TERM INT
if [ -n "$SERVICE_CIDR" ] && [ -n "$NODE_IP" ]; then
    ip route replace "$SERVICE_CIDR" via "$NODE_IP" || exit 1
fi
while :; do
    sleep 2147483647 &
    wait $!
done
