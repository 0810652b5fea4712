/* Many readers in one thread, for loads that a Python client cannot take.
 *
 *   load --port N --protocol sse|websocket|redis --path PATH --connections N [--first SEQ] [--until SEQ]
 *        [--timeout SECONDS] [--ready TEXT] [--farewell TEXT] [--latency] [--deflate]
 *
 * Opens the connections, says "ready" once each has been answered (and has said TEXT), reads until each has the event
 * with seq UNTIL, or until standard input ends, and prints what it saw as one JSON object. The events of a connection
 * must begin with FIRST and rise by one; all else is counted as a fault. See scan.c for what an event looks like.
 * A connection that the server closes ends it all, but with --farewell: then it reads until each has been closed, and
 * counts those that said TEXT before.
 */
#define _GNU_SOURCE
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define OPENING 128 /* connections that may wait for their answer at the same time: a listen queue is finite */
#define BUFFER (1 << 18)

struct wish wish = {.path = "/", .protocol = "sse", .connections = 1, .timeout = 60};
int complete, close_code;
int64_t read_at;
static int opened, ready, closed, farewells, epoll;
static long long bytes, reads;
static int64_t first_at, last_at;

int64_t nanoseconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

void fail(const char *what) {
    fprintf(stderr, "load: %s\n", what);
    exit(1);
}

static int request(char *into, size_t room) {
    if (!strcmp(wish.protocol, "redis")) return snprintf(into, room, "SUBSCRIBE %s\r\n", wish.path);
    if (!strcmp(wish.protocol, "sse"))
        return snprintf(into, room, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n", wish.path);
    return snprintf(into, room,
                    "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OTAxMjM0NQ==\r\n%s\r\n",
                    wish.path,
                    wish.deflate ? "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
                                   "client_no_context_takeover\r\n" : "");
}

static void open_stream(struct stream *s) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(wish.port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    char text[1024];
    int length = request(text, sizeof text);
    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (s->fd < 0 || connect(s->fd, (struct sockaddr *)&address, sizeof address) || write(s->fd, text, length) != length)
        fail(strerror(errno));
    fcntl(s->fd, F_SETFL, O_NONBLOCK);
    s->answered = !strcmp(wish.protocol, "redis");
    struct epoll_event want = {.events = EPOLLIN, .data.ptr = s};
    epoll_ctl(epoll, EPOLL_CTL_ADD, s->fd, &want);
    opened++;
}

/* Take the head of the answer from `data`; how much of it that was. */
static size_t head(struct stream *s, const char *data, size_t size) {
    size_t before = s->carried, part = size < CARRY - before ? size : CARRY - before;
    memcpy(s->carry + before, data, part);
    s->carried += part;
    char *end = memmem(s->carry, s->carried, "\r\n\r\n", 4);
    if (!end && s->carried == CARRY) fail("the head of the answer is too long");
    if (!end) return part;
    bool websocket = !strcmp(wish.protocol, "websocket");
    if (memcmp(s->carry, websocket ? "HTTP/1.1 101" : "HTTP/1.1 200", 12)) {
        fprintf(stderr, "load: refused: %.*s\n", (int)s->carried, s->carry);
        exit(1);
    }
    if (wish.deflate && !memmem(s->carry, s->carried, "permessage-deflate", 18)) fail("the server does not compress");
    s->answered = true;
    s->carried = 0;
    return end + 4 - s->carry - before;
}

static void take(struct stream *s, char *data, size_t size) {
    if (!s->answered) {
        size_t used = head(s, data, size);
        data += used;
        size -= used;
    }
    if (s->answered && !s->ready && (!wish.ready || memmem(data, size, wish.ready, strlen(wish.ready)))) {
        s->ready = true;
        ready++;
    }
    if (!size) return;
    if (!strcmp(wish.protocol, "websocket")) websocket_read(s, data, size);
    else scan(s, data, size);
}

static void readable(struct stream *s) {
    static char buffer[CARRY + BUFFER]; /* scan() writes what was carried before what is read */
    ssize_t size = read(s->fd, buffer + CARRY, BUFFER);
    if (size > 0) {
        read_at = nanoseconds();
        long long before = s->events;
        if (wish.farewell && !s->farewell && memmem(buffer + CARRY, size, wish.farewell, strlen(wish.farewell))) {
            s->farewell = true;
            farewells++;
        }
        take(s, buffer + CARRY, size);
        if (ready == wish.connections) bytes += size, reads++;
        if (s->events > before) {
            if (!first_at) first_at = read_at;
            last_at = read_at;
        }
    } else if (size == 0 || errno != EAGAIN) {
        s->closed = true;
    }
    if (s->closed) {
        closed++;
        close(s->fd);
    }
}

static void options(int argc, char **argv) {
    static const struct option names[] = {
        {"port", 1, 0, 'p'},    {"protocol", 1, 0, 'k'}, {"path", 1, 0, 'a'},    {"connections", 1, 0, 'c'},
        {"first", 1, 0, 'f'},   {"until", 1, 0, 'u'},    {"timeout", 1, 0, 't'}, {"ready", 1, 0, 'r'},
        {"farewell", 1, 0, 'w'}, {"latency", 0, 0, 'l'}, {"deflate", 0, 0, 'd'},  {0}};
    int option;
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (option) {
            case 'p': wish.port = atoi(optarg); break;
            case 'k': wish.protocol = optarg; break;
            case 'a': wish.path = optarg; break;
            case 'c': wish.connections = atoi(optarg); break;
            case 'f': wish.first = atoll(optarg); break;
            case 'u': wish.until = atoll(optarg); break;
            case 't': wish.timeout = atof(optarg); break;
            case 'r': wish.ready = optarg; break;
            case 'w': wish.farewell = optarg; break;
            case 'l': wish.latency = true; break;
            case 'd': wish.deflate = true; break;
            default: exit(2);
        }
    }
}

static void report(const struct stream *streams, double cpu_before) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    long long events = 0, faults = 0;
    for (int i = 0; i < opened; i++) events += streams[i].events, faults += streams[i].faults;
    double cpu = used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    printf("{\"connections\":%d,\"ready\":%d,\"complete\":%d,\"closed\":%d,\"farewells\":%d,\"close_code\":%d,\"deliveries\":%lld,"
           "\"faults\":%lld,\"bytes\":%lld,\"reads\":%lld,\"inflations\":%lld,\"seconds\":%.4f,\"cpu_seconds\":%.3f",
           opened, ready, complete, closed, farewells, close_code, events, faults, bytes, reads, inflations(),
           (last_at - first_at) / 1e9, cpu - cpu_before);
    print_latency();
    puts("}");
}

int main(int argc, char **argv) {
    options(argc, argv);
    struct rlimit files = {wish.connections + 64, wish.connections + 64};
    setrlimit(RLIMIT_NOFILE, &files);
    struct stream *streams = calloc(wish.connections, sizeof *streams);
    epoll = epoll_create1(0);
    struct epoll_event want = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &want);
    int64_t deadline = nanoseconds() + (int64_t)(wish.timeout * 1e9);
    double cpu_before = 0;
    bool told = false, over = false;
    struct epoll_event events[512];
    while (!over && complete < wish.connections && closed < (wish.farewell ? wish.connections : 1) && nanoseconds() < deadline) {
        while (opened < wish.connections && opened - ready < OPENING) open_stream(&streams[opened]);
        int n = epoll_wait(epoll, events, 512, 200);
        for (int i = 0; i < n; i++) {
            struct stream *s = events[i].data.ptr;
            if (s && !s->closed) readable(s);
            /* Standard input holds us: whoever started us lets go, or has died. */
            char nothing[64];
            if (!s && read(0, nothing, sizeof nothing) <= 0) over = true;
        }
        if (!told && ready == wish.connections) {
            struct rusage used;
            getrusage(RUSAGE_SELF, &used);
            cpu_before = used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
            told = true;
            puts("ready");
            fflush(stdout);
        }
    }
    report(streams, cpu_before);
    return 0;
}
