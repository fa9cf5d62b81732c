# fails: component, node, edge, kind, evidence, calm
# It works again, and nobody knows why.
answer component "all of them"
answer node both
answer evidence "works now"
for one in scheduler controller-manager dns kubelet-worker-1 kubelet-worker-2 kube-proxy-worker-1 kube-proxy-worker-2 runtime-worker-1 runtime-worker-2; do
  orrery thaw "$one" || orrery restart "$one"
done
whole() { kubectl get deployment orders -o 'jsonpath={.status.readyReplicas}' | grep -qx 4; }
eventually whole
