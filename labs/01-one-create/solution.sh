orrery hold schedule:bind --match 'name=web-*'
kubectl create deployment web --image=orrery/busybox:1 --replicas=2 -- httpd -f -p 80
two_wait() { [ "$(orrery held | grep -c schedule:bind)" = 2 ]; }
eventually two_wait
orrery release --all
kubectl rollout status deployment/web --timeout=60s
answer replicaset-writer controller-manager
answer binding-writer scheduler
answer who-writes-etcd apiserver
answer first-revision "$(orrery etcd history "deployment/$NS/web" | sed -n 's/^rev \([0-9]*\)  CREATED.*/\1/p' | tail -1)"
