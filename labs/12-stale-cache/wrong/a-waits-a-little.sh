# fails: double, never-two, one-left, believed, second, revision
# It gives its cache a moment to catch up, and believes it then.
cat >"$SPACE/my_disks.py" <<'PYTHON'
import time

import disks


def reconcile(api, tenants, claims, name, hasty=disks.reconcile):
    if not disks.disks_of(claims, name):
        time.sleep(0.02)
    hasty(api, tenants, claims, name)


disks.reconcile = reconcile
disks.main()
PYTHON
answer believed 1
answer refusal AlreadyExists
