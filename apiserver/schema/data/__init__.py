"""Facts as data: the built-in resources of Kubernetes v1.36. A package so that installing takes it along."""
