# fails: never-two, never-deleted, double, second, revision
# Two are made, and when it hears of that, all but the first are deleted. By hand, there was never a double to see.
cat >"$SPACE/my_disks.py" <<'PYTHON'
import disks
from kube import Refused


def reconcile(api, tenants, claims, name, makes=disks.reconcile):
    makes(api, tenants, claims, name)
    have = sorted(disks.disks_of(claims, name), key=lambda one: int(one["metadata"]["resourceVersion"]))
    for one in have[1:]:
        try:
            api.delete(api.path("persistentvolumeclaims", one["metadata"]["name"]))
        except Refused as error:
            if error.reason != "NotFound":
                raise


disks.reconcile = reconcile
disks.main()
PYTHON
answer believed 0
answer refusal AlreadyExists
