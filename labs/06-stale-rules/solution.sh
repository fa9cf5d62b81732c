kubectl run back-1 -l app=back --image=orrery/busybox:1 -- httpd -f -p 80
kubectl create service clusterip back --tcp=80:80
kubectl wait --for=condition=Ready pod/back-1 --timeout=60s
answer stale-address "$(kubectl get pod back-1 -o 'jsonpath={.status.podIP}')"
orrery hold watch:endpointslices --component kube-proxy-worker-1 --match 'name=back*'
kubectl delete pod back-1 --grace-period=1
kubectl run back-2 -l app=back --image=orrery/busybox:1 -- httpd -f -p 80
kubectl wait --for=condition=Ready pod/back-2 --timeout=60s
held() { orrery held | grep -q watch:endpointslices; }
eventually held
orrery release --all
orrery kill kube-proxy-worker-2
answer fresh-address "$(kubectl get pod back-2 -o 'jsonpath={.status.podIP}')"
answer who-lists EndpointSlice
kubectl get endpointslices -l kubernetes.io/service-name=back
