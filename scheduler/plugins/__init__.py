"""The scheduler's plugins, one file each. `table.py` lists them with their weights, in the order they run."""
