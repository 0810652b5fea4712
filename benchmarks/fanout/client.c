/* Many SSE readers in one thread, for loads that a Python client cannot take.
 *
 *   client PORT PATH CONNECTIONS UNTIL TIMEOUT_SECONDS
 *
 * Opens CONNECTIONS streams on 127.0.0.1, says "ready" once each has answered 200 and said READY (see below), reads
 * until each has the event with seq UNTIL, and prints what it saw as one JSON object. Every event must hold
 * `data: {"seq":N,`; N must rise by one from event to event of a connection, or it is counted as a fault.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LINE 128 /* as much of a line as is looked at */

struct stream {
    int fd;
    int answered;
    long long seq;      /* of the last event; 0 before the first */
    long long events;
    size_t have;        /* characters of the current line in `line` */
    char line[LINE];
};

static long long bytes, faults, reads;
static int ready, done, closed;
static double first_at, last_at;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void end_of_line(struct stream *s, long long until) {
    static const char mark[] = "data: {\"seq\":";
    if (!s->answered) {
        if (s->have >= 12 && !memcmp(s->line, "HTTP/1.1 ", 9)) {
            if (memcmp(s->line + 9, "200", 3)) {
                fprintf(stderr, "refused: %.*s\n", (int)s->have, s->line);
                exit(1);
            }
            s->answered = 1;
            ready++;
        }
    } else if (s->have > sizeof mark && !memcmp(s->line, mark, sizeof mark - 1)) {
        long long seq = strtoll(s->line + sizeof mark - 1, NULL, 10);
        if (s->seq && seq != s->seq + 1) faults++;
        if (!first_at) first_at = now();
        s->seq = seq;
        s->events++;
        if (seq >= until) {
            done++;
            last_at = now();
        }
    }
    s->have = 0;
}

static void take(struct stream *s, const char *data, size_t size, long long until) {
    while (size) {
        const char *end = memchr(data, '\n', size);
        size_t length = end ? (size_t)(end - data) : size;
        size_t room = LINE - 1 - s->have, keep = length < room ? length : room;
        memcpy(s->line + s->have, data, keep);
        s->have += keep;
        s->line[s->have] = 0;
        if (!end) return;
        end_of_line(s, until);
        data = end + 1;
        size -= length + 1;
    }
}

static int open_stream(int port, const char *path) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    char request[512];
    int length = snprintf(request, sizeof request,
                          "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n", path);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) || write(fd, request, length) != length) {
        perror("connect");
        exit(1);
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

int main(int argc, char **argv) {
    if (argc != 6) return 2;
    int port = atoi(argv[1]), count = atoi(argv[3]);
    long long until = atoll(argv[4]);
    double deadline = now() + atof(argv[5]);
    struct rlimit files = {count + 64, count + 64};
    setrlimit(RLIMIT_NOFILE, &files);
    struct stream *streams = calloc(count, sizeof *streams);
    int poll = epoll_create1(0), told = 0;
    for (int i = 0; i < count; i++) {
        streams[i].fd = open_stream(port, argv[2]);
        struct epoll_event want = {.events = EPOLLIN, .data.ptr = &streams[i]};
        epoll_ctl(poll, EPOLL_CTL_ADD, streams[i].fd, &want);
    }
    static char buffer[1 << 18];
    struct epoll_event events[256];
    while (done < count && closed == 0 && now() < deadline) {
        int n = epoll_wait(poll, events, 256, 200);
        for (int i = 0; i < n; i++) {
            struct stream *s = events[i].data.ptr;
            ssize_t size = read(s->fd, buffer, sizeof buffer);
            if (size > 0) {
                bytes += size;
                reads++;
                take(s, buffer, size, until);
            } else if (size == 0 || errno != EAGAIN) {
                closed++;
                close(s->fd);
            }
        }
        if (!told && ready == count) {
            told = 1;
            puts("ready");
            fflush(stdout);
        }
    }
    long long total = 0;
    for (int i = 0; i < count; i++) total += streams[i].events;
    printf("{\"connections\":%d,\"complete\":%d,\"closed\":%d,\"deliveries\":%lld,\"faults\":%lld,\"bytes\":%lld,"
           "\"reads\":%lld,\"seconds\":%.4f}\n",
           count, done, closed, total, faults, bytes, reads, last_at - first_at);
    return faults || done < count;
}
