# fails: running, path, held, first-revision
# A bare pod runs too, but no controller had a hand in it.
kubectl run web --image=orrery/busybox:1 -- httpd -f -p 80
answer replicaset-writer controller-manager
answer binding-writer scheduler
answer who-writes-etcd apiserver
answer first-revision 1
