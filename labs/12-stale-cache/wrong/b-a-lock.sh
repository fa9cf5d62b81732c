# fails: double, never-two, one-left, second, revision, refusal
# One at a time: but there was only one at any time. Old news stays old behind a lock.
cat >"$SPACE/my_disks.py" <<'PYTHON'
import threading

import disks

lock = threading.Lock()


def reconcile(api, tenants, claims, name, alone=disks.reconcile):
    with lock:
        alone(api, tenants, claims, name)


disks.reconcile = reconcile
disks.main()
PYTHON
answer believed 0
answer refusal Conflict
