# fails: placed, runs, tidy
# No time passed, so the partition never ended.
orrery clock pause
orrery partition scheduler apiserver --duration 30s
kubectl run waits --image=orrery/busybox:1 -- httpd -f -p 80
orrery clock step 5s
answer duration "$(kubectl get lease -n kube-system kube-scheduler -o 'jsonpath={.spec.leaseDurationSeconds}')"
answer holder "$(kubectl get lease -n kube-system kube-scheduler -o 'jsonpath={.spec.holderIdentity}')"
answer first-to-act old
