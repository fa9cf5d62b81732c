# fails: running, bound, scheduler-back, tidy
# On the wrong node, and the scheduler was forgotten.
orrery freeze scheduler
kubectl run hand --image=orrery/busybox:1 -- httpd -f -p 80
kubectl run auto --image=orrery/busybox:1 -- httpd -f -p 80
kubectl create --raw "/api/v1/namespaces/$NS/pods/hand/binding" -f - <<'BINDING'
{"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "hand"}, "target": {"apiVersion": "v1", "kind": "Node", "name": "worker-1"}}
BINDING
kubectl wait --for=condition=Ready pod/hand --timeout=60s
answer phase Pending
answer subresource binding
answer bound-revision "$(orrery etcd history "pod/$NS/hand" | sed -n 's/^rev \([0-9]*\)  write 2,.*/\1/p' | tail -1)"
