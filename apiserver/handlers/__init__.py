"""What happens to a request between a front door and the registry: authentication, authorization, admission, audit.

Both front doors import `pipeline`; nothing here knows HTTP or gRPC, nor what etcd is.
"""
