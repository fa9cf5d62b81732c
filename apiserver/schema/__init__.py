"""What the built-in v1.36 kinds look like: their resources, their schemas, and checks of objects against a schema.

Belongs here: the table of built-in resources, the store of OpenAPI definitions, schema nodes and what walks them
(decoding errors, unknown fields, pruning, validation). Per-kind rules beyond the schema do not: they are strategies in
`apiserver.registry`. No I/O but reading the definitions and the cache made from them. Any part of `apiserver` may
import it.
"""
