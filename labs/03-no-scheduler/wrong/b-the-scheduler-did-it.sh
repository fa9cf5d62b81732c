# fails: bound, phase, subresource, bound-revision
# Nobody stopped the scheduler.
kubectl run hand --image=orrery/busybox:1 --overrides='{"spec":{"nodeSelector":{"kubernetes.io/hostname":"worker-2"}}}' -- httpd -f -p 80
kubectl run auto --image=orrery/busybox:1 -- httpd -f -p 80
kubectl wait --for=condition=Ready pod/hand pod/auto --timeout=60s
answer phase Running
answer subresource status
answer bound-revision 7
