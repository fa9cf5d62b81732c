"""Every number of kube-proxy that a reader may want to change, with its unit."""

MIN_SYNC_SECONDS = 0.1  # changes that come closer together than this are applied together
CHECK_SECONDS = 10.0  # how often the node's namespace is looked at: it may have been made anew, or emptied
RETRY_SECONDS = 0.2  # first pause after a failed sync; doubles
RETRY_MAX_SECONDS = 5.0
COMMAND_SECONDS = 30.0  # an nft or conntrack run that takes longer is killed (real time)
CHAIN_NAME_LENGTH = 120  # the kernel allows 127 characters
CONNTRACK_FLUSHES = 256  # stale UDP flows deleted one by one per sync; more, and all UDP flows of the node go
CAUSES_PER_SERVICE = 16  # trace contexts of changes to a service remembered until the next sync
SERVICES_TOLD = 16  # services named in the span of one sync
