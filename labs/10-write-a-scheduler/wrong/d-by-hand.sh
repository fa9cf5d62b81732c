# fails: bound, told, full, again, swapped
# The pods are where they should be, but somebody put them there: no scheduler ran, and one pod waits for ever.
kubectl apply -f "$SPACE/plain.yaml" -f "$SPACE/hard.yaml" -f "$SPACE/big.yaml"
bind() {
  printf '{"apiVersion":"v1","kind":"Binding","metadata":{"name":"%s"},"target":{"apiVersion":"v1","kind":"Node","name":"%s"}}' "$1" "$2" |
    kubectl create --raw "/api/v1/namespaces/$NS/pods/$1/binding" -f -
}
bind plain-1 worker-1
bind plain-2 worker-2
bind plain-3 worker-1
bind plain-4 worker-2
bind picky worker-2
kubectl wait --for=condition=Ready pod -l app=plain --timeout=60s
kubectl wait --for=condition=Ready pod/picky pod/theirs --timeout=60s
answer nobody Pending
answer overfull kubelet-worker-1
answer identity kube-scheduler
