"""Every number of the cluster DNS that a reader may want to change, with its unit."""

TTL_SECONDS = 30  # of every record, and of a denial
FORWARDS_IN_FLIGHT = 512  # questions asked of others and not yet answered; more are refused (SERVFAIL)
FORWARD_SECONDS = 2.0  # how long one upstream resolver may take (real time)
UPSTREAMS = 3  # resolvers read from resolv.conf, as libc does
CNAME_DEPTH = 8  # names followed for one question
UDP_PLAIN_BYTES = 512  # longest answer over UDP to a client that does not say what it takes
UDP_MAX_BYTES = 4096  # and to one that asks for more
TCP_CONNECTIONS = 256  # open at once; more are closed at once
TCP_IDLE_SECONDS = 10.0  # a silent connection is closed (real time)
BIND_RETRY_MAX_SECONDS = 1.0  # longest pause between attempts to listen on an address that is not there yet
