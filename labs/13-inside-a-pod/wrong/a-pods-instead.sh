# fails: by-hand, container, unknown, stray-made, stray-ended, sandbox-id, stray
# A pod was made through the API; its uid was taken for the sandbox's id.
kubectl apply -f "$LAB/pods.yaml"
kubectl run by-hand --image=orrery/busybox:1 --overrides='{"spec":{"nodeName":"worker-1"}}' -- httpd -f -p 80
kubectl wait --for=condition=Ready pod/inside pod/by-hand --timeout=60s
answer sandbox-id "$(kubectl get pod inside -o 'jsonpath={.metadata.uid}')"
answer first-call RunPodSandbox
answer stray adopted
