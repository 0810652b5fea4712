/* What a core can do: events to many readers, over SSE and WebSocket, in C on epoll, and nothing else. No log, no
 * resume, no filters, one thread.
 *
 *   yardstick PORT PUBLISH
 *
 * Readers come to PORT; a connection to PUBLISH brings events, one a line. It coalesces as pulsetrain does: what came
 * in is read whole, framed once, and each reader's write drains all that is pending for it. A WebSocket frame holds all
 * the events of one round. All that was ever published is kept, so that a slow reader is an offset; it ends when KEPT
 * bytes are full.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define KEPT (1UL << 30)
#define ROUND (128 * 1024) /* as much as is read at once, as much as is written at once */
#define READERS 12000

enum { SSE, WEBSOCKET, FORMATS };
static char *kept[FORMATS];
static size_t upto[FORMATS];
static long long number;

struct connection {
    int fd, format;
    enum { LISTENER, PUBLISHERS, PUBLISHER, ASKING, READING } kind;
    bool waiting; /* for the socket to take more */
    size_t position, have;
    char *request;
};
static struct connection *readers[READERS];
static int count, epoll;

static void watch(struct connection *c, int operation, unsigned events) {
    struct epoll_event want = {.events = events, .data.ptr = c};
    epoll_ctl(epoll, operation, c->fd, &want);
}

static struct connection *adopt(int fd, int kind) {
    struct connection *c = calloc(1, sizeof *c);
    int on = 1;
    c->fd = fd;
    c->kind = kind;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    watch(c, EPOLL_CTL_ADD, EPOLLIN);
    return c;
}

static void listen_on(int port, int kind) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 2048)) {
        perror("yardstick");
        exit(1);
    }
    adopt(fd, kind);
}

/* The reader's connection is left to the kernel: no reader leaves before the end. */
static void drain(struct connection *c) {
    while (c->position < upto[c->format]) {
        size_t size = upto[c->format] - c->position;
        ssize_t sent = send(c->fd, kept[c->format] + c->position, size < ROUND ? size : ROUND, MSG_NOSIGNAL);
        if (sent < 0) break;
        c->position += sent;
    }
    bool behind = c->position < upto[c->format];
    if (behind != c->waiting) watch(c, EPOLL_CTL_MOD, behind ? EPOLLIN | EPOLLOUT : EPOLLIN);
    c->waiting = behind;
}

static void put(int format, const char *bytes, size_t size) {
    if (upto[format] + size > KEPT) {
        fputs("yardstick: full\n", stderr);
        exit(1);
    }
    memcpy(kept[format] + upto[format], bytes, size);
    upto[format] += size;
}

static void put_frame_head(size_t size) {
    unsigned char head[10] = {0x81, 127};
    if (size < 126) {
        head[1] = size;
    } else if (size < 65536) {
        head[1] = 126;
        head[2] = size >> 8;
        head[3] = size;
    } else {
        for (int i = 0; i < 8; i++) head[2 + i] = size >> (56 - 8 * i);
    }
    put(WEBSOCKET, (char *)head, size < 126 ? 2 : size < 65536 ? 4 : 10);
}

/* Frame the whole lines of `text`; how much of it that was. */
static size_t publish(char *text, size_t size) {
    char *last = memrchr(text, '\n', size);
    if (!last) return 0;
    for (char *line = text, *end; line <= last; line = end + 1) {
        end = memchr(line, '\n', last + 1 - line);
        char id[40];
        put(SSE, id, snprintf(id, sizeof id, "id: %lld\ndata: ", ++number));
        put(SSE, line, end - line);
        put(SSE, "\n\n", 2);
        *end = ',';
    }
    put_frame_head(last - text + 2);
    put(WEBSOCKET, "[", 1);
    put(WEBSOCKET, text, last - text);
    put(WEBSOCKET, "]", 1);
    return last + 1 - text;
}

static void take_events(struct connection *c) {
    static char text[ROUND];
    ssize_t size = read(c->fd, text + c->have, sizeof text - c->have);
    if (size <= 0) {
        if (size == 0 || errno != EAGAIN) close(c->fd);
        return;
    }
    size_t have = c->have + size, used = publish(text, have);
    memmove(text, text + used, c->have = have - used);
    for (int i = 0; i < count; i++)
        if (!readers[i]->waiting) drain(readers[i]);
}

static void take_request(struct connection *c) {
    static const char sse[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n\r\n";
    /* Our one client always sends the same key, and does not check what becomes of it. */
    static const char websocket[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                    "Sec-WebSocket-Accept: unchecked\r\n\r\n";
    if (!c->request) c->request = malloc(2048);
    ssize_t size = read(c->fd, c->request + c->have, 2047 - c->have);
    if (size <= 0) {
        close(c->fd);
        return;
    }
    c->have += size;
    c->request[c->have] = 0;
    if (!strstr(c->request, "\r\n\r\n")) return;
    c->format = strcasestr(c->request, "\r\nUpgrade: websocket") ? WEBSOCKET : SSE;
    const char *head = c->format == SSE ? sse : websocket;
    if (write(c->fd, head, strlen(head)) < 0 || count == READERS) {
        close(c->fd);
        return;
    }
    free(c->request);
    c->kind = READING;
    c->position = upto[c->format];
    readers[count++] = c;
}

static void accept_all(struct connection *c) {
    int fd;
    while ((fd = accept4(c->fd, NULL, NULL, 0)) >= 0) adopt(fd, c->kind == LISTENER ? ASKING : PUBLISHER);
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    struct rlimit files = {READERS + 64, READERS + 64};
    setrlimit(RLIMIT_NOFILE, &files);
    for (int format = 0; format < FORMATS; format++)
        kept[format] = mmap(NULL, KEPT, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    epoll = epoll_create1(0);
    listen_on(atoi(argv[1]), LISTENER);
    listen_on(atoi(argv[2]), PUBLISHERS);
    struct epoll_event events[256];
    char nothing[4096];
    for (;;) {
        int n = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            if (c->kind == LISTENER || c->kind == PUBLISHERS) accept_all(c);
            else if (c->kind == PUBLISHER) take_events(c);
            else if (c->kind == ASKING) take_request(c);
            else if (events[i].events & EPOLLIN && read(c->fd, nothing, sizeof nothing) == 0) watch(c, EPOLL_CTL_DEL, 0);
            else if (events[i].events & EPOLLOUT) drain(c);
        }
    }
}
