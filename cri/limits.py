"""Every bound of the runtimes, in one table, with its unit."""

# Streaming server
STREAM_TOKENS = 1024  # URLs handed out by Exec, Attach and PortForward and not yet used
STREAM_TOKEN_SECONDS = 60.0  # such a URL may be used this long, and once
STREAM_BYTES = 32 * 1024  # one read of a forwarded or exec'd stream
EXEC_SYNC_BYTES = 16 * 1024 * 1024  # output kept of one ExecSync, each of stdout and stderr; as containerd

# Events
EVENT_SUBSCRIBERS = 32  # GetContainerEvents streams at one time
EVENT_QUEUE = 4096  # events one subscriber may be behind before its stream is ended

# Logs
LOG_FILE_BYTES = 10 * 1024 * 1024  # a container's log file is rotated at this size
LOG_FILES = 5  # files kept per container, the current one included
LOG_TAIL_BYTES = 256 * 1024  # read back from the end of a log file to find where to go on
LOG_DRAIN_SECONDS = 2.0  # a dead container's log is awaited this long before its death is told

# Lists over streams
STREAM_PAGE = 500  # items in one message of StreamPodSandboxes and its like

# Docker
DOCKER_THREADS = 16  # SDK calls under way, and connections kept to the engine
DOCKER_PULL_THREADS = 3  # image pulls under way
DOCKER_STARTS = 8  # containers being created or started at one time; more only queue inside the engine
DOCKER_CALL_SECONDS = 120.0  # an SDK call takes no longer
DOCKER_PING_SECONDS = 5.0  # an engine that takes no connection for so long is gone
DOCKER_PING_PERIOD_SECONDS = 5.0  # how often a silent engine is asked whether it is there
DOCKER_LOOK_SECONDS = 60.0  # finding out what an engine has takes no longer; else it is begun anew
DOCKER_HANG_SECONDS = 10.0  # an engine that takes a ping and does not answer it for so long hangs
DOCKER_RETRY_SECONDS = 1.0  # pause between attempts to reach the engine
DOCKER_LINE_BYTES = 1024 * 1024  # one line of the engine's event stream
DOCKER_LOG_BYTES = 10 * 1024 * 1024  # the engine's own log of a container, per file; two are kept
DOCKER_IMAGES_CACHED = 2048  # image descriptions remembered
NFT_SECONDS = 10.0  # one run of nft takes no longer
PLUG_SECONDS = 10.0  # a pause program must have made its network namespace within this
KILL_WAIT_SECONDS = 30.0  # a killed container must be seen dead within this

# Simulation
SIM_LOG_LINES = 10_000  # lines one simulated container writes at most at its start
SIM_CONTAINERS = 200_000  # simulated containers of one runtime
SIM_RETRY_SECONDS = 1.0  # real time that a simulated container waits for room on the disk
SIM_IMAGES = 10_000  # images a simulated runtime remembers having pulled
