"""Request and response bodies to JSON trees and back: Kubernetes protobuf, YAML, strict JSON.

Belongs here: bytes in, tree out, and the other way. What a tree means does not (schema, strategies), nor which form a
client asked for (the HTTP front door negotiates). Pure, no I/O but loading the field table. Any part of `apiserver`
may import it.
"""
