"""The kubelet: runs the pods bound to one node and tells the API how they fare.

Belongs here: deciding what a pod needs next (pure: `worker`, `status`, `env`), the loop that does it through CRI,
probes, volumes, the node's own status, and the streams the apiserver asks for. Does not belong here: how containers
are run (the runtime, behind CRI), pod networking, the API's rules. A kubelet is an object (`kubelet.Kubelet`): nothing
in this package is a module-level global, because one process may hold thousands. Nobody imports it but its own
`__main__` and those who host many kubelets in one process.
"""
