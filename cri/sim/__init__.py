"""The simulated runtime: runs nothing and behaves as told, by pod annotations, by simple commands, by defaults.

Belongs here: how a pretended container behaves (`profile`, `script`) and its bookkeeping (`backend`, `checkpoint`).
Does not belong here: anything real; time is the cluster's clock only, so that hours of it pass in a test's instant.
"""
