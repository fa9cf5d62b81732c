# fails: deaf, others-heard, killed, fresh-address
# The other node's kube-proxy was made deaf.
kubectl run back-1 -l app=back --image=orrery/busybox:1 -- httpd -f -p 80
kubectl create service clusterip back --tcp=80:80
kubectl wait --for=condition=Ready pod/back-1 --timeout=60s
answer stale-address "$(kubectl get pod back-1 -o 'jsonpath={.status.podIP}')"
orrery hold watch:endpointslices --component kube-proxy-worker-2 --match 'name=back*'
kubectl delete pod back-1 --grace-period=1
kubectl run back-2 -l app=back --image=orrery/busybox:1 -- httpd -f -p 80
kubectl wait --for=condition=Ready pod/back-2 --timeout=60s
held() { orrery held | grep -q watch:endpointslices; }
eventually held
orrery release --all
answer fresh-address "$(kubectl get service back -o 'jsonpath={.spec.clusterIP}')"
answer who-lists EndpointSlices
