/* What the parts of the load client share. One thread; one file for each idea. */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CARRY 1024 /* bytes of an unfinished head or event that wait for the next read */

/* A WebSocket connection in the middle of a frame. */
struct frame {
    unsigned char header[14];
    int have;              /* bytes of the header so far */
    bool open;             /* the header is whole, `left` bytes of payload are to come */
    bool compressed;       /* of the message that the frame belongs to */
    uint64_t left;
    char *message;         /* payload that must be whole before it can be read: compressed, or of a control frame */
    size_t size, room;
};

/* One connection: a reader that counts what it is given. */
struct stream {
    int fd;
    bool answered, ready, complete, closed, farewell;
    long long seq;         /* of the last event */
    long long events;
    long long faults;      /* events that did not follow the one before: a gap, a double, a wrong order */
    size_t carried;
    char carry[CARRY];
    struct frame frame;
};

/* What was asked for on the command line. */
struct wish {
    int port, connections;
    const char *path, *protocol, *ready, *farewell;
    long long first, until;
    double timeout;
    bool latency, deflate;
};

extern struct wish wish;
extern int complete;          /* streams that have seen the event `until` */
extern int close_code;        /* of the last WebSocket that the server closed */
extern int64_t read_at;       /* monotonic nanoseconds of the read that is being looked at */

int64_t nanoseconds(void);
void fail(const char *what);

/* scan.c: find events in bytes. `data` may be written to, CARRY bytes before it too. */
void scan(struct stream *s, char *data, size_t size);
void scan_end(struct stream *s);
void seen(struct stream *s, long long seq, long long at);

/* websocket.c */
void websocket_read(struct stream *s, char *data, size_t size);
long long inflations(void);

/* histogram.c */
void record(int64_t nanoseconds);
void print_latency(void);

#endif
