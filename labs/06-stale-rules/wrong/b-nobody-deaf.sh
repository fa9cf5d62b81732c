# fails: deaf, killed, stale-address, who-lists
# The pod was replaced and everybody heard; the new address was taken for the stale one.
kubectl run back-1 -l app=back --image=orrery/busybox:1 -- httpd -f -p 80
kubectl create service clusterip back --tcp=80:80
kubectl wait --for=condition=Ready pod/back-1 --timeout=60s
kubectl delete pod back-1 --grace-period=1
kubectl run back-2 -l app=back --image=orrery/busybox:1 -- httpd -f -p 80
kubectl wait --for=condition=Ready pod/back-2 --timeout=60s
answer stale-address "$(kubectl get pod back-2 -o 'jsonpath={.status.podIP}')"
answer fresh-address "$(kubectl get pod back-2 -o 'jsonpath={.status.podIP}')"
answer who-lists Service
