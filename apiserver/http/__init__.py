"""The HTTPS front door: what kubectl and every other outside client talks to.

Belongs here: HTTP/1.1 and TLS, URLs, media types, Table and other views of objects, discovery, OpenAPI, health, and the
streams of exec, attach, port-forward and logs as far as the kubelet. Does not belong here: anything a request *means*;
that is the pipeline's, which the gRPC front door shares. Only `apiserver.server` imports it.

A request's way: `protocol` parses it, `app` finds out who asks and what (`routes`), `resources` decodes the body
(`bodies`), calls the pipeline and has the answer written in the form the client accepts (`negotiate`, `views`).
"""
