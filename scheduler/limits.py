"""Every number of the scheduler that a reader may want to change, with its unit."""

BACKOFF_INITIAL_SECONDS = 1.0  # a pod's wait after its first failed attempt; doubles with each
BACKOFF_MAX_SECONDS = 10.0
LEFTOVER_SECONDS = 300.0  # a pod that no event has moved for this long is tried again anyway
LEFTOVER_CHECK_SECONDS = 30.0
IN_FLIGHT_EVENTS = 4096  # cluster events remembered for pods being scheduled; beyond it they all are retried
ASSUMED_SECONDS = 900.0  # a bound pod that the watch never confirms is forgotten after this long
ASSUMED_CHECK_SECONDS = 10.0
BINDINGS_IN_FLIGHT = 256  # binds sent and not yet answered
DECISIONS = 512  # decisions kept for "why?"
DECISIONS_TOLD = 3  # newest decisions about one pod that are told at once
NODES_TOLD = 50  # nodes in the table of one decision that is told
DECISION_CELLS = 2_000_000  # node-times-plugin cells kept over all of them
LABEL_COLUMNS = 64  # label keys indexed as columns
MAX_NODE_SCORE = 100
HARD_POD_AFFINITY_WEIGHT = 1  # what the required affinity of pods on a node to a newcomer is worth in scoring
DEFAULT_MILLI_CPU = 100  # what scoring assumes of a container that requests no CPU
DEFAULT_MEMORY_BYTES = 200 * 1024 * 1024  # and no memory
CONDITIONS_PER_BATCH = 64  # PodScheduled conditions written at once; of each pod only the newest waits
