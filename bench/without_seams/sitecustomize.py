"""Python imports this by itself when it starts with this folder on PYTHONPATH: the process then has no seams."""

from bench.bare import install

install()
