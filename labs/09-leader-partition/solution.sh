orrery clock pause
orrery partition scheduler apiserver --duration 30s
kubectl run waits --image=orrery/busybox:1 -- httpd -f -p 80
orrery clock step 20s
said=$(orrery logs scheduler)
echo "$said" | grep "lost the lease"
orrery clock step 30s
orrery clock resume
eventually sh -c "kubectl --context $CONTEXT -n $NS get pod waits -o 'jsonpath={.status.phase}' | grep -qx Running"
answer duration "$(kubectl get lease -n kube-system kube-scheduler -o 'jsonpath={.spec.leaseDurationSeconds}')"
answer holder "$(kubectl get lease -n kube-system kube-scheduler -o 'jsonpath={.spec.holderIdentity}')"
answer first-to-act old
