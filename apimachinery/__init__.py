"""Pure API machinery: errors, resource names, selectors, quantities, patches, clock, limits.

No I/O and no gRPC here, so that every rule can be tested as a table. Anyone may import it.
"""
