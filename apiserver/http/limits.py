"""Bounds of the HTTPS front door, each with its unit."""

BODY_BYTES = 3 * 1024 * 1024  # one request body; upstream's limit and text
DISCARD_BYTES = 32 * 1024 * 1024  # of a body past its limit, read only to answer politely
HEAD_BYTES = 128 * 1024  # request line and headers
LINGER_SECONDS = 0.5  # real time a client that is hung up on has to read why; upstream's rstAvoidanceDelay
CONNECTIONS = 16_384  # open at once
BACKLOG = 512  # connections waiting to be accepted
HANDSHAKE_SECONDS = 10.0  # for a TLS handshake
IDLE_SECONDS = 120.0  # real time a connection may lie idle, or a request may dribble in
SWEEP_SECONDS = 10.0  # real time between looks for idle connections
DRAIN_SECONDS = 2.0  # what requests under way get when the server stops
WRITE_BYTES = 256 * 1024  # of a response handed to the transport at a time
GZIP_BYTES = 128 * 1024  # responses at least this large are compressed for clients who accept it
GZIP_THREAD_BYTES = 1024 * 1024  # responses at least this large are compressed in a thread
JSON_PATCH_OPERATIONS = 10_000  # of one JSON patch
WATCH_FIRST_SECONDS = 0.05  # real time a refused watch has to say so with an HTTP status
DOCUMENTS = 64  # OpenAPI documents kept in memory, compressed
V2_FILES = 16  # OpenAPI v2 documents kept in the cache directory; half a megabyte each
KUBELET_CHANNELS = 256  # gRPC channels to kubelets kept open
KUBELET_DIAL_SECONDS = 5.0  # real time to reach a kubelet
LATENCY_SERIES = 4096  # series of request metrics
PORT_FORWARD_STREAMS = 256  # connections forwarded at once by one client
STREAM_CREATION_SECONDS = 30.0  # real time for a SPDY client to open the streams it announced
"""Upstream's `streamCreationTimeout`."""
STREAM_ACCEPT_SECONDS = 10.0  # real time a kubelet has to accept or refuse a stream before the client is told 101
LOG_FIRST_SECONDS = 0.2  # real time a silent container's follower waits for HTTP 200
MANAGER_NAME_CHARACTERS = 128  # of a fieldManager
