# fails: running, path, tidy, first-revision
# The pods still wait at the gate.
orrery hold schedule:bind --match 'name=web-*'
kubectl create deployment web --image=orrery/busybox:1 --replicas=2 -- httpd -f -p 80
eventually sh -c "kubectl --context $CONTEXT -n $NS get pods -o name | grep -q web"
answer replicaset-writer controller-manager
answer binding-writer scheduler
answer who-writes-etcd apiserver
answer first-revision "$(kubectl get deployment web -o 'jsonpath={.metadata.resourceVersion}')"
