"""Facts as data: protobuf field numbers of the Kubernetes v1.36 API. A package so that installing takes it along."""
