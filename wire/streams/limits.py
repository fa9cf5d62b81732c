"""Bounds of the streaming protocols, each with its unit."""

READ_BYTES = 64 * 1024  # one read of a socket
READER_BYTES = 256 * 1024  # unread bytes of one connection before the peer's sending is paused
HANDSHAKE_BYTES = 64 * 1024  # an upgrade request or response
HANDSHAKE_SECONDS = 10.0  # for the peer to finish its handshake
CLOSE_SECONDS = 5.0  # for the peer to answer a close before the connection is cut
WEBSOCKET_CONNECTIONS = 1024  # open at one WebSocket server
SPDY_STREAMS = 1024  # open streams of one SPDY connection
SPDY_FRAME_BYTES = 16 * 1024 * 1024 - 1  # what the length field can say
SPDY_DATA_BYTES = 32 * 1024  # one DATA frame of ours
SPDY_BUFFER_BYTES = 1024 * 1024  # unread bytes of one stream before the connection is no longer read
SPDY_HEADER_BYTES = 64 * 1024  # one header block, inflated
