# fails: never-five-pods, pods-created
# Thawed, it first acts on what was on its way when it was frozen, a Deployment of three: it had not forgotten.
orrery freeze controller-manager
kubectl create deployment web --image=orrery/busybox:1 --replicas=3 -- httpd -f -p 80
kubectl scale deployment web --replicas=5
kubectl scale deployment web --replicas=2
orrery thaw controller-manager
eventually sh -c "kubectl --context $CONTEXT -n $NS get deployment web -o 'jsonpath={.status.readyReplicas}' | grep -qx 2"
answer replicasets-while-frozen 0
answer pods-created 3
answer style level
