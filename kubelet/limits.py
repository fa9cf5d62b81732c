"""Every number of the kubelet that a reader may want to change, with its unit."""

from __future__ import annotations

# --- restarts and pulls
BACKOFF_INITIAL_SECONDS = 10.0  # first pause between restarts of a crashing container, and between failed pulls
BACKOFF_MAX_SECONDS = 300.0
BACKOFF_RESET_SECONDS = 600.0  # a container that ran this long starts over with the initial pause
BACKOFF_ENTRIES = 10_000  # containers and images remembered
SYNC_RETRY_SECONDS = 1.0  # first pause after a failed sync of a pod; doubles
SYNC_RETRY_MAX_SECONDS = 20.0

# --- concurrency, per kubelet
CONTAINER_STARTS = 8  # containers or sandboxes being created at once
IMAGE_PULLS = 3  # images being pulled at once
STATUS_WRITES = 8  # pod status patches under way
PROBES = 64  # probes being carried out at once

# --- the runtime
RELIST_SECONDS = 1.0  # without container events
RELIST_WITH_EVENTS_SECONDS = 300.0  # with them, in case one was lost
RUNTIME_RETRY_SECONDS = 0.5  # pause before asking a dead runtime again
RUNTIME_FIRST_SECONDS = 5.0  # a started kubelet's first report waits so long for the runtime's first word
RUNTIME_CHECK_SECONDS = 5.0  # how often the runtime's own conditions are read
RPC_SECONDS = 120.0  # one call; real time, but for that in which the cluster's clock stands
DEAD_CONTAINERS_KEPT = 1  # exited instances kept per container, for `logs --previous`

# --- termination
DEFAULT_GRACE_SECONDS = 30
MINIMUM_GRACE_AFTER_HOOK_SECONDS = 2  # what a container still gets when its preStop hook ate the whole grace

# --- volumes
VOLUME_REFRESH_SECONDS = 60.0  # ConfigMap, Secret and token volumes are read again this often
OBJECT_CACHE_ENTRIES = 1024  # ConfigMaps and Secrets held
TOKEN_REFRESH_FRACTION = 0.8  # of its lifetime, after which a service account token is renewed
CLEANUP_SECONDS = 10.0  # orphaned sandboxes, volumes and directories are looked for this often

# --- messages
TERMINATION_MESSAGE_BYTES = 4096
TERMINATION_LOG_BYTES = 2048  # of the log, with FallbackToLogsOnError
TERMINATION_LOG_LINES = 80
PROBE_BODY_BYTES = 10 * 1024  # read of an HTTP probe's answer
PROBE_REDIRECTS = 10

# --- logs
LOG_READ_BYTES = 64 * 1024  # one read of a log file
LOG_CHUNK_BYTES = 32 * 1024  # one message to the apiserver
LOG_LINE_BYTES = 1024 * 1024  # a longer line is passed on in pieces
LOG_POLL_SECONDS = 0.1  # real time between looks at a followed file

# --- the node
MAX_PODS = 110
LEASE_SECONDS = 40
LEASE_RENEW_SECONDS = 10.0
NODE_STATUS_SECONDS = 10.0  # how often the node's status is computed; it is written when it changed
NODE_STATUS_REPORT_SECONDS = 300.0  # and at least this often
NODE_IMAGES_SECONDS = 2.0  # real time that a report waits for the list of images; a runtime may hang
NODE_IMAGES = 50  # largest images listed in the node's status
API_RETRY_SECONDS = 0.2  # first pause before asking an absent apiserver again; doubles
API_RETRY_MAX_SECONDS = 5.0
DISK_PRESSURE_FRACTION = 0.05  # free part of the file system below which the node has DiskPressure
INODE_PRESSURE_FRACTION = 0.05
MEMORY_PRESSURE_BYTES = 100 * 1024 * 1024  # available memory below which the node has MemoryPressure
PID_PRESSURE_FRACTION = 0.02  # free part of the process ids below which the node has PIDPressure
