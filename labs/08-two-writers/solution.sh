kubectl create configmap shared --from-literal=base=1
kubectl get configmap shared -o yaml > "$SPACE/alice.yaml"
cp "$SPACE/alice.yaml" "$SPACE/bob.yaml"
sed -i 's/^data:/data:\n  alice: was-here/' "$SPACE/alice.yaml"
sed -i 's/^data:/data:\n  bob: was-here/' "$SPACE/bob.yaml"
kubectl replace -f "$SPACE/alice.yaml"
answer winner "$(kubectl get configmap shared -o 'jsonpath={.metadata.resourceVersion}')"
if said=$(kubectl replace -f "$SPACE/bob.yaml" 2>&1); then echo "bob was not refused"; exit 1; fi
echo "$said" | grep -q '(Conflict)'
kubectl get configmap shared -o yaml > "$SPACE/bob.yaml"
sed -i 's/^data:/data:\n  bob: was-here/' "$SPACE/bob.yaml"
kubectl replace -f "$SPACE/bob.yaml"
answer code 409
answer reason Conflict
