/*
 * loadgen: thousands of WebSocket clients in one thread, cheap enough not to be what is measured.
 *
 * It connects its clients, prints one line of JSON about that, and then obeys lines on standard input, each answered
 * with one line of JSON, until the input ends:
 *
 *     run WARM_UP_S SECONDS WINDOW RATE   send, measure, wait for what is under way, count. Each sender keeps WINDOW
 *                                         messages in flight; or, if RATE is not 0, all together send RATE a second
 *                                         whatever the server does, and latency counts from when a message was due.
 *     reconnect                           drop all connections and open all of them again at once.
 *
 * Every message carries who sent it, its number and its time, so what is lost, doubled or out of order is counted
 * exactly, for each pair of sender and recipient. It speaks plain JSON text over WebSocket (RFC 6455), or Socket.IO 5
 * on Engine.IO 4. `option_table` says how it is told what to say, and what to take for a delivery or an ack.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_NUMBERS 16
#define MAX_NAMESPACES 8
#define MAX_PIECES 24
#define MAX_CONTENT 60000
#define MAX_MESSAGE (2 * MAX_CONTENT) /* a token or the rest of a message is shorter than a content */
#define READ_SIZE (256 * 1024)
#define RING 1024 /* the most sends in flight of one client */
#define SEEN_BITS 64
#define RETRY_NS 100000000ull
#define MAX_TRIES 100
#define LINGER_NS 50000000ull /* after everything arrived: a doubled message would arrive now */

/* RFC 6455's own example. A fixed key has a fixed answer, which saves us SHA-1. */
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

enum opcode { TEXT = 1, CLOSE = 8, PING = 9, PONG = 10 };

enum state { CLOSED, WAITING, CONNECTING, UPGRADING, ENTERING, READY };

enum piece_kind { LITERAL, TOKEN, ROOM, ID, UUID, CONTENT };

struct piece {
    enum piece_kind kind;
    const char *text;
    size_t size;
};

/* A text with places for what differs from message to message. */
struct template {
    struct piece pieces[MAX_PIECES];
    int count;
};

struct numbers {
    int values[MAX_NUMBERS], count;
};

struct options {
    struct numbers ports, server_pids, other_pids;
    const char *path;
    bool socketio;
    bool port_by_room;
    uint32_t clients, rooms, senders;
    const char *tokens_file, *room_names_file;
    char **tokens, **room_names;
    const char *namespaces[MAX_NAMESPACES];
    int namespace_count;
    struct template auth, join, send;
    const char *entered, *delivery, *ack, *refusal;
    uint32_t content_bytes, at_once, first;
    double settle_s, drain_s, connect_s;
    bool spin;
};

/* A message that is not done: it is, once it is acknowledged and its own sender heard it. Some servers acknowledge
 * before they deliver; if the ack alone let the next one go, they would pile up what they have not delivered. */
struct pending {
    uint64_t due_ns; /* 0: nothing is pending here */
    bool acked, heard;
};

/* The newest message of one sender that one recipient heard, and which of the 64 up to it were heard. */
struct heard {
    uint64_t seen;
    uint32_t last;
};

struct client {
    int fd;
    enum state state;
    uint32_t number, room;
    uint32_t awaited; /* namespaces that have not let us in */
    uint32_t tries;
    uint64_t retry_ns;
    uint32_t sent, in_flight;
    struct pending *pending; /* message n at n % RING; NULL if it never sends */
    struct heard *heard;
    char *rest; /* the beginning of a frame whose end has not arrived */
    size_t rest_size;
    char *unsent; /* what the socket would not take yet */
    size_t unsent_size;
};

/* Logarithmic, each power of two in 128 steps: a percentile is off by less than one per cent. */
struct histogram {
    uint64_t count, max_ns;
    uint32_t buckets[64 * 128];
};

static struct options options = {
    .path = "/", .clients = 1, .rooms = 1, .content_bytes = 200, .at_once = 50,
    .settle_s = 1, .drain_s = 20, .connect_s = 60, .entered = "", .delivery = "", .ack = "", .refusal = "",
};
static struct client *clients;
static uint32_t *senders, sender_count, room_size;
static int poller;
static bool input_ready;
static char scratch[READ_SIZE], outgoing[MAX_MESSAGE + 16];
static char mark[8]; /* before the stamp in every content; differs from run to run */
static unsigned run_id;
static uint64_t mask_state;

/* Connecting: how many were told to (in order), are under way, are done; how often a server said no. */
static uint32_t begun, wanted, under_way, ready, refused_connects;
static bool reconnecting;

/* Sending: counts since the start, and what is measured between `from_ns` and `to_ns`. */
static uint64_t expected, distinct, in_flight, doubled, disordered, refused_sends, faults;
static uint64_t from_ns, to_ns, sends, deliveries;
static uint32_t window;
static struct histogram ack_times, delivery_times, connect_times;
static char first_fault[256];

static void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "loadgen: ");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    exit(2);
}

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

static void *allocate(size_t count, size_t size) {
    void *memory = calloc(count, size);
    if (!memory) die("out of memory");
    return memory;
}

/* What must not happen. The first one is told in words, since the others mostly follow from it. */
static void fault(const struct client *client, const char *what, const char *text, size_t size) {
    if (!faults++) {
        int shown = size > 120 ? 120 : (int)size;
        snprintf(first_fault, sizeof first_fault, "client %u: %s %.*s", client->number, what, shown, text);
    }
}

static bool starts_with(const char *text, size_t size, const char *prefix) {
    size_t length = strlen(prefix);
    return length > 0 && size >= length && memcmp(text, prefix, length) == 0;
}

static bool contains(const char *text, size_t size, const char *part) {
    return *part && memmem(text, size, part, strlen(part)) != NULL;
}

/* --- Histograms ----------------------------------------------------------------------------------------------- */

static void add_time(struct histogram *times, uint64_t ns) {
    int power = 63 - __builtin_clzll(ns | 128); /* values below 128 ns share the first bucket's steps */
    times->buckets[power * 128 + (int)((ns >> (power - 7)) & 127)]++;
    times->count++;
    if (ns > times->max_ns) times->max_ns = ns;
}

static double percentile_ms(const struct histogram *times, double share) {
    uint64_t rank = (uint64_t)((double)times->count * share), seen = 0;
    for (int i = 7 * 128; i < 64 * 128; i++) {
        seen += times->buckets[i];
        if (seen > rank) return (double)((128ull + (unsigned)i % 128) << (i / 128 - 7)) / 1e6;
    }
    return (double)times->max_ns / 1e6;
}

static void print_times(const char *name, const struct histogram *times) {
    printf("\"%s\":{\"count\":%lu,\"p50\":%.3f,\"p99\":%.3f,\"max\":%.3f}", name, times->count,
           times->count ? percentile_ms(times, 0.50) : 0, times->count ? percentile_ms(times, 0.99) : 0,
           (double)times->max_ns / 1e6);
}

/* --- Other processes, by /proc -------------------------------------------------------------------------------- */

static size_t read_proc(int pid, const char *name, char *text, size_t size) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    int fd = open(path, O_RDONLY);
    ssize_t count = fd < 0 ? 0 : read(fd, text, size - 1);
    if (fd >= 0) close(fd);
    text[count > 0 ? count : 0] = 0;
    return count > 0 ? (size_t)count : 0;
}

/* User and system time of all threads; of ended children too if asked. */
static double cpu_s(int pid, bool ended_children) {
    char text[1024];
    if (!read_proc(pid, "stat", text, sizeof text)) return 0;
    unsigned long user, system;
    long child_user, child_system;
    char *after_name = strrchr(text, ')'); /* the name may hold spaces and brackets of its own */
    if (!after_name || sscanf(after_name + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld", &user,
                              &system, &child_user, &child_system) != 4) {
        return 0;
    }
    double ticks = (double)(user + system) + (ended_children ? (double)(child_user + child_system) : 0);
    return ticks / (double)sysconf(_SC_CLK_TCK);
}

static double servers_cpu_s(void) {
    double sum = 0;
    for (int i = 0; i < options.server_pids.count; i++) sum += cpu_s(options.server_pids.values[i], false);
    return sum;
}

/* Databases: PostgreSQL has a process for each connection. */
static double others_cpu_s(void) {
    double sum = 0;
    for (int i = 0; i < options.other_pids.count; i++) {
        char name[48], children[8192], *rest = children;
        sum += cpu_s(options.other_pids.values[i], true);
        snprintf(name, sizeof name, "task/%d/children", options.other_pids.values[i]);
        read_proc(options.other_pids.values[i], name, children, sizeof children);
        for (long child; (child = strtol(rest, &rest, 10)) > 0;) sum += cpu_s((int)child, false);
    }
    return sum;
}

static long servers_rss_kib(void) {
    long pages = 0;
    for (int i = 0; i < options.server_pids.count; i++) {
        char text[256];
        long resident = 0;
        read_proc(options.server_pids.values[i], "statm", text, sizeof text);
        sscanf(text, "%*d %ld", &resident);
        pages += resident;
    }
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* --- Templates ------------------------------------------------------------------------------------------------ */

static struct template parse_template(const char *text) {
    static const char *const names[] = {"", "{token}", "{room}", "{id}", "{uuid}", "{content}"};
    struct template template = {0};
    while (*text) {
        if (template.count + 1 >= MAX_PIECES) die("too many places in a template");
        const char *next = text + strlen(text);
        enum piece_kind kind = LITERAL;
        for (int i = TOKEN; i <= CONTENT; i++) {
            const char *found = strstr(text, names[i]);
            if (found && found < next) next = found, kind = (enum piece_kind)i;
        }
        if (next > text) template.pieces[template.count++] = (struct piece){LITERAL, text, (size_t)(next - text)};
        if (kind != LITERAL) template.pieces[template.count++] = (struct piece){kind, NULL, 0};
        text = next + strlen(names[kind]);
    }
    return template;
}

static size_t render(const struct template *template, const struct client *client, uint32_t id, uint64_t due_ns,
                     char *out) {
    char *at = out;
    for (int i = 0; i < template->count; i++) {
        const struct piece *piece = &template->pieces[i];
        const char *text;
        if (at - out > MAX_MESSAGE - MAX_CONTENT) die("a message is too long");
        switch (piece->kind) {
        case LITERAL:
            memcpy(at, piece->text, piece->size);
            at += piece->size;
            break;
        case TOKEN:
        case ROOM:
            text = piece->kind == TOKEN ? options.tokens[client->number] : options.room_names[client->room];
            at = stpcpy(at, text);
            break;
        case ID:
            at += sprintf(at, "%u", id);
            break;
        case UUID: /* not to be met again: the server would take it for a message sent twice */
            at += sprintf(at, "%08x-%04x-4000-8000-%012x", client->number, run_id, id);
            break;
        case CONTENT: {
            int stamp = sprintf(at, "%s%08x%08x%016lx", mark, client->number, id, due_ns);
            memset(at + stamp, 'x', options.content_bytes - (uint32_t)stamp);
            at += options.content_bytes;
            break;
        }
        }
    }
    return (size_t)(at - out);
}

/* --- Frames going out ----------------------------------------------------------------------------------------- */

static void watch(struct client *client, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = client};
    epoll_ctl(poller, EPOLL_CTL_MOD, client->fd, &event);
}

static void drop(struct client *client, bool reset) {
    if (client->fd < 0) return;
    if (reset) { /* no TIME_WAIT: thousands of connections come and go here */
        struct linger linger = {1, 0};
        setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    }
    close(client->fd);
    client->fd = -1;
    client->rest_size = client->unsent_size = 0;
}

/* The connection ended. While connecting that is a refusal, and we come back; later it must not happen. */
static void lose(struct client *client, const char *why, const char *text, size_t size) {
    drop(client, true);
    if (client->state == READY) {
        ready--;
        client->state = CLOSED;
        fault(client, why, text, size);
        return;
    }
    refused_connects++;
    client->state = WAITING;
    client->retry_ns = now_ns() + RETRY_NS;
    if (++client->tries > MAX_TRIES) {
        under_way--;
        client->state = CLOSED;
        fault(client, why, text, size);
    }
}

static void send_bytes(struct client *client, const char *bytes, size_t size) {
    ssize_t taken = 0;
    if (client->unsent_size == 0) {
        taken = send(client->fd, bytes, size, MSG_NOSIGNAL);
        if (taken < 0 && errno != EAGAIN) {
            lose(client, "cannot send:", strerror(errno), strlen(strerror(errno)));
            return;
        }
        if (taken < 0) taken = 0;
    }
    if ((size_t)taken == size) return;
    size_t left = size - (size_t)taken;
    client->unsent = realloc(client->unsent, client->unsent_size + left);
    if (!client->unsent) die("out of memory");
    memcpy(client->unsent + client->unsent_size, bytes + taken, left);
    client->unsent_size += left;
    watch(client, EPOLLIN | EPOLLOUT);
}

static void flush(struct client *client) {
    ssize_t taken = send(client->fd, client->unsent, client->unsent_size, MSG_NOSIGNAL);
    if (taken < 0) return;
    client->unsent_size -= (size_t)taken;
    memmove(client->unsent, client->unsent + taken, client->unsent_size);
    if (client->unsent_size == 0) watch(client, EPOLLIN);
}

/* A random key, as browsers do: servers skip the work of unmasking if the key is zero. */
static void send_frame(struct client *client, int opcode, const char *payload, size_t size) {
    char *head = outgoing;
    mask_state ^= mask_state << 13;
    mask_state ^= mask_state >> 7;
    mask_state ^= mask_state << 17;
    uint32_t key = (uint32_t)mask_state;
    uint64_t wide_key = (uint64_t)key << 32 | key;
    *head++ = (char)(0x80 | opcode);
    if (size < 126) {
        *head++ = (char)(0x80 | size);
    } else if (size < 65536) {
        *head++ = (char)(0x80 | 126);
        *head++ = (char)(size >> 8);
        *head++ = (char)size;
    } else {
        *head++ = (char)(0x80 | 127);
        for (int shift = 56; shift >= 0; shift -= 8) *head++ = (char)(size >> shift);
    }
    memcpy(head, &key, 4);
    head += 4;
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        uint64_t word;
        memcpy(&word, payload + i, 8);
        word ^= wide_key;
        memcpy(head + i, &word, 8);
    }
    for (; i < size; i++) head[i] = (char)(payload[i] ^ ((char *)&key)[i % 4]);
    send_bytes(client, outgoing, (size_t)(head - outgoing) + size);
}

static void send_message(struct client *client, uint64_t due_ns) {
    static char message[MAX_MESSAGE];
    if (client->state != READY) return;
    uint32_t id = client->sent + 1;
    struct pending *pending = &client->pending[id % RING];
    if (pending->due_ns) { /* far more in flight than a server that keeps up would leave */
        fault(client, "too many sends are not done", "", 0);
        return;
    }
    client->sent = id;
    client->in_flight++;
    *pending = (struct pending){.due_ns = due_ns};
    in_flight++;
    expected += room_size;
    send_frame(client, TEXT, message, render(&options.send, client, id, due_ns, message));
}

/* --- What comes in -------------------------------------------------------------------------------------------- */

static uint64_t parse_hex(const char *text, int digits) {
    uint64_t value = 0;
    for (int i = 0; i < digits; i++) {
        char digit = text[i];
        value = value << 4 | (uint64_t)(digit <= '9' ? digit - '0' : (digit & 7) + 9);
    }
    return value;
}

static void note_heard(struct heard *heard, uint32_t number) {
    if (number > heard->last) {
        uint32_t step = number - heard->last;
        heard->seen = (step < SEEN_BITS ? heard->seen << step : 0) | 1;
        heard->last = number;
        distinct++;
        return;
    }
    uint32_t back = heard->last - number;
    if (back < SEEN_BITS && heard->seen >> back & 1) {
        doubled++;
    } else if (back < SEEN_BITS) { /* an older one that was missing until now */
        heard->seen |= 1ull << back;
        disordered++;
        distinct++;
    } else {
        disordered++; /* too old to say whether it was heard; an error either way */
    }
}

/* Where message `id` of this client is pending, or NULL. */
static struct pending *pending_of(struct client *client, uint32_t id) {
    struct pending *pending = client->pending ? &client->pending[id % RING] : NULL;
    return pending && pending->due_ns && id <= client->sent && client->sent - id < RING ? pending : NULL;
}

static void finish(struct client *client, struct pending *pending, uint64_t now) {
    if (!pending->acked || !pending->heard) return;
    pending->due_ns = 0;
    client->in_flight--;
    in_flight--;
    while (client->in_flight < window && client->state == READY) send_message(client, now);
}

static void on_delivery(struct client *client, const char *text, size_t size, uint64_t now) {
    const char *stamp = memmem(text, size, mark, strlen(mark));
    if (!stamp || (size_t)(text + size - stamp) < strlen(mark) + 32) {
        fault(client, "heard what we did not send:", text, size);
        return;
    }
    stamp += strlen(mark);
    uint64_t sender = parse_hex(stamp, 8), due_ns = parse_hex(stamp + 16, 16);
    if (sender >= options.clients || clients[sender].room != client->room) {
        fault(client, "heard a message of another room:", text, size);
        return;
    }
    uint32_t id = (uint32_t)parse_hex(stamp + 8, 8);
    note_heard(&client->heard[sender % room_size], id);
    if (now >= from_ns && now < to_ns) deliveries++;
    /* By when it was sent, not by when it came: else the slowest would fall out of the measure. */
    if (due_ns >= from_ns && due_ns < to_ns) add_time(&delivery_times, now - due_ns);
    struct pending *pending = sender == client->number ? pending_of(client, id) : NULL;
    if (pending) {
        pending->heard = true;
        finish(client, pending, now);
    }
}

static void entered(struct client *client) {
    client->state = READY;
    under_way--;
    ready++;
    if (reconnecting) add_time(&connect_times, now_ns() - from_ns);
}

static void on_ack(struct client *client, const char *text, size_t size, uint64_t now) {
    char *rest;
    uint32_t id = (uint32_t)strtoul(text + strlen(options.ack), &rest, 10);
    bool refused = contains(text, size, options.refusal);
    if (id == 0 && client->state == ENTERING) { /* the answer to joining */
        if (refused) lose(client, "may not join:", text, size);
        else entered(client);
        return;
    }
    struct pending *pending = pending_of(client, id);
    if (!pending || pending->acked) {
        fault(client, "an ack of what was not sent, or a second one:", text, size);
        return;
    }
    uint64_t due_ns = pending->due_ns;
    pending->acked = true;
    if (refused) {
        pending->heard = true; /* nobody will hear it */
        expected -= room_size;
        refused_sends++;
        fault(client, "refused:", text, size);
    }
    if (now >= from_ns && now < to_ns) sends++;
    if (due_ns >= from_ns && due_ns < to_ns) add_time(&ack_times, now - due_ns);
    finish(client, pending, now);
}

static void join(struct client *client) {
    char message[4096];
    size_t size = 0;
    if (options.join.count == 0) {
        entered(client);
        return;
    }
    const char *name = options.socketio ? options.namespaces[0] : "";
    if (options.socketio) size = (size_t)sprintf(message, "42%s%s0", name, *name ? "," : "");
    size += render(&options.join, client, 0, 0, message + size);
    send_frame(client, TEXT, message, size);
}

static void enter_namespaces(struct client *client) {
    static char message[MAX_MESSAGE];
    for (int i = 0; i < options.namespace_count && client->fd >= 0; i++) {
        const char *name = options.namespaces[i];
        size_t size = (size_t)sprintf(message, "40%s%s", name, *name ? "," : "");
        size += render(&options.auth, client, 0, 0, message + size);
        send_frame(client, TEXT, message, size);
    }
}

/* Everything but deliveries and acks; events that we do not know are none of our business. */
static void on_control(struct client *client, const char *text, size_t size) {
    bool entering = client->state == ENTERING;
    if (!options.socketio) {
        if (entering && starts_with(text, size, options.entered)) entered(client);
    } else if (text[0] == '2') {
        send_frame(client, TEXT, "3", 1); /* Engine.IO's ping and pong */
    } else if (text[0] == '0') {
        enter_namespaces(client);
    } else if (starts_with(text, size, "44") || starts_with(text, size, "41")) {
        lose(client, "shown out:", text, size);
    } else if (entering && client->awaited) {
        /* Let in by Socket.IO itself, or, where the server greets, by its greeting. */
        bool greeted = starts_with(text, size, *options.entered ? "42" : "40");
        if (*options.entered) greeted = greeted && contains(text, size > 96 ? 96 : size, options.entered);
        if (greeted && --client->awaited == 0) join(client);
    }
}

static void on_frame(struct client *client, int head, const char *payload, size_t size, uint64_t now) {
    if (head == (0x80 | TEXT)) {
        if (starts_with(payload, size, options.delivery)) on_delivery(client, payload, size, now);
        else if (starts_with(payload, size, options.ack)) on_ack(client, payload, size, now);
        else if (size > 0) on_control(client, payload, size);
    } else if (head == (0x80 | PING)) {
        send_frame(client, PONG, payload, size);
    } else if (head == (0x80 | CLOSE)) {
        lose(client, "closed by the server", payload + 2, size > 2 ? size - 2 : 0);
    } else if (head != (0x80 | PONG)) {
        fault(client, "a frame of a kind that nobody sends here", "", 0);
    }
}

/* Returns how many bytes of the answer to the upgrade were used; 0 if it is not whole. */
static size_t on_upgrade(struct client *client, const char *text, size_t size) {
    const char *end = memmem(text, size, "\r\n\r\n", 4);
    if (!end) return 0;
    if (!starts_with(text, size, "HTTP/1.1 101") || !contains(text, size, ACCEPT)) {
        lose(client, "no upgrade:", text, size);
        return size;
    }
    client->state = ENTERING;
    client->awaited = (uint32_t)options.namespace_count;
    if (!options.socketio) join(client);
    return (size_t)(end + 4 - text);
}

/* Returns the size of the frame at `text` once it is whole, else 0. */
static size_t frame_size(const unsigned char *text, size_t size, size_t *header) {
    if (size < 2) return 0;
    size_t body = text[1] & 127;
    *header = 2;
    if (body >= 126) {
        int bytes = body == 126 ? 2 : 8;
        *header += (size_t)bytes;
        if (size < *header) return 0;
        body = 0;
        for (int i = 0; i < bytes; i++) body = body << 8 | text[2 + i];
    }
    return size >= *header + body ? *header + body : 0;
}

static void on_readable(struct client *client) {
    if (client->rest_size) memcpy(scratch, client->rest, client->rest_size);
    ssize_t count = recv(client->fd, scratch + client->rest_size, READ_SIZE - client->rest_size, 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0) {
        lose(client, "connection lost", "", 0);
        return;
    }
    uint64_t now = now_ns();
    size_t at = 0, end = client->rest_size + (size_t)count, size, header;
    client->rest_size = 0;
    if (client->state == UPGRADING) at = on_upgrade(client, scratch, end);
    if (client->state > UPGRADING) {
        while ((size = frame_size((unsigned char *)scratch + at, end - at, &header)) > 0) {
            on_frame(client, (unsigned char)scratch[at], scratch + at + header, size - header, now);
            at += size;
            if (client->fd < 0) return;
        }
    }
    if (client->fd < 0 || at == end) return;
    if (end - at >= READ_SIZE) die("a frame is larger than %d bytes", READ_SIZE);
    client->rest_size = end - at;
    client->rest = realloc(client->rest, client->rest_size);
    if (!client->rest) die("out of memory");
    memcpy(client->rest, scratch + at, client->rest_size);
}

/* --- Connecting ----------------------------------------------------------------------------------------------- */

static int port_of(const struct client *client) {
    uint32_t by = options.port_by_room ? client->room : client->number;
    return options.ports.values[by % (uint32_t)options.ports.count];
}

static void begin(struct client *client) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port_of(client))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (client->fd < 0) die("no socket: %s", strerror(errno));
    int on = 1;
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    client->state = CONNECTING;
    struct epoll_event event = {.events = EPOLLOUT, .data.ptr = client};
    epoll_ctl(poller, EPOLL_CTL_ADD, client->fd, &event);
    if (connect(client->fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS) {
        lose(client, "cannot connect:", strerror(errno), strlen(strerror(errno)));
    }
}

static void on_connected(struct client *client) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) {
        lose(client, "cannot connect:", strerror(error), strlen(strerror(error)));
        return;
    }
    char request[1024];
    int length = snprintf(request, sizeof request,
                          "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 13\r\n\r\n",
                          options.path, port_of(client));
    client->state = UPGRADING;
    watch(client, EPOLLIN);
    send_bytes(client, request, (size_t)length);
}

/* One turn: whatever happened on the sockets since the last one. */
static void turn(int wait_ms) {
    struct epoll_event events[512];
    int count = epoll_wait(poller, events, 512, wait_ms);
    for (int i = 0; i < count; i++) {
        struct client *client = events[i].data.ptr;
        if (!client) {
            input_ready = true;
        } else if (client->fd >= 0) {
            if (client->state == CONNECTING) {
                on_connected(client);
                continue;
            }
            if (events[i].events & EPOLLOUT && client->unsent_size) flush(client);
            if (client->fd >= 0 && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) on_readable(client);
        }
    }
}

static void turn_until(uint64_t end_ns) {
    for (uint64_t now; (now = now_ns()) < end_ns;) turn((int)((end_ns - now) / 1000000) + 1);
}

/* Connect all up to number `count`, `at_once` of them under way at any time. */
static void connect_up_to(uint32_t count, uint32_t at_once) {
    uint64_t end_ns = now_ns() + (uint64_t)(options.connect_s * 1e9), scan_ns = 0, now;
    wanted = count;
    while (ready < wanted && !faults) {
        for (; begun < wanted && under_way < at_once; begun++) {
            under_way++;
            clients[begun].tries = 0;
            begin(&clients[begun]);
        }
        turn(10);
        if ((now = now_ns()) > end_ns) die("%u of %u clients in time; refused: %u", ready, wanted, refused_connects);
        if (now < scan_ns) continue;
        scan_ns = now + RETRY_NS / 10;
        for (uint32_t i = 0; i < begun; i++) {
            if (clients[i].state == WAITING && clients[i].retry_ns <= now) begin(&clients[i]);
        }
    }
    if (faults) die("%s", first_fault);
}

static void connect_all(void) {
    connect_up_to(options.first, options.at_once);
    if (options.first) turn_until(now_ns() + (uint64_t)(options.settle_s * 1e9));
    long rss_kib = servers_rss_kib();
    double cpu = servers_cpu_s();
    uint64_t began_ns = now_ns();
    connect_up_to(options.clients, options.at_once);
    double seconds = (double)(now_ns() - began_ns) / 1e9;
    turn_until(now_ns() + (uint64_t)(options.settle_s * 1e9));
    printf("{\"clients\":%u,\"seconds\":%.4f,\"server_cpu_s\":%.3f,\"rss_kib\":%ld,\"grown_kib\":%ld,\"refused\":%u}\n",
           options.clients - options.first, seconds, servers_cpu_s() - cpu, servers_rss_kib(),
           servers_rss_kib() - rss_kib, refused_connects);
}

static void reconnect(void) {
    double cpu = servers_cpu_s();
    memset(&connect_times, 0, sizeof connect_times);
    for (uint32_t i = 0; i < options.clients; i++) {
        drop(&clients[i], false); /* as a browser's tab would go */
        clients[i].state = CLOSED;
    }
    ready = begun = under_way = refused_connects = 0;
    reconnecting = true;
    from_ns = now_ns();
    to_ns = 0;
    connect_up_to(options.clients, options.clients);
    double seconds = (double)(now_ns() - from_ns) / 1e9;
    reconnecting = false;
    turn_until(now_ns() + (uint64_t)(options.settle_s * 1e9));
    printf("{\"clients\":%u,\"seconds\":%.4f,\"server_cpu_s\":%.3f,\"refused\":%u,", options.clients, seconds,
           servers_cpu_s() - cpu, refused_connects);
    print_times("back_ms", &connect_times);
    printf("}\n");
}

/* --- Sending -------------------------------------------------------------------------------------------------- */

struct schedule {
    double rate;
    uint64_t began_ns, sent;
};

static void send_what_is_due(struct schedule *schedule) {
    uint64_t now = now_ns();
    for (;;) {
        uint64_t due_ns = schedule->began_ns + (uint64_t)((double)schedule->sent * 1e9 / schedule->rate);
        if (due_ns > now) return;
        send_message(&clients[senders[schedule->sent++ % sender_count]], due_ns);
    }
}

/* While it sends, it looks at its sockets without sleeping if told to: then no server ever pays for waking us. */
static void send_until(uint64_t end_ns, struct schedule *schedule) {
    int wait_ms = options.spin ? 0 : 1;
    while (now_ns() < end_ns && !faults) {
        if (schedule->rate > 0) send_what_is_due(schedule);
        turn(wait_ms);
    }
}

static void drain(void) {
    uint64_t end_ns = now_ns() + (uint64_t)(options.drain_s * 1e9);
    while ((in_flight || distinct < expected) && !faults && now_ns() < end_ns) turn(options.spin ? 0 : 5);
    turn_until(now_ns() + LINGER_NS);
}

static double own_cpu_s(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* The fault as a JSON string; what servers say may hold quotes. */
static void print_fault(void) {
    printf("\"faults\":%lu,\"fault\":\"", faults);
    for (const char *at = first_fault; *at; at++) {
        if (*at == '"' || *at == '\\') putchar('\\');
        putchar((unsigned char)*at < 32 ? ' ' : *at);
    }
    printf("\"}\n");
}

static void run(double warm_up_s, double seconds, uint32_t messages_in_flight, double rate) {
    struct schedule schedule = {.rate = rate, .began_ns = now_ns()};
    sends = deliveries = 0;
    from_ns = schedule.began_ns + (uint64_t)(warm_up_s * 1e9);
    to_ns = from_ns + (uint64_t)(seconds * 1e9);
    memset(&ack_times, 0, sizeof ack_times);
    memset(&delivery_times, 0, sizeof delivery_times);
    if (rate <= 0) {
        window = messages_in_flight;
        for (uint32_t i = 0; i < sender_count; i++) {
            for (uint32_t k = 0; k < window; k++) send_message(&clients[senders[i]], now_ns());
        }
    }
    send_until(from_ns, &schedule);
    double server = servers_cpu_s(), other = others_cpu_s(), own = own_cpu_s();
    send_until(to_ns, &schedule);
    server = servers_cpu_s() - server, other = others_cpu_s() - other, own = own_cpu_s() - own;
    window = 0;
    drain();
    printf("{\"seconds\":%.4f,\"sends\":%lu,\"deliveries\":%lu,\"server_cpu_s\":%.3f,\"other_cpu_s\":%.3f,"
           "\"generator_cpu_s\":%.3f,\"rss_kib\":%ld,\"lost\":%ld,\"doubled\":%lu,\"disordered\":%lu,"
           "\"unanswered\":%lu,\"refused\":%lu,",
           seconds, sends, deliveries, server, other, own, servers_rss_kib(), (long)(expected - distinct), doubled,
           disordered, in_flight, refused_sends);
    print_times("ack_ms", &ack_times);
    putchar(',');
    print_times("delivery_ms", &delivery_times);
    putchar(',');
    print_fault();
}

/* --- Orders and options --------------------------------------------------------------------------------------- */

static void obey(const char *line) {
    double warm_up_s, seconds, rate;
    unsigned messages_in_flight;
    if (sscanf(line, "run %lf %lf %u %lf", &warm_up_s, &seconds, &messages_in_flight, &rate) == 4) {
        run(warm_up_s, seconds, messages_in_flight, rate);
    } else if (strncmp(line, "reconnect", 9) == 0) {
        reconnect();
    } else {
        die("not an order: %s", line);
    }
    fflush(stdout);
}

/* Between orders the clients stay connected, and answer pings. */
static void obey_until_end_of_input(void) {
    char text[4096];
    size_t size = 0;
    for (;;) {
        char *end;
        while ((end = memchr(text, '\n', size))) {
            *end++ = 0;
            obey(text);
            size -= (size_t)(end - text);
            memmove(text, end, size);
        }
        while (!input_ready) turn(1000);
        input_ready = false;
        ssize_t count = read(STDIN_FILENO, text + size, sizeof text - size);
        if (count <= 0) return;
        size += (size_t)count;
    }
}

static char **read_lines(const char *path, uint32_t count) {
    FILE *file = fopen(path, "r");
    if (!file) die("cannot read %s", path);
    char **lines = allocate(count, sizeof *lines);
    size_t size = 0;
    for (uint32_t i = 0; i < count; i++) {
        ssize_t length = getline(&lines[i], &size, file);
        size = 0;
        if (length <= 0) die("%s has fewer than %u lines", path, count);
        if (lines[i][length - 1] == '\n') lines[i][length - 1] = 0;
    }
    fclose(file);
    return lines;
}

static struct numbers read_numbers(char *text) {
    struct numbers numbers = {0};
    for (char *part = strtok(text, ","); part; part = strtok(NULL, ",")) {
        if (numbers.count == MAX_NUMBERS) die("more than %d numbers", MAX_NUMBERS);
        numbers.values[numbers.count++] = atoi(part);
    }
    return numbers;
}

enum option_kind { FLAG, COUNT, SECONDS, STRING, TEMPLATE, NUMBERS, NAMESPACE };

static const struct {
    const char *name;
    enum option_kind kind;
    void *target;
    const char *help;
} option_table[] = {
    {"--port", NUMBERS, &options.ports, "P,...: client number i uses port i modulo their count"},
    {"--port-by-room", FLAG, &options.port_by_room, "or room number i"},
    {"--path", STRING, &options.path, "of the upgrade request"},
    {"--namespace", NAMESPACE, NULL, "repeatable; makes it speak Socket.IO, and send on the first one"},
    {"--auth", TEMPLATE, &options.auth, "JSON that CONNECT carries"},
    {"--entered", STRING, &options.entered, "event that greets (Socket.IO), or how the answer to --join begins"},
    {"--join", TEMPLATE, &options.join, "said once by each client; on Socket.IO an event that is acknowledged"},
    {"--send", TEMPLATE, &options.send, "a message; on Socket.IO with its head: 42/name,{id}[...]"},
    {"--delivery", STRING, &options.delivery, "how a delivery begins"},
    {"--ack", STRING, &options.ack, "how an ack begins, up to its id"},
    {"--refusal", STRING, &options.refusal, "what an ack holds that says no"},
    {"--clients", COUNT, &options.clients, "N"},
    {"--rooms", COUNT, &options.rooms, "R, of N/R clients each"},
    {"--senders", COUNT, &options.senders, "so many of each room send (0: all)"},
    {"--tokens", STRING, &options.tokens_file, "file with the {token} of each client in a line"},
    {"--room-names", STRING, &options.room_names_file, "file with each {room} in a line"},
    {"--content-bytes", COUNT, &options.content_bytes, "size of {content}"},
    {"--at-once", COUNT, &options.at_once, "connections under way at any time"},
    {"--first", COUNT, &options.first, "so many connect before the servers' memory and CPU are first read"},
    {"--settle", SECONDS, &options.settle_s, "seconds of quiet before they are read"},
    {"--drain", SECONDS, &options.drain_s, "seconds to wait for what is under way"},
    {"--connect-timeout", SECONDS, &options.connect_s, "seconds for all to connect"},
    {"--server-pids", NUMBERS, &options.server_pids, "P,...: whose CPU and memory to report"},
    {"--other-pids", NUMBERS, &options.other_pids, "P,...: whose CPU to report apart, children included"},
    {"--spin", FLAG, &options.spin, "never sleep while sending, so that no server's write has to wake this process"},
};

#define KNOWN (sizeof option_table / sizeof *option_table)

static void add_namespace(const char *name) {
    if (options.namespace_count == MAX_NAMESPACES) die("too many namespaces");
    options.socketio = true;
    options.namespaces[options.namespace_count++] = strcmp(name, "/") ? name : "";
}

static void set_option(enum option_kind kind, void *target, char *value) {
    switch (kind) {
    case FLAG: *(bool *)target = true; break;
    case COUNT: *(uint32_t *)target = (uint32_t)strtoul(value, NULL, 10); break;
    case SECONDS: *(double *)target = atof(value); break;
    case STRING: *(const char **)target = value; break;
    case TEMPLATE: *(struct template *)target = parse_template(value); break;
    case NUMBERS: *(struct numbers *)target = read_numbers(value); break;
    case NAMESPACE: add_namespace(value); break;
    }
}

static void show_usage(void) {
    fprintf(stderr, "Texts may hold {token} {room} {id} {uuid} {content}.\n");
    for (size_t i = 0; i < KNOWN; i++) fprintf(stderr, "  %-18s %s\n", option_table[i].name, option_table[i].help);
    exit(2);
}

static void parse_options(int count, char **arguments) {
    for (int i = 1; i < count; i++) {
        size_t k = 0;
        while (k < KNOWN && strcmp(arguments[i], option_table[k].name)) k++;
        bool flag = k < KNOWN && option_table[k].kind == FLAG;
        if (k == KNOWN || (!flag && i + 1 == count)) show_usage();
        set_option(option_table[k].kind, option_table[k].target, flag ? NULL : arguments[++i]);
    }
    if (!options.ports.count || !options.tokens_file || !options.room_names_file) show_usage();
    if (!options.rooms || options.clients % options.rooms) die("rooms must be of one size");
    if (options.content_bytes < 40 || options.content_bytes > MAX_CONTENT) die("content: 40 to %d bytes", MAX_CONTENT);
    if (options.first > options.clients) die("--first is more than --clients");
    options.tokens = read_lines(options.tokens_file, options.clients);
    options.room_names = read_lines(options.room_names_file, options.rooms);
}

static void prepare(void) {
    run_id = (unsigned)(now_ns() / 1000 ^ (uint64_t)getpid()) & 0xffff;
    mask_state = now_ns() | 1;
    snprintf(mark, sizeof mark, "~%04x~", run_id);
    room_size = options.clients / options.rooms;
    if (options.senders == 0 || options.senders > room_size) options.senders = room_size;
    clients = allocate(options.clients, sizeof *clients);
    for (uint32_t i = 0; i < options.clients; i++) {
        bool sends_too = i % room_size < options.senders;
        clients[i] = (struct client){.fd = -1, .number = i, .room = i / room_size};
        clients[i].heard = allocate(options.senders, sizeof(struct heard));
        if (sends_too) clients[i].pending = allocate(RING, sizeof(struct pending));
    }
    /* Neighbours in this order are of different rooms, so that a steady rate spreads over them. */
    senders = allocate((size_t)options.rooms * options.senders, sizeof *senders);
    for (uint32_t place = 0; place < options.senders; place++) {
        for (uint32_t room = 0; room < options.rooms; room++) senders[sender_count++] = room * room_size + place;
    }
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    poller = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    /* A file cannot be watched, and is always ready. */
    if (epoll_ctl(poller, EPOLL_CTL_ADD, STDIN_FILENO, &event) < 0) input_ready = true;
}

int main(int count, char **arguments) {
    parse_options(count, arguments);
    prepare();
    connect_all();
    fflush(stdout);
    obey_until_end_of_input();
    for (uint32_t i = 0; i < options.clients; i++) drop(&clients[i], true);
    return 0;
}
