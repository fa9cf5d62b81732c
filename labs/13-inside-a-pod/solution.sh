id_of() { sed -n "s/.*\"$1\": \"\([^\"]*\)\".*/\1/p" | head -1; }
sandbox() { echo "{\"config\": {\"metadata\": {\"name\": \"$1\", \"namespace\": \"$NS\", \"uid\": \"$1-$SEED\"}, \"labels\": {\"made\": \"by-hand\"}}}"; }

kubectl apply -f "$LAB/pods.yaml"
kubectl wait --for=condition=Ready pod/inside --timeout=60s
uid=$(kubectl get pod inside -o 'jsonpath={.metadata.uid}')
answer sandbox-id "$(orrery cri worker-1 ListPodSandbox "{\"filter\": {\"labelSelector\": {\"io.kubernetes.pod.uid\": \"$uid\"}}}" | id_of id)"
if [ "$RUNTIME" = docker ]; then
  answer netns "$(kubectl exec inside -c side -- readlink /proc/self/ns/net)"
  pause=$(docker ps -q --filter "label=orrery.cluster=$CLUSTER" --filter label=orrery.kind=sandbox --filter "label=io.kubernetes.pod.uid=$uid")
  answer pause-pid "$(docker inspect -f '{{.State.Pid}}' "$pause")"
  answer memory-bytes "$(kubectl exec inside -c web -- sh -c 'cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes')"
  answer sees no
fi

orrery cri worker-2 RunPodSandbox "$(sandbox stray)"
orrery clock step 11s
none_left() { ! orrery cri worker-2 ListPodSandbox | grep -q '"stray"'; }
eventually none_left
answer stray removed

orrery freeze kubelet-worker-1
orrery clock pause
made=$(orrery cri worker-1 RunPodSandbox "$(sandbox by-hand)" | id_of podSandboxId)
config='{"metadata": {"name": "main"}, "image": {"image": "orrery/busybox:1"}, "args": ["httpd", "-f", "-p", "80"]}'
container=$(orrery cri worker-1 CreateContainer "{\"podSandboxId\": \"$made\", \"config\": $config}" | id_of containerId)
orrery cri worker-1 StartContainer "{\"containerId\": \"$container\"}"
answer first-call RunPodSandbox
