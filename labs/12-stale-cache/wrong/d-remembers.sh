# fails: double, made-again, after-restart
# Instead of the cache it asks its own memory who got a disk. The two disks to look at were made by hand.
cat >"$SPACE/my_disks.py" <<'PYTHON'
import disks

done = set()


def reconcile(api, tenants, claims, name):
    tenant = tenants.get(name)
    if name not in done and disks.is_tenant(tenant):
        api.create(api.path("persistentvolumeclaims"), disks.disk(tenant))
        done.add(name)


disks.reconcile = reconcile
disks.main()
PYTHON
for name in acme-1 acme-2; do
  kubectl create -f - <<YAML
{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: $name, labels: {tenant: acme}},
 spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}
YAML
done
answer believed none
answer second acme-2
answer revision "$(kubectl get pvc acme-2 -o 'jsonpath={.metadata.resourceVersion}')"
answer refusal AlreadyExists
