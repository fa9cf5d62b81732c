# fails: held, first-revision, replicaset-writer
# Nothing was held; the newest revision was taken for the first, and the kubelet for a controller.
kubectl create deployment web --image=orrery/busybox:1 --replicas=2 -- httpd -f -p 80
kubectl rollout status deployment/web --timeout=60s
answer replicaset-writer kubelet-worker-1
answer binding-writer scheduler
answer who-writes-etcd apiserver
answer first-revision "$(kubectl get deployment web -o 'jsonpath={.metadata.resourceVersion}')"
