# fails: container, stray-made, stray-ended, first-call, stray
# The container was created, and that was taken for running.
id_of() { sed -n "s/.*\"$1\": \"\([^\"]*\)\".*/\1/p" | head -1; }
kubectl apply -f "$LAB/pods.yaml"
kubectl wait --for=condition=Ready pod/inside --timeout=60s
answer sandbox-id "$(orrery cri worker-1 ListPodSandbox | id_of id)"
orrery freeze kubelet-worker-1
made=$(orrery cri worker-1 RunPodSandbox "{\"config\": {\"metadata\": {\"name\": \"by-hand\", \"namespace\": \"$NS\", \"uid\": \"b\"}, \"labels\": {\"made\": \"by-hand\"}}}" | id_of podSandboxId)
config='{"metadata": {"name": "main"}, "image": {"image": "orrery/busybox:1"}, "args": ["httpd", "-f", "-p", "80"]}'
orrery cri worker-1 CreateContainer "{\"podSandboxId\": \"$made\", \"config\": $config}"
answer first-call CreateContainer
answer stray ignored
