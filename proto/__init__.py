"""The wire contract: `.proto` files and what is generated from them.

No hand-written Python belongs here. Anyone may import it; it imports nothing of ours.
"""
