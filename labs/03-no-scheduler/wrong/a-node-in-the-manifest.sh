# fails: bound, waited, bound-revision
# A pod that names its node was never anybody's to bind.
orrery freeze scheduler
kubectl run hand --image=orrery/busybox:1 --overrides='{"spec":{"nodeName":"worker-2"}}' -- httpd -f -p 80
kubectl run auto --image=orrery/busybox:1 -- httpd -f -p 80
kubectl wait --for=condition=Ready pod/hand --timeout=60s
orrery thaw scheduler
kubectl wait --for=condition=Ready pod/auto --timeout=60s
answer phase Pending
answer subresource binding
answer bound-revision "$(orrery etcd history "pod/$NS/hand" | sed -n 's/^rev \([0-9]*\)  CREATED,.*/\1/p' | tail -1)"
