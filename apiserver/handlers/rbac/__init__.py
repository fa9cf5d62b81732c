"""Role-based access control: what roles and bindings grant, and the ones every cluster is born with.

Belongs: matching rules, resolving bindings and aggregated roles, the escalation check, and the bootstrap policy as
data (`bootstrap/`). Does not: who asks (authn), the request pipeline, storage. Imported by the apiserver's start-up,
its pipeline, and the admission plugin that guards roles.
"""
