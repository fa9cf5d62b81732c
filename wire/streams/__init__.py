"""Streaming protocols of exec, attach, port-forward and logs: WebSocket, channel frames, SPDY/3.1.

Belongs here: framing and flow control over bytes that someone else connected. Does not belong here: what a stream means
(apiserver, kubelet and cri know that). Any component may import it; it imports only `wire.limits` and `apimachinery`.
"""
