# fails: cut-off, duration, holder
# The clock was stepped, but nobody was cut off.
kubectl run waits --image=orrery/busybox:1 -- httpd -f -p 80
kubectl wait --for=condition=Ready pod/waits --timeout=60s
answer duration 10
answer holder nobody
answer first-to-act old
