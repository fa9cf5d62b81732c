/*
 * The process of a pod's sandbox: owns the pod's namespaces and does nothing.
 *
 * It sets the route to the Services (SERVICE_CIDR through NODE_IP, both from the environment) as it starts, reaps
 * orphans where it is the first process of a shared PID namespace, and ends at once on SIGTERM and SIGINT.
 */
#include <arpa/inet.h>
#include <net/route.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void on_stop(int number) { (void)number; _exit(0); }

static void on_child(int number) {
    (void)number;
    while (waitpid(-1, NULL, WNOHANG) > 0) {
    }
}

static int put_address(struct sockaddr *into, struct in_addr address) {
    struct sockaddr_in *inet = (struct sockaddr_in *)into;
    inet->sin_family = AF_INET;
    inet->sin_addr = address;
    return 0;
}

/* 0 if the route stands or none was asked for. */
static int set_route(const char *cidr, const char *gateway) {
    if (cidr == NULL || gateway == NULL || *cidr == 0 || *gateway == 0) return 0;
    char network[32];
    struct in_addr destination, via, mask;
    const char *slash = strchr(cidr, '/');
    int bits = slash ? atoi(slash + 1) : 32;
    size_t length = slash ? (size_t)(slash - cidr) : strlen(cidr);
    if (length >= sizeof network || bits < 0 || bits > 32) return fprintf(stderr, "pause: bad CIDR %s\n", cidr);
    memcpy(network, cidr, length);
    network[length] = 0;
    if (!inet_aton(network, &destination) || !inet_aton(gateway, &via))
        return fprintf(stderr, "pause: bad address: %s via %s\n", cidr, gateway);
    mask.s_addr = bits ? htonl(0xffffffffu << (32 - bits)) : 0;

    struct rtentry route;
    memset(&route, 0, sizeof route);
    put_address(&route.rt_dst, destination);
    put_address(&route.rt_genmask, mask);
    put_address(&route.rt_gateway, via);
    route.rt_flags = RTF_UP | RTF_GATEWAY;
    int control = socket(AF_INET, SOCK_DGRAM, 0);
    if (control < 0 || ioctl(control, SIOCADDRT, &route) < 0) {
        perror("pause: cannot set the route to the Services");
        return 1;
    }
    close(control);
    return 0;
}

int main(void) {
    struct sigaction stop = {.sa_handler = on_stop}, child = {.sa_handler = on_child, .sa_flags = SA_NOCLDSTOP};
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGCHLD, &child, NULL);
    if (set_route(getenv("SERVICE_CIDR"), getenv("NODE_IP")) != 0) return 1;
    for (;;) pause();
}
