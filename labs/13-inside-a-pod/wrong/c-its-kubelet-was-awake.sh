# fails: by-hand, container, sandbox-id
# Both sandboxes were made while kubelets went about their work.
id_of() { sed -n "s/.*\"$1\": \"\([^\"]*\)\".*/\1/p" | head -1; }
kubectl apply -f "$LAB/pods.yaml"
kubectl wait --for=condition=Ready pod/inside --timeout=60s
for node in worker-1 worker-2; do
  made=$(orrery cri $node RunPodSandbox "{\"config\": {\"metadata\": {\"name\": \"by-hand\", \"namespace\": \"$NS\", \"uid\": \"c-$node\"}, \"labels\": {\"made\": \"by-hand\"}}}" | id_of podSandboxId)
done
answer sandbox-id "$made"
orrery clock step 11s
none_left() { ! orrery cri "$1" ListPodSandbox | grep -q '"by-hand"'; }
eventually none_left worker-1
eventually none_left worker-2
answer first-call RunPodSandbox
answer stray removed
