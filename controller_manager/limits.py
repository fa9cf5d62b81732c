"""Every number of the controllers a reader may want to change, with its unit. Defaults are upstream's."""

BURST_REPLICAS = 500  # pods one reconcile of a ReplicaSet may create or delete
SLOW_START_BATCH = 1  # pods in the first batch of creations; each batch doubles if all of it succeeded
EXPECTATION_SECONDS = 300.0  # a write whose event never came is given up on
WRITES_AT_ONCE = 64  # deletions a controller has under way at once
SETTLE_SECONDS_PER_POD = 0.0005  # how long a change of one pod of many may wait for more, per pod there is
SETTLE_FROM_PODS = 20  # with fewer pods than this nothing waits
POD_WORKERS = 5  # concurrent reconciles of the controllers that own pods
STATUS_TRIES = 5  # attempts at writing a status that others write too, each from a fresh read
WORKERS = 2  # of the others
ENDPOINTS_PER_SLICE = 100
ENDPOINTS_PER_OBJECT = 1000  # of the old Endpoints kind; more are cut off
NAMESPACE_RETRY_SECONDS = 1.0  # pause between looks at what is left of a namespace
CIDR_RETRY_SECONDS = 30.0  # pause before a node is offered a subnet again that found none free
GC_UNKNOWN_KIND_SECONDS = 30.0  # pause before an owner of an unknown kind is looked up again
GC_ABSENT_OWNERS = 500  # owners known to be gone, remembered to save GETs
NODE_STARTUP_GRACE_SECONDS = 60.0  # a new node may stay silent this long
NODE_STATUS_CHECK_SECONDS = 5.0  # longest pause between two looks at a node
EVICTION_NODES_PER_SECOND = 0.1  # nodes of a zone that may be given a NoExecute taint
EVICTION_NODES_PER_SECOND_DISRUPTED = 0.01  # the same in a large zone of which most nodes are gone
LARGE_ZONE_NODES = 50  # smaller zones stop evicting when most of their nodes are gone
UNHEALTHY_ZONE_SHARE = 0.55  # share of a zone's nodes that makes it "most"
POD_GC_SECONDS = 20.0  # period of the pod garbage collector
POD_GC_QUARANTINE_SECONDS = 40.0  # how long a node must be gone before its pods are
POD_GC_TERMINATED = 12_500  # finished pods kept
DEPLOYMENT_HISTORY_CHARS = 2000  # longest revision history kept in an annotation
NAMES_TOLD = 5  # objects named in what a controller says that it decided; of more, how many
