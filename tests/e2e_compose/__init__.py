"""The whole cluster under Compose: the tests of `tests/e2e` once more, and what only Compose can do."""
