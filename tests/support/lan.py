"""A bridge with hosts on it, each a network namespace: what a node and its pods look like, without containers."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_SERVER = """
import socket, sys, threading
name, port = sys.argv[1], int(sys.argv[2])
def udp():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("", port))
        while True:
            _, peer = one.recvfrom(1000)
            one.sendto(f"{name} {peer[0]}".encode(), peer)
threading.Thread(target=udp, daemon=True).start()
with socket.create_server(("", port)) as one:
    print("ready", flush=True)
    while True:
        connection, peer = one.accept()
        with connection:
            connection.sendall(f"{name} {peer[0]}".encode())
"""

_CLIENT = """
import socket, sys
kind, ip, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
try:
    if kind == "udp":
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.settimeout(1)
            one.bind(("", int(sys.argv[4])))
            one.connect((ip, port))
            one.send(b"?")
            print(one.recv(100).decode())
    else:
        with socket.create_connection((ip, port), timeout=1) as one:
            print(one.recv(100).decode())
except ConnectionRefusedError:
    print("refused")
except TimeoutError:
    print("timeout")
except OSError:
    print("unreachable")
"""


def can_make_namespaces() -> bool:
    if os.geteuid() or not all(map(shutil.which, ("ip", "nft", "nsenter"))):
        return False
    name = f"orrery-probe-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode == 0
    if made:
        subprocess.run(["ip", "netns", "del", name], check=False)
    return made


@dataclass
class Lan:
    """`hosts` by name; each has one address in 10.250.0.0/16."""

    prefix: str
    hosts: dict[str, str] = field(default_factory=dict)
    _servers: list[subprocess.Popen[str]] = field(default_factory=list)

    def netns(self, host: str) -> str:
        return f"{self.prefix}-{host}"

    def path(self, host: str) -> Path:
        return Path("/run/netns") / self.netns(host)

    def add(self, host: str, ip: str) -> None:
        number = len(self.hosts)
        self.hosts[host] = ip
        self._ip("netns", "add", self.netns(host))
        peer = f"p{number}"
        self._ip(
            "-n",
            self.netns("switch"),
            "link",
            "add",
            peer,
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "netns",
            self.netns(host),
        )
        self._ip("-n", self.netns("switch"), "link", "set", peer, "master", "br0", "up")
        for command in (
            ("link", "set", "lo", "up"),
            ("addr", "add", f"{ip}/16", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
        ):
            self._ip("-n", self.netns(host), *command)

    def route(self, host: str, *route: str) -> None:
        self._ip("-n", self.netns(host), "route", *route)

    def serve(self, host: str, port: int) -> None:
        """TCP and UDP: answers with its name and the client's address."""
        command = ["ip", "netns", "exec", self.netns(host), sys.executable, "-S", "-c", _SERVER, host, str(port)]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        self._servers.append(server)

    def ask(self, host: str, ip: str, port: int, kind: str = "tcp", source_port: int = 0) -> str:
        """`NAME CLIENT-ADDRESS`, `refused`, `timeout` or `unreachable`."""
        command = ["ip", "netns", "exec", self.netns(host), sys.executable, "-S", "-c", _CLIENT]
        asked = [*command, kind, ip, str(port), str(source_port)]
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()

    def run(self, host: str, *command: str) -> str:
        inside = ["ip", "netns", "exec", self.netns(host), *command]
        return subprocess.run(inside, capture_output=True, text=True, check=True).stdout

    def _ip(self, *arguments: str) -> None:
        subprocess.run(["ip", *arguments], check=True, capture_output=True)

    def close(self) -> None:
        for server in self._servers:
            server.kill()
            server.wait()
            if server.stdout is not None:
                server.stdout.close()
        for host in (*self.hosts, "switch"):
            subprocess.run(["ip", "netns", "del", self.netns(host)], capture_output=True, check=False)


@contextlib.contextmanager
def make_lan() -> Iterator[Lan]:
    lan = Lan(f"orrery-{os.getpid()}")
    try:
        lan._ip("netns", "add", lan.netns("switch"))
        lan._ip("-n", lan.netns("switch"), "link", "add", "br0", "type", "bridge")
        lan._ip("-n", lan.netns("switch"), "link", "set", "br0", "up")
        yield lan
    finally:
        lan.close()
