"""Strategies of the core group: one file per kind, with the pod's larger rules in files of their own beside it.

Belongs: defaults, validation and life-cycle rules of a kind as pure functions over JSON trees, and the `Strategy` that
names them. Does not: storage, HTTP, admission. Imported by `apiserver.registry.strategies`, by sibling groups that
embed pods, and by admission plugins that do sums over pods.
"""
