# fails: never-five-pods, pods-created, replicasets-while-frozen
# Everything was done with the controllers awake: they followed every step.
kubectl create deployment web --image=orrery/busybox:1 --replicas=3 -- httpd -f -p 80
kubectl rollout status deployment/web --timeout=60s
kubectl scale deployment web --replicas=5
kubectl rollout status deployment/web --timeout=60s
kubectl scale deployment web --replicas=2
eventually sh -c "kubectl --context $CONTEXT -n $NS get deployment web -o 'jsonpath={.status.readyReplicas}' | grep -qx 2"
answer replicasets-while-frozen 1
answer pods-created 5
answer style level-triggered
