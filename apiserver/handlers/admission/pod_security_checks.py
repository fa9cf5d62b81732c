"""The Pod Security Standards as pure checks of a pod's spec.

Source: Kubernetes documentation, "Pod Security Standards".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

JSON = dict[str, Any]
Check = Callable[[JSON], str]
"""Gives "" if all is well, else what is wrong: `hostPort (container "c" uses hostPort 80)`."""

BASELINE_CAPABILITIES: Final = frozenset(
    ("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP",
     "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT")
)  # fmt: skip
SAFE_SYSCTLS: Final = frozenset(
    ("kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start",
     "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports",
     "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl",
     "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem")
)  # fmt: skip
SAFE_VOLUMES: Final = frozenset(
    ("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected",
     "secret")
)  # fmt: skip
SELINUX_TYPES: Final = ("", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")


def _containers(spec: JSON) -> Iterator[tuple[str, JSON, JSON]]:
    """(name, container, its security context)."""
    for name in ("initContainers", "containers", "ephemeralContainers"):
        for container in spec.get(name) or ():
            yield str(container.get("name")), container, container.get("securityContext") or {}


def _quoted(items: Iterable[str]) -> str:
    return ", ".join(f'"{item}"' for item in items)


def _named(word: str, items: list[str]) -> str:
    return f"{word}{'s' if len(items) > 1 else ''} {_quoted(items)}"


def _where(spec: JSON, bad: Callable[[JSON], bool]) -> list[str]:
    return [name for name, _, context in _containers(spec) if bad(context)]


def _pod_context(spec: JSON) -> JSON:
    found: JSON = spec.get("securityContext") or {}
    return found


def allow_privilege_escalation(spec: JSON) -> str:
    bad = _where(spec, lambda context: context.get("allowPrivilegeEscalation") is not False)
    what = "must set securityContext.allowPrivilegeEscalation=false"
    return f"allowPrivilegeEscalation != false ({_named('container', bad)} {what})" if bad else ""


def app_armor(spec: JSON) -> str:
    def unconfined(context: JSON) -> bool:
        return (context.get("appArmorProfile") or {}).get("type") == "Unconfined"

    bad = _where(spec, unconfined)
    owners = (["pod"] if unconfined(_pod_context(spec)) else []) + ([_named("container", bad)] if bad else [])
    what = 'must not set securityContext.appArmorProfile.type to "Unconfined"'
    return f"forbidden AppArmor profile ({' and '.join(owners)} {what})" if owners else ""


def _added(context: JSON) -> list[str]:
    return list((context.get("capabilities") or {}).get("add") or ())


def capabilities_baseline(spec: JSON) -> str:
    found = [(name, set(_added(context)) - BASELINE_CAPABILITIES) for name, _, context in _containers(spec)]
    bad = [name for name, extra in found if extra]
    extras = sorted(set().union(*(extra for _, extra in found)))
    if not bad:
        return ""
    what = f"must not include {_quoted(extras)} in securityContext.capabilities.add"
    return f"non-default capabilities ({_named('container', bad)} {what})"


def capabilities_restricted(spec: JSON) -> str:
    keeps = _where(spec, lambda context: "ALL" not in ((context.get("capabilities") or {}).get("drop") or ()))
    found = [(name, set(_added(context)) - {"NET_BIND_SERVICE"}) for name, _, context in _containers(spec)]
    adds = [name for name, extra in found if extra]
    problems: list[str] = []
    if keeps:
        problems.append(f'{_named("container", keeps)} must set securityContext.capabilities.drop=["ALL"]')
    if adds:
        extras = _quoted(sorted(set().union(*(extra for _, extra in found))))
        problems.append(f"{_named('container', adds)} must not include {extras} in securityContext.capabilities.add")
    return f"unrestricted capabilities ({'; '.join(problems)})" if problems else ""


def host_namespaces(spec: JSON) -> str:
    used = [f"{field}=true" for field in ("hostNetwork", "hostPID", "hostIPC") if spec.get(field)]
    return f"host namespaces ({', '.join(used)})" if used else ""


def host_path_volumes(spec: JSON) -> str:
    bad = [str(volume.get("name")) for volume in spec.get("volumes") or () if volume.get("hostPath") is not None]
    return f"hostPath volumes ({_named('volume', bad)})" if bad else ""


def host_ports(spec: JSON) -> str:
    used = {
        name: [port["hostPort"] for port in container.get("ports") or () if port.get("hostPort")]
        for name, container, _ in _containers(spec)
    }
    bad = [name for name, ports in used.items() if ports]
    ports = sorted({port for found in used.values() for port in found})
    if not bad:
        return ""
    verb, noun = ("use" if len(bad) > 1 else "uses"), f"hostPort{'s' if len(ports) > 1 else ''}"
    return f"{noun} ({_named('container', bad)} {verb} {noun} {', '.join(map(str, ports))})"


def privileged(spec: JSON) -> str:
    bad = _where(spec, lambda context: bool(context.get("privileged")))
    return f"privileged ({_named('container', bad)} must not set securityContext.privileged=true)" if bad else ""


def proc_mount(spec: JSON) -> str:
    bad = _where(spec, lambda context: context.get("procMount") not in (None, "", "Default"))
    what = 'must not set securityContext.procMount to "Unmasked"'
    return f"procMount ({_named('container', bad)} {what})" if bad else ""


def restricted_volumes(spec: JSON) -> str:
    bad: list[str] = []
    kinds: set[str] = set()
    for volume in spec.get("volumes") or ():
        kind = next((key for key, value in volume.items() if key != "name" and value is not None), "emptyDir")
        if kind not in SAFE_VOLUMES:
            bad.append(str(volume.get("name")))
            kinds.add(kind)
    if not bad:
        return ""
    verb, noun = ("use" if len(bad) > 1 else "uses"), f"restricted volume type{'s' if len(kinds) > 1 else ''}"
    return f"restricted volume types ({_named('volume', bad)} {verb} {noun} {_quoted(sorted(kinds))})"


def run_as_non_root(spec: JSON) -> str:
    pod = _pod_context(spec).get("runAsNonRoot")
    says_no = _where(spec, lambda context: context.get("runAsNonRoot") is False)
    silent = _where(spec, lambda context: context.get("runAsNonRoot") is None)
    problems: list[str] = []
    if pod is False:
        problems.append("pod must not set securityContext.runAsNonRoot=false")
    if says_no:
        problems.append(f"{_named('container', says_no)} must not set securityContext.runAsNonRoot=false")
    if not problems and pod is None and silent:
        problems.append(f"pod or {_named('container', silent)} must set securityContext.runAsNonRoot=true")
    return f"runAsNonRoot != true ({' and '.join(problems)})" if problems else ""


def run_as_user(spec: JSON) -> str:
    bad = _where(spec, lambda context: context.get("runAsUser") == 0)
    owners = ["pod"] if _pod_context(spec).get("runAsUser") == 0 else []
    owners += [_named("container", bad)] if bad else []
    return f"runAsUser=0 ({' and '.join(owners)} must not set runAsUser=0)" if owners else ""


def selinux(spec: JSON) -> str:
    def forbidden(context: JSON) -> bool:
        options = context.get("seLinuxOptions") or {}
        kind = options.get("type") or ""
        return kind not in SELINUX_TYPES or bool(options.get("user")) or bool(options.get("role"))

    owners = ["pod"] if forbidden(_pod_context(spec)) else []
    bad = _where(spec, forbidden)
    owners += [_named("container", bad)] if bad else []
    return f"seLinuxOptions ({' and '.join(owners)} set forbidden securityContext.seLinuxOptions)" if owners else ""


def _seccomp(context: JSON) -> str | None:
    found: str | None = (context.get("seccompProfile") or {}).get("type")
    return found


def seccomp_baseline(spec: JSON) -> str:
    owners = ["pod"] if _seccomp(_pod_context(spec)) == "Unconfined" else []
    bad = _where(spec, lambda context: _seccomp(context) == "Unconfined")
    owners += [_named("container", bad)] if bad else []
    what = 'must not set securityContext.seccompProfile.type to "Unconfined"'
    return f"seccompProfile ({' and '.join(owners)} {what})" if owners else ""


def seccomp_restricted(spec: JSON) -> str:
    refused = seccomp_baseline(spec)
    if refused:
        return refused
    silent = _where(spec, lambda context: _seccomp(context) is None)
    if _seccomp(_pod_context(spec)) is not None or not silent:
        return ""
    what = 'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'
    return f"seccompProfile (pod or {_named('container', silent)} {what})"


def sysctls(spec: JSON) -> str:
    given = [str(one.get("name")) for one in _pod_context(spec).get("sysctls") or ()]
    bad = [name for name in given if name not in SAFE_SYSCTLS]
    return f"forbidden sysctls ({', '.join(bad)})" if bad else ""


def windows_host_process(spec: JSON) -> str:
    def host_process(context: JSON) -> bool:
        return bool((context.get("windowsOptions") or {}).get("hostProcess"))

    owners = ["pod"] if host_process(_pod_context(spec)) else []
    bad = _where(spec, host_process)
    owners += [_named("container", bad)] if bad else []
    what = "must not set securityContext.windowsOptions.hostProcess=true"
    return f"hostProcess ({' and '.join(owners)} {what})" if owners else ""


LEVELS: Final[dict[str, tuple[Check, ...]]] = {
    "privileged": (),
    "baseline": (
        app_armor, capabilities_baseline, host_namespaces, host_path_volumes, host_ports, privileged, proc_mount,
        selinux, seccomp_baseline, sysctls, windows_host_process,
    ),
    "restricted": (
        allow_privilege_escalation, app_armor, capabilities_restricted, host_namespaces, host_ports, privileged,
        proc_mount, restricted_volumes, run_as_non_root, run_as_user, selinux, seccomp_restricted, sysctls,
        windows_host_process,
    ),
}  # fmt: skip
"""In the order that the problems are told."""


def problems(level: str, spec: JSON) -> str:
    """All that is wrong, for the message; "" if the pod is fine."""
    return ", ".join(found for check in LEVELS[level] if (found := check(spec)))
