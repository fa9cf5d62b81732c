/*
 * The process of a pod's sandbox, and of a node: owns the network namespace and does nothing. From its environment:
 *
 *   SERVICE_CIDR, NODE_IP   route to the Services through the node
 *   BRIDGE, POD_IP, PREFIX, GATEWAY
 *                           if given, the container was started in the engine's own network namespace: make a new one,
 *                           and plug it into that bridge
 *   SYSCTLS                 `name=value` lines for the new namespace
 *
 * It says `ready` on its standard output, or what went wrong on its standard error; gives up all capabilities; reaps
 * orphans where it is the first process of a shared PID namespace; and ends at once on SIGTERM and SIGINT.
 *
 * The engine takes about 100 ms of processor time to make a network namespace, because it starts itself anew twice to
 * do so. This takes about one.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <net/route.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define INTERFACE "eth0"

static void fail(const char *format, ...) {
    int number = errno;
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "pause: ");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, ": %s\n", strerror(number));
    va_end(arguments);
    exit(1);
}

static struct in_addr address(const char *text) {
    struct in_addr result;
    errno = EINVAL;
    if (text == NULL || !inet_aton(text, &result)) fail("bad address %s", text ? text : "(none)");
    return result;
}

static struct in_addr mask(int bits) {
    struct in_addr result = {.s_addr = bits ? htonl(0xffffffffu << (32 - bits)) : 0};
    return result;
}

static void put(struct sockaddr *into, struct in_addr value) {
    struct sockaddr_in inet = {.sin_family = AF_INET, .sin_addr = value};
    memcpy(into, &inet, sizeof inet);
}

/* --- routes and addresses, in the namespace that `control` was opened in */

static void add_route(int control, struct in_addr network, int bits, struct in_addr gateway) {
    struct rtentry route;
    memset(&route, 0, sizeof route);
    put(&route.rt_dst, network);
    put(&route.rt_genmask, mask(bits));
    put(&route.rt_gateway, gateway);
    route.rt_flags = RTF_UP | RTF_GATEWAY;
    if (ioctl(control, SIOCADDRT, &route) < 0 && errno != EEXIST) fail("cannot set a route");
}

static void route_services(int control) {
    const char *cidr = getenv("SERVICE_CIDR"), *node = getenv("NODE_IP");
    if (cidr == NULL || node == NULL || *cidr == 0 || *node == 0) return;
    char network[32] = "";
    const char *slash = strchr(cidr, '/');
    if (slash == NULL || (size_t)(slash - cidr) >= sizeof network) fail("bad CIDR %s", cidr);
    memcpy(network, cidr, (size_t)(slash - cidr));
    add_route(control, address(network), atoi(slash + 1), address(node));
}

static void raise_interface(int control, const char *name) {
    struct ifreq request;
    memset(&request, 0, sizeof request);
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    if (ioctl(control, SIOCGIFFLAGS, &request) < 0) fail("cannot find %s", name);
    request.ifr_flags |= IFF_UP;
    if (ioctl(control, SIOCSIFFLAGS, &request) < 0) fail("cannot bring up %s", name);
}

static void set_address(int control, struct in_addr ip, int bits) {
    struct ifreq request;
    memset(&request, 0, sizeof request);
    strncpy(request.ifr_name, INTERFACE, IFNAMSIZ - 1);
    put(&request.ifr_addr, ip);
    if (ioctl(control, SIOCSIFADDR, &request) < 0) fail("cannot set the address");
    put(&request.ifr_netmask, mask(bits));
    if (ioctl(control, SIOCSIFNETMASK, &request) < 0) fail("cannot set the netmask");
}

/* --- a pair of virtual interfaces: one end on the bridge, one in the new namespace */

struct request {
    struct nlmsghdr header;
    struct ifinfomsg info;
    char attributes[512];
};

static struct rtattr *add(struct request *request, unsigned short type, const void *data, size_t length) {
    struct rtattr *attribute = (struct rtattr *)((char *)request + NLMSG_ALIGN(request->header.nlmsg_len));
    attribute->rta_type = type;
    attribute->rta_len = RTA_LENGTH(length);
    if (length) memcpy(RTA_DATA(attribute), data, length);
    request->header.nlmsg_len = NLMSG_ALIGN(request->header.nlmsg_len) + RTA_ALIGN(attribute->rta_len);
    return attribute;
}

static void end(struct request *request, struct rtattr *attribute) {
    attribute->rta_len = (unsigned short)((char *)request + request->header.nlmsg_len - (char *)attribute);
}

static void make_pair(int netlink, int bridge, int namespace, struct in_addr ip) {
    /* The same address always has the same hardware address, so that neighbours need not forget the last owner. */
    unsigned char hardware[6] = {0x02, 0x42};
    memcpy(hardware + 2, &ip, 4);
    struct ifinfomsg nothing;
    memset(&nothing, 0, sizeof nothing);
    struct request request;
    memset(&request, 0, sizeof request);
    request.header.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg));
    request.header.nlmsg_type = RTM_NEWLINK;
    request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK;
    request.info.ifi_flags = request.info.ifi_change = IFF_UP;
    add(&request, IFLA_IFNAME, "orrery%d", sizeof "orrery%d");
    add(&request, IFLA_MASTER, &bridge, sizeof bridge);
    struct rtattr *link = add(&request, IFLA_LINKINFO, NULL, 0);
    add(&request, IFLA_INFO_KIND, "veth", sizeof "veth");
    struct rtattr *data = add(&request, IFLA_INFO_DATA, NULL, 0);
    struct rtattr *peer = add(&request, VETH_INFO_PEER, &nothing, sizeof nothing);
    add(&request, IFLA_IFNAME, INTERFACE, sizeof INTERFACE);
    add(&request, IFLA_ADDRESS, hardware, sizeof hardware);
    add(&request, IFLA_NET_NS_FD, &namespace, sizeof namespace);
    end(&request, peer);
    end(&request, data);
    end(&request, link);

    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
        char rest[1024];
    } answer;
    if (send(netlink, &request, request.header.nlmsg_len, 0) < 0 || recv(netlink, &answer, sizeof answer, 0) < 0)
        fail("cannot speak to the kernel");
    errno = -answer.error.error;
    if (answer.header.nlmsg_type != NLMSG_ERROR || answer.error.error != 0) fail("cannot make the pod's interface");
}

/* --- sysctls */

static void set_sysctl(const char *name, const char *value, int must) {
    char path[256] = "/proc/sys/";
    size_t length = strlen(path);
    for (; *name && length < sizeof path - 1; name++) path[length++] = *name == '.' ? '/' : *name;
    path[length] = 0;
    int file = open(path, O_WRONLY);
    if ((file < 0 || write(file, value, strlen(value)) < 0) && must) fail("cannot set %s", path);
    if (file >= 0) close(file);
}

static void set_sysctls(void) {
    set_sysctl("net.ipv4.ip_unprivileged_port_start", "0", 0); /* as the engine does for its own namespaces */
    set_sysctl("net.ipv6.conf.all.disable_ipv6", "1", 0);
    set_sysctl("net.ipv6.conf.default.disable_ipv6", "1", 0);
    char *text = getenv("SYSCTLS");
    for (char *line = text ? strtok(text, "\n") : NULL; line != NULL; line = strtok(NULL, "\n")) {
        char *value = strchr(line, '=');
        if (value == NULL) continue;
        *value = 0;
        set_sysctl(line, value + 1, 1);
    }
}

/* --- the whole */

static void make_namespace(const char *bridge_name) {
    struct in_addr ip = address(getenv("POD_IP")), gateway = address(getenv("GATEWAY"));
    const char *prefix = getenv("PREFIX");
    int bridge = (int)if_nametoindex(bridge_name);
    if (bridge == 0) fail("cannot find the bridge %s", bridge_name);
    int outside = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (outside < 0) fail("cannot speak to the kernel");
    if (unshare(CLONE_NEWNET) < 0) fail("cannot make a network namespace");
    int namespace = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (namespace < 0) fail("cannot open the network namespace");
    set_sysctls();
    make_pair(outside, bridge, namespace, ip);
    close(outside);
    close(namespace);
    int inside = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    raise_interface(inside, "lo");
    set_address(inside, ip, prefix ? atoi(prefix) : 24);
    raise_interface(inside, INTERFACE);
    add_route(inside, mask(0), 0, gateway);
    close(inside);
}

static void drop_capabilities(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2];
    memset(none, 0, sizeof none);
    for (int capability = 0; capability <= 63; capability++) prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
    if (syscall(SYS_capset, &header, none) < 0) fail("cannot give up capabilities");
}

static void on_stop(int number) {
    (void)number;
    _exit(0);
}

static void on_child(int number) {
    (void)number;
    while (waitpid(-1, NULL, WNOHANG) > 0) {
    }
}

int main(void) {
    struct sigaction stop = {.sa_handler = on_stop}, child = {.sa_handler = on_child, .sa_flags = SA_NOCLDSTOP};
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGCHLD, &child, NULL);
    const char *bridge = getenv("BRIDGE");
    if (bridge != NULL && *bridge) make_namespace(bridge);
    int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    route_services(control);
    close(control);
    drop_capabilities();
    printf("ready\n");
    fflush(stdout);
    for (;;) pause();
}
