# fails: changed, removed, killed, stale-address, fresh-address, tidy
# It is deaf, but nothing ever changed, and the hold was left standing.
kubectl run back-1 -l app=back --image=orrery/busybox:1 -- httpd -f -p 80
orrery hold watch:endpointslices --component kube-proxy-worker-1 --match 'name=back*'
kubectl create service clusterip back --tcp=80:80
kubectl wait --for=condition=Ready pod/back-1 --timeout=60s
answer stale-address 10.0.0.1
answer who-lists EndpointSlice
