"""Components under a debugger, and the cluster's clock that waits for them.

Belongs here: how a component is started so that a debugger can attach, and who notices that it stands still. Does not
belong here: starting it (`cli.supervisor`), moving the clock (`cli.debugging`). Only `cli` imports it.
"""
