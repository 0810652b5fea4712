/* Events in a stream of bytes, whatever frames are around them: each begins with {"seq":N, and holds "at":T, which is
 * the publisher's monotonic time in nanoseconds. */
#define _GNU_SOURCE
#include "load.h"

#include <string.h>

static const char mark[] = "{\"seq\":", time_mark[] = "\"at\":";
#define MARK (sizeof mark - 1)
#define REACH 256 /* "at" stands within so many bytes of the beginning */

void seen(struct stream *s, long long seq, long long at) {
    if (s->events ? seq != s->seq + 1 : wish.first && seq != wish.first) s->faults++;
    s->seq = seq;
    s->events++;
    if (at && wish.latency) record(read_at - at);
    if (seq >= wish.until && wish.until && !s->complete) {
        s->complete = true;
        complete++;
    }
}

/* The number at `text`, which something that is no digit must end before `end`: NULL if it does not. */
static char *number(char *text, const char *end, long long *value) {
    long long n = 0;
    while (text < end && *text >= '0' && *text <= '9') n = n * 10 + (*text++ - '0');
    *value = n;
    return text < end ? text : NULL;
}

/* Past what was needed of the event at `from`; NULL if the rest of it is to come. */
static char *event(struct stream *s, char *from, char *end, bool last) {
    long long seq, at = 0;
    char *next = number(from + MARK, end, &seq);
    if (!next) return NULL;
    if (wish.latency) {
        size_t reach = end - next < REACH ? (size_t)(end - next) : REACH;
        char *stamp = memmem(next, reach, time_mark, sizeof time_mark - 1);
        char *after = stamp ? number(stamp + sizeof time_mark - 1, end, &at) : NULL;
        if (!after) {
            at = 0;
            if (reach < REACH && !last) return NULL;
        } else {
            next = after;
        }
    }
    seen(s, seq, at);
    return next;
}

/* Where an event begins, or may begin once more is there; NULL if nowhere. */
static char *beginning(char *from, char *end) {
    while (from < end && (from = memchr(from, '{', end - from))) {
        size_t have = (size_t)(end - from) < MARK ? (size_t)(end - from) : MARK;
        if (!memcmp(from, mark, have)) return from;
        from++;
    }
    return NULL;
}

static void look(struct stream *s, char *data, char *end, bool last) {
    while ((data = beginning(data, end))) {
        char *next = end - data > (long)MARK ? event(s, data, end, last) : NULL;
        if (!next) {
            if (last) return;
            s->carried = end - data; /* below REACH, so below CARRY */
            memcpy(s->carry, data, s->carried);
            return;
        }
        data = next;
    }
}

void scan(struct stream *s, char *data, size_t size) {
    char *end = data + size;
    if (s->carried) {
        data -= s->carried;
        memcpy(data, s->carry, s->carried);
        s->carried = 0;
    }
    look(s, data, end, false);
}

void scan_end(struct stream *s) {
    if (!s->carried) return;
    size_t size = s->carried;
    s->carried = 0;
    look(s, s->carry, s->carry + size, true);
}
