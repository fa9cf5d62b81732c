"""Every bound of the client library, in one table, with its unit."""

WRITES_IN_FLIGHT = 512  # writes sent and not yet answered, per client; more wait their turn
BACKOFF_BASE_SECONDS = 0.05  # first pause after a lost watch
BACKOFF_MAX_SECONDS = 2.0  # longest such pause: an apiserver that is back is noticed this soon
BACKOFF_JITTER = 0.5  # share of a pause that is drawn at random, so that clients do not come back in step
UNSERVED_SECONDS = 10.0  # pause before a resource that the apiserver does not serve is asked for again
REQUEUE_BASE_SECONDS = 0.005  # first pause before a failed key is tried again
REQUEUE_MAX_SECONDS = 30.0  # longest such pause. k8s differs: 1000 s, too long to wait for in a lab
UNAVAILABLE_RETRY_SECONDS = 1.0  # pause of a key whose reconcile found no apiserver
RECONCILES_KEPT = 1024  # last reconciles remembered per controller, one per key
LINKS_PER_KEY = 16  # trace contexts remembered for a waiting key; the newest win
LATER_STALE = 64  # requests for later that a queue keeps though they are answered, beside twice as many as it waits for
EVENTS_QUEUED = 1000  # core/v1 Events waiting to be written; more are dropped, and counted
EVENTS_BATCH = 64  # core/v1 Events written at once
EVENTS_REMEMBERED = 4096  # core/v1 Events whose count can still be raised
EVENT_TRIES = 12  # attempts at writing one Event before it is dropped
EVENT_MESSAGE_BYTES = 1024  # longest message of an Event, as upstream
LEASE_REFUSED_SECONDS = 0.1  # first pause of a candidate that was refused: at boot everyone starts at once
RELEASE_SECONDS = 2.0  # real time a stopping leader may take to give its lease back
FAKE_HISTORY = 10_000  # events the in-memory apiserver keeps for resuming watches
# A work queue holds a key at most once, so its length is bounded by the number of objects it is fed from.
