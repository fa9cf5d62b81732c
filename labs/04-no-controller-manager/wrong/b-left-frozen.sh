# fails: two, never-five-pods, style, tidy
# Nobody thawed it.
orrery freeze controller-manager
kubectl create deployment web --image=orrery/busybox:1 --replicas=3 -- httpd -f -p 80
kubectl scale deployment web --replicas=5
kubectl scale deployment web --replicas=2
answer replicasets-while-frozen 0
answer pods-created 2
answer style edge-triggered
