"""Every bound of the wire, in one table, with its unit."""

MAX_MESSAGE_BYTES = 16 * 1024 * 1024  # one gRPC message, either way
MAX_PENDING_CALLS = 100_000  # calls that a server has been sent and not begun
SPAN_RING = 4096  # spans kept per process
READS_PER_SPAN = 16  # objects named as read by one reconcile
HELD_MESSAGES = 10_000  # messages waiting at gates, per process
RULES = 256  # gate rules per process
EDGES = 1024  # distinct edge names counted per process
DETAIL_CHARS = 2000  # what is shown of one held message
REORDER_SECONDS = 1.0  # cluster time a message waits to be overtaken, unless its rule says otherwise
FOLLOW_SECONDS = 1.0  # real time between looks at the cluster's files of clock and rules
STOOD_STILL_SECONDS = 0.1  # real time without a look at the clock after which its file is looked at first
REPORTED_WORK = 64  # pieces of work and timers named in one report of the Debug service
REPORTED_AHEAD_SECONDS = 0.25  # cluster time after the soonest timer within which timers are named in a report
WIRE_LISTENERS = 8  # who listen to one process's traffic at once
WIRE_QUEUE = 2048  # messages waiting for one listener
WIRE_QUEUE_BYTES = 8 * 1024 * 1024  # of them, about
WIRE_BODY_BYTES = 256 * 1024  # longest body that a listener is sent
WIRE_RING = 1024  # messages, without bodies, kept for later listeners while there is one
KEEPALIVE_SECONDS = 20.0  # ping an idle channel this often
KEEPALIVE_TIMEOUT_SECONDS = 10.0  # a peer that does not answer a ping is gone
RECONNECT_MAX_SECONDS = 1.0  # longest pause between attempts to reach a peer
STOP_GRACE_SECONDS = 2.0  # what a stopping server gives calls under way
EXEC_FRAME_BYTES = 32 * 1024  # one frame of exec, attach or port-forward
EXEC_QUEUE_FRAMES = 64  # frames buffered per stream and direction before the sender waits
WEBSOCKET_MESSAGE_BYTES = 4 * 1024 * 1024  # one message of a client
