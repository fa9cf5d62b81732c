"""The apiserver: the only process that touches etcd, and the one that everybody talks to.

Two front doors (`http/` for the world, `rpc/` for components) build the same `registry.request.Request` and hand it to
one `handlers.pipeline.Pipeline`: authorize, mutate, validate, store. `registry/` knows what the verbs mean, `storage/`
keeps objects in etcd, `watch/` keeps them in memory and tells who watches. Imported by nobody: other processes meet
this one on the wire.
"""
