"""Every number of the comparison that a reader may want to change, with its unit."""

from typing import Final

STEPS: Final = 2000  # of one input
FILE_BYTES: Final = 16 * 1024 * 1024  # of one input
QUIET_SECONDS: Final = 1.5  # for so long a stranger neither writes nor wants the processor: it has come to rest
QUIET_MAX_SECONDS: Final = 600.0
AFTERTHOUGHT_SECONDS: Final = 0.15  # the same, once it has answered what it was asked
BUSY_SHARE: Final = 0.2  # of time counts as quiet in which a stranger wants the processor, but writes nothing
REST_SECONDS: Final = 30.0  # real time after which the next step is taken, at rest or not
ROUNDS: Final = 100  # in which played nodes run new pods, after one step
START_SECONDS: Final = 60.0  # for a control plane to serve, and for a component of ours
LIFE_SECONDS: Final = 10.0  # for a stranger to ask the apiserver anything at all
TIMERS_SECONDS: Final = 12.0  # work of ours that is to be looked at again within so long is waited for
POLL_SECONDS: Final = 0.05  # between looks at a stranger's processes
WRITES: Final = 100_000  # kept of one side; who writes more is out of control, and is ended
REFUSALS: Final = 200  # requests of a stranger that were refused, kept to be told
REASONS: Final = 3  # lines of a side's own reasons shown for one decision
SHOWN: Final = 50  # differences shown as text; --json has all
DOCUMENT_NODES: Final = 100_000  # values in one object of the input
