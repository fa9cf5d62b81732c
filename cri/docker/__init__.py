"""CRI on a Docker Engine: a sandbox is a pause container that owns the pod's namespaces, containers join it.

Belongs here: all that knows Docker. The SDK (`engine`) makes the calls; endless streams (`stream`: events, logs, exec,
attach) are read without it, on the event loop, because the SDK blocks a thread for each and loses which stream a log
line came from. Pure translation is apart (`sandbox_body`, `container_body`, `identity`, `frames`). Does not belong
here: any rule of CRI itself. Labels carry the whole identity, so a restarted process finds everything and restarts
nothing.
"""
