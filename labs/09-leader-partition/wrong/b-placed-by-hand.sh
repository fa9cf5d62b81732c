# fails: cut-off, placed, first-to-act
# The pod runs, but because its node was written into it.
kubectl run waits --image=orrery/busybox:1 --overrides='{"spec":{"nodeName":"worker-2"}}' -- httpd -f -p 80
kubectl wait --for=condition=Ready pod/waits --timeout=60s
answer duration "$(kubectl get lease -n kube-system kube-scheduler -o 'jsonpath={.spec.leaseDurationSeconds}')"
answer holder "$(kubectl get lease -n kube-system kube-scheduler -o 'jsonpath={.spec.holderIdentity}')"
answer first-to-act rival
