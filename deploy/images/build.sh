#!/bin/sh
# Container images out of Debian packages, without a registry.
#
#   deploy/images/build.sh [pause] [busybox] [node] [base] [etcd] | all
#
# pause    orrery/pause     what owns a pod's namespaces; sets its route to the Services
# busybox  orrery/busybox   a small image for pods, as tags 1 and 2 so that there is something to roll out;
#                           not `latest`, which a kubelet would try to pull
# node     orrery/node      what owns a node's network namespace
# base     orrery/base      Python, nftables and the project's dependencies: every component under Compose
# etcd     orrery/etcd      etcd and etcdctl of this host
#
# What base and etcd are called is also written to .env, so that Compose takes them instead of images to be pulled.
#
# All but base need /bin/busybox (package busybox-static) and take a few seconds together; base needs mmdebstrap. An image
# is left alone if what it would be made of has not changed (label orrery.build).
set -eu

here=$(cd "$(dirname "$0")" && pwd)
project=$(cd "$here/../.." && pwd)
suite=bookworm
debugger="debugpy>=1.8" # in the components' image for `orrery debug`
work=
trap 'if [ -n "$work" ]; then rm -rf "$work"; fi' EXIT INT TERM

say() { echo "images: $*" >&2; }
fail() { say "$*"; exit 1; }

# need COMMAND PACKAGE: the command's path is looked up; as root on Debian the package is installed.
need() {
    command -v "$1" >/dev/null 2>&1 && return 0
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || fail "$1 is missing: install Debian's package $2"
    say "installing $2"
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$2" >/dev/null 2>&1 ||
        { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$2" >/dev/null; } ||
        fail "$2 could not be installed"
}

digest() { cat "$@" | sha256sum | cut -c1-16; }

# current IMAGE HASH: whether the image is there and made of the same.
current() {
    [ "$(docker image inspect -f '{{index .Config.Labels "orrery.build"}}' "$1" 2>/dev/null)" = "$2" ] || return 1
    say "$1 is current"
}

# load IMAGE HASH TAR-ON-STDIN CHANGES...
load() {
    image=$1 hash=$2
    shift 2
    for change in "$@"; do set -- "$@" --change "$change"; shift; done
    docker import "$@" --change "LABEL orrery.build=$hash" - "$image" >/dev/null
    docker image prune --force --filter label=orrery.build >/dev/null # what had the name before, if nothing uses it
    say "built $image"
}

# A root file system of busybox and the few files that programs look for.
busybox_root() {
    root=$1
    mkdir -p "$root/bin" "$root/dev" "$root/proc" "$root/sys" "$root/etc" "$root/root" "$root/home" "$root/run" \
        "$root/tmp" "$root/var/tmp" "$root/var/log" "$root/var/www" "$root/usr/share" "$root/mnt"
    chmod 1777 "$root/tmp" "$root/var/tmp"
    ln -s ../run "$root/var/run"
    cp "$(command -v busybox)" "$root/bin/busybox"
    for applet in $(busybox --list-full); do
        [ "$applet" != bin/busybox ] || continue
        mkdir -p "$root/${applet%/*}"
        ln -sf /bin/busybox "$root/$applet"
    done
    repair_wget "$root"
    printf 'root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\nnobody:x:65534:65534:nobody:/home:/bin/false\n' \
        >"$root/etc/passwd"
    printf 'root:x:0:\ndaemon:x:1:\nnogroup:x:65534:\n' >"$root/etc/group"
    printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
    printf '127.0.0.1\tlocalhost\n' >"$root/etc/hosts"
    : >"$root/etc/resolv.conf"
}

# Debian's static busybox has a wget without time limits, and -T makes it crash. Its shell prefers its own programs to
# those on the path, so the broken one gets another name of the same length, and a script the old one.
repair_wget() {
    status=0
    sh -c 'busybox wget -q -T 1 -O /dev/null http://127.0.0.1:1/; exit $?' >/dev/null 2>&1 || status=$?
    [ "$status" -gt 128 ] || return 0
    LC_ALL=C sed -i 's/\x00wget\x00which\x00/\x00wgeu\x00which\x00/' "$1/bin/busybox"
    "$1/bin/busybox" --list | grep -qx wgeu || { say "wget -T will not work in pods"; return 0; }
    rm -f "$1/usr/bin/wget"
    install -m 755 "$here/wget.sh" "$1/usr/bin/wget"
}

pause_program() {
    if command -v gcc >/dev/null 2>&1 && gcc -Os -s -static -o "$1/pause" "$here/pause.c" 2>/dev/null; then
        return 0
    fi
    say "no C compiler with a static C library: pause becomes a shell script"
    cp "$here/pause.sh" "$1/pause"
    chmod 755 "$1/pause"
}

# from_busybox IMAGE CHANGES...: import what is in $work.
from_busybox() {
    image=$1 hash=$2
    shift 2
    tar -C "$work" --numeric-owner --owner=0 --group=0 -c . | load "$image" "$hash" 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' "$@"
    rm -rf "$work"
    work=
}

build_pause() {
    need busybox busybox-static
    hash=$(digest "$0" "$here/pause.c" "$here/pause.sh" "$here/wget.sh" "$(command -v busybox)")
    current orrery/pause:latest "$hash" && return
    work=$(mktemp -d)
    busybox_root "$work"
    pause_program "$work"
    from_busybox orrery/pause:latest "$hash" 'ENTRYPOINT ["/pause"]'
}

build_busybox() {
    need busybox busybox-static
    hash=$(digest "$0" "$here/wget.sh" "$(command -v busybox)")
    current orrery/busybox:1 "$hash" && return
    work=$(mktemp -d)
    busybox_root "$work"
    from_busybox orrery/busybox:1 "$hash" 'CMD ["sh"]'
    docker tag orrery/busybox:1 orrery/busybox:2
}

# kube-proxy brings its own nft into the node's namespace, so busybox is enough for a node.
build_node() {
    need busybox busybox-static
    hash=$(digest "$0" "$here/pause.c" "$here/pause.sh" "$here/wget.sh" "$(command -v busybox)")
    current orrery/node:latest "$hash" && return
    work=$(mktemp -d)
    busybox_root "$work"
    pause_program "$work"
    from_busybox orrery/node:latest "$hash" 'ENTRYPOINT ["/pause"]'
}

# debian_root PACKAGES...: a minimal Debian in $work, without documentation.
debian_root() {
    need mmdebstrap mmdebstrap
    work=$(mktemp -d)
    packages=$(echo "$*" | tr ' ' ,)
    say "fetching Debian $suite with $packages"
    mmdebstrap --quiet --variant=minbase --include="$packages" \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' --aptopt='APT::Install-Recommends "false"' \
        "$suite" "$work/root" >/dev/null || fail "mmdebstrap failed"
    rm -rf "$work/root/var/lib/apt/lists"/* "$work/root/var/cache/apt"/*.bin
}

from_debian() {
    image=$1 hash=$2
    shift 2
    tar -C "$work/root" --numeric-owner --exclude=./dev/* -c . | load "$image" "$hash" "$@"
    rm -rf "$work"
    work=
}

# What pyproject.toml names and all that needs: copied from the project's environment if that has the same Python,
# else installed afresh.
install_dependencies() {
    python=$project/.venv/bin/python
    if [ "$("$python" -c 'import sys; print(sys.version_info[:2])' 2>/dev/null)" = "(3, 11)" ]; then
        say "copying the project's dependencies from its environment"
        "$python" "$here/copy_dependencies.py" "$project/pyproject.toml" "$1" $debugger && return
    fi
    say "installing the project's dependencies"
    python3 -c 'import sys, tomllib; print("\n".join(tomllib.load(open(sys.argv[1], "rb"))["project"]["dependencies"]))' \
        "$project/pyproject.toml" >"$work/requirements.txt"
    echo "$debugger" >>"$work/requirements.txt"
    python3 -m pip install --quiet --only-binary :all: --target "$1" -r "$work/requirements.txt" ||
        fail "the dependencies could not be installed"
}

# name_for_compose VARIABLE IMAGE: set it in .env, whose other lines are the user's.
name_for_compose() {
    ! grep -qsx "$1=$2" "$project/.env" || return 0
    { [ ! -e "$project/.env" ] || grep -v "^$1=" "$project/.env" || :; echo "$1=$2"; } >"$project/.env.new"
    mv "$project/.env.new" "$project/.env"
    say "wrote $1=$2 to .env: Compose uses it from now on"
}

build_base() {
    packages="python3 nftables iproute2 util-linux mount conntrack ca-certificates procps"
    hash=$({ echo "$suite $packages $debugger"; sed -n '/^dependencies/,/^]/p' "$project/pyproject.toml"; } | digest)
    current orrery/base:latest "$hash" && return
    debian_root $packages
    install_dependencies "$work/root/usr/lib/python3/dist-packages"
    find "$work/root/usr/lib/python3/dist-packages" -name tests -type d -prune -exec rm -rf {} +
    ln -sf python3 "$work/root/usr/bin/python"
    from_debian orrery/base:latest "$hash" 'ENV PYTHONUNBUFFERED=1' 'CMD ["bash"]'
}

# The host's own etcd and the libraries it is linked with.
build_etcd() {
    need busybox busybox-static
    need etcd etcd-server
    need etcdctl etcd-client
    programs="$(command -v etcd) $(command -v etcdctl)"
    hash=$(digest "$(command -v busybox)" $programs)
    current orrery/etcd:latest "$hash" && return
    work=$(mktemp -d)
    busybox_root "$work"
    cp $programs "$work/bin/"
    for library in $(ldd $programs 2>/dev/null | grep -o '/[^ :]*' | grep '\.so' | sort -u); do
        mkdir -p "$work${library%/*}"
        cp -L "$library" "$work$library"
    done
    from_busybox orrery/etcd:latest "$hash" 'ENV ETCDCTL_API=3' 'CMD ["etcd"]'
}

docker version >/dev/null 2>&1 || fail "the Docker engine does not answer"
[ $# -gt 0 ] || set -- all
[ "$*" != all ] || set -- pause busybox node base etcd
for one in "$@"; do
    case $one in
    pause | busybox | node | base | etcd) "build_$one" ;;
    *) fail "unknown image: $one (pause, busybox, node, base, etcd, all)" ;;
    esac
    case $one in
    base) name_for_compose ORRERY_IMAGE orrery/base:latest ;;
    etcd) name_for_compose ORRERY_ETCD_IMAGE orrery/etcd:latest ;;
    esac
done
