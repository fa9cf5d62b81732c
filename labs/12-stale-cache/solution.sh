claims="persistentvolumeclaims -l tenant=acme"
disks() { [ "$(kubectl get $claims -o name | wc -l)" -ge "$1" ]; }
at_work() { grep -q "at work" "$SPACE/disks.log"; }

"$PYTHON" "$SPACE/disks.py" >"$SPACE/disks.log" 2>&1 &
trap "kill $!" EXIT
eventually at_work
orrery hold apiwatch:persistentvolumeclaims --match "namespace=$NS"
kubectl create configmap acme
kubectl label configmap acme app=tenant
eventually disks 1
kubectl annotate configmap acme note=hello
eventually disks 2
cat "$SPACE/disks.log"
orrery release --all

answer believed 0
newest() { kubectl get $claims -o "jsonpath={range .items[*]}{.metadata.resourceVersion} {.metadata.name}{'\n'}{end}" | sort -n | tail -1; }
answer second "$(newest | cut -d' ' -f2)"
answer revision "$(newest | cut -d' ' -f1)"
answer refusal AlreadyExists
cp "$LAB/disks_by_name.py" "$SPACE/my_disks.py"
