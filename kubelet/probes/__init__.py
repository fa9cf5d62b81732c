"""Probes: carrying one out (`actions`), counting its outcomes (`counter`, pure) and doing so all the time (`prober`).

Does not belong here: what follows from a result. The pod worker decides that.
"""
