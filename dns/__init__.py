"""The cluster DNS: answers for the cluster's domain from Services and their endpoints, and asks others for the rest.

Belongs here: names, their records, and DNS over UDP and TCP. Does not belong here: who may reach what, and how packets
to service addresses travel. Nobody imports it; it imports `client`, `wire`, `api` and `apimachinery`.
"""
