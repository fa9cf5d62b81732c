"""Every bound of `orrery trace`, in one table, with its unit."""

TRACES_FOLLOWED = 64  # traces that one tree may reach into by links
SPANS_REMEMBERED = 65_536  # of one tree, from one look at it to the next
ROUNDS = 8  # times that links are followed from what was found last
WAIT_SECONDS = 30.0  # longest wait for a tree to become quiet, unless --wait says otherwise
QUIET_SECONDS = 1.0  # a tree that has not grown for so long, with nothing under way, is quiet
QUIET_AFTER_START_SECONDS = 5.0  # the same if a component was started meanwhile, which needs time to take its work up
ROOT_TRIES = 8  # looks for the requests of a command that has called the apiserver
POLL_SECONDS = 0.25  # between two looks at a growing tree
TOLD_CHARS = 150  # of the details of one line
COLLECT_SECONDS = 10.0  # a component has this long to hand its spans over
PROXY_CHUNK_BYTES = 64 * 1024
CONNECT_HEADER_BYTES = 16 * 1024  # longest request to the tunnel
