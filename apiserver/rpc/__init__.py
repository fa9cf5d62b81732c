"""The gRPC front door: service `Api`, what components use instead of REST.

Belongs here: messages in and out, and nothing that a request means (that is the pipeline's, shared with HTTP). Only
`apiserver.server` imports it.
"""
