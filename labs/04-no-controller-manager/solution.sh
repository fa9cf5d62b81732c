orrery freeze controller-manager
kubectl create deployment web --image=orrery/busybox:1 --replicas=3 -- httpd -f -p 80
answer replicasets-while-frozen "$(kubectl get replicasets -o name | wc -l)"
kubectl scale deployment web --replicas=5
kubectl scale deployment web --replicas=2
orrery kill controller-manager
waits_for_the_lease() { orrery clock | grep -q 'controller-manager.*lease'; }
eventually waits_for_the_lease
orrery clock step 20s
eventually sh -c "kubectl --context $CONTEXT -n $NS get deployment web -o 'jsonpath={.status.readyReplicas}' | grep -qx 2"
answer pods-created 2
answer style level-triggered
