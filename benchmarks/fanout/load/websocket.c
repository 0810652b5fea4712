/* WebSocket frames from a server, and what a client must answer (RFC 6455, RFC 7692). */
#define _GNU_SOURCE
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { CONTINUATION = 0, TEXT = 1, CLOSE = 8, PING = 9, PONG = 10 };

/* Servers that compress a message once give the same bytes to all; they are inflated once here too, so that the
 * client stays cheaper than the server. Every reader's bytes are compared in full. */
struct inflated {
    char *bytes;
    size_t size;
    long long first, last, events, faults;
};
#define KNOWN 1024
static struct inflated known[KNOWN];
static long long inflated_messages;

long long inflations(void) { return inflated_messages; }

static void inflate_message(struct inflated *into, const char *bytes, size_t size) {
    static z_stream z;
    static char *plain;
    static size_t room = 1 << 20;
    static bool begun;
    if (!begun && inflateInit2(&z, -15) != Z_OK) fail("inflate");
    begun = true;
    if (!plain && !(plain = malloc(CARRY + room))) fail("memory");
    into->bytes = realloc(into->bytes, size + 4);
    into->size = size;
    memcpy(into->bytes, bytes, size);
    memcpy(into->bytes + size, "\0\0\xff\xff", 4);
    inflateReset(&z);
    z.next_in = (Bytef *)into->bytes;
    z.avail_in = size + 4;
    size_t have = 0;
    for (;;) {
        z.next_out = (Bytef *)plain + CARRY + have;
        z.avail_out = room - have;
        int answer = inflate(&z, Z_SYNC_FLUSH);
        have = room - z.avail_out;
        if (answer != Z_OK && answer != Z_BUF_ERROR && answer != Z_STREAM_END) fail("a message cannot be inflated");
        if (z.avail_out) break;
        room *= 2;
        if (!(plain = realloc(plain, CARRY + room))) fail("memory");
    }
    /* A reader of its own, with no wishes: it only tells which events the message holds. */
    struct wish kept = wish;
    struct stream alone = {0};
    wish.first = wish.until = 0;
    wish.latency = false;
    /* The first number: an event that follows itself minus one is no fault of this message. */
    scan(&alone, plain + CARRY, have);
    scan_end(&alone);
    wish = kept;
    into->events = alone.events;
    into->last = alone.seq;
    into->first = alone.seq - alone.events + 1;
    into->faults = alone.faults;
    inflated_messages++;
}

static void compressed_message(struct stream *s) {
    struct frame *f = &s->frame;
    uint64_t hash = f->size * 1099511628211ULL;
    for (size_t i = 0; i < f->size; i += 1 + f->size / 64) hash = (hash ^ (unsigned char)f->message[i]) * 1099511628211ULL;
    struct inflated *one = &known[hash % KNOWN];
    if (!one->bytes || one->size != f->size || memcmp(one->bytes, f->message, f->size))
        inflate_message(one, f->message, f->size);
    if (!one->events) return;
    seen(s, one->first, 0);
    s->events += one->events - 1;
    s->faults += one->faults;
    if (one->last > one->first) {
        s->seq = one->last - 1;
        s->events--;
        seen(s, one->last, 0);
    }
}

static void answer(struct stream *s, int opcode, const char *payload, size_t size) {
    /* A client masks; a mask of zeros leaves the payload as it is. */
    unsigned char out[6 + 125] = {0x80 | opcode, 0x80 | (unsigned char)size};
    memcpy(out + 6, payload, size);
    if (write(s->fd, out, 6 + size) < 0) s->closed = true;
}

static void control(struct stream *s, int opcode) {
    struct frame *f = &s->frame;
    if (f->size > 125) fail("a control frame over 125 bytes");
    if (opcode == PING) answer(s, PONG, f->message, f->size);
    if (opcode == CLOSE) {
        if (f->size >= 2) close_code = (unsigned char)f->message[0] << 8 | (unsigned char)f->message[1];
        answer(s, CLOSE, f->message, f->size);
    }
}

static void keep(struct frame *f, const char *data, size_t size) {
    if (f->size + size > f->room) {
        f->room = (f->size + size) * 2;
        if (!(f->message = realloc(f->message, f->room))) fail("memory");
    }
    memcpy(f->message + f->size, data, size);
    f->size += size;
}

/* Bytes that the header still lacks, as far as it can be told. */
static int lacks(const struct frame *f) {
    if (f->have < 2) return 2 - f->have;
    int length = f->header[1] & 0x7f;
    return 2 + (length == 126 ? 2 : length == 127 ? 8 : 0) - f->have;
}

static void begin(struct frame *f) {
    int length = f->header[1] & 0x7f, opcode = f->header[0] & 0xf;
    if (f->header[1] & 0x80) fail("a masked frame from a server");
    if (f->header[0] & 0x30 || (f->header[0] & 0x40 && !wish.deflate)) fail("a reserved bit that nobody agreed on");
    f->left = length;
    if (length >= 126) {
        f->left = 0;
        for (int i = 2; i < f->have; i++) f->left = f->left << 8 | f->header[i];
    }
    if (opcode != CONTINUATION && opcode < CLOSE) f->compressed = f->header[0] & 0x40;
    f->open = true;
}

static void end(struct stream *s) {
    struct frame *f = &s->frame;
    int opcode = f->header[0] & 0xf;
    bool final = f->header[0] & 0x80;
    if (opcode >= CLOSE) control(s, opcode);
    else if (final && f->compressed) compressed_message(s);
    else if (final) scan_end(s);
    if (opcode >= CLOSE || final) f->size = 0;
    f->open = false;
    f->have = 0;
}

void websocket_read(struct stream *s, char *data, size_t size) {
    struct frame *f = &s->frame;
    for (;;) {
        while (!f->open) {
            int need = lacks(f);
            if (need == 0) {
                begin(f);
                break;
            }
            if (!size) return;
            f->header[f->have++] = *data++;
            size--;
        }
        size_t part = f->left < size ? f->left : size;
        if (part && (f->compressed || (f->header[0] & 0xf) >= CLOSE)) keep(f, data, part);
        else if (part) scan(s, data, part);
        data += part;
        size -= part;
        f->left -= part;
        if (f->left) return;
        end(s);
    }
}
