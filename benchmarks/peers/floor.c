/*
 * floor: the least that broadcasting can cost with one send() for each recipient of each message. A WebSocket server in
 * C that copies the content of a message into one frame: no JSON parser, no objects, no history. What a server spends
 * above this, it spends on itself rather than on the kernel's sockets. It does not put several messages into one write;
 * a server that does may be below it where messages coincide.
 *
 *     floor PORT          says "ready PORT" and serves 127.0.0.1
 *
 * The protocol is that of node_ws.mjs. It serves our generator alone, and relies on how that one writes: small frames
 * with a mask, the fields in their order, and RFC 6455's example key, to which the answer is fixed.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SIZE (64 * 1024)
#define MAX_ROOMS 4096
#define NAME_SIZE 64

struct client {
    int fd;
    bool upgraded;
    struct room *room;
    uint32_t place; /* in the room's members */
    char *rest, *unsent;
    size_t rest_size, unsent_size;
};

struct room {
    char name[NAME_SIZE];
    struct client **members;
    uint32_t count, capacity;
    uint64_t last_id;
};

static struct room rooms[MAX_ROOMS];
static int room_count, poller;

static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

static void *grown(void *memory, size_t size) {
    memory = realloc(memory, size);
    if (!memory) abort();
    return memory;
}

static void watch(struct client *client, int operation, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = client};
    epoll_ctl(poller, operation, client->fd, &event);
}

/* What the socket does not take is kept, as any server must. */
static void send_bytes(struct client *client, const char *bytes, size_t size) {
    ssize_t taken = client->unsent_size ? 0 : send(client->fd, bytes, size, MSG_NOSIGNAL);
    if (taken < 0) taken = 0; /* full, or broken: then reading will tell */
    if ((size_t)taken == size) return;
    size_t left = size - (size_t)taken;
    client->unsent = grown(client->unsent, client->unsent_size + left);
    memcpy(client->unsent + client->unsent_size, bytes + taken, left);
    client->unsent_size += left;
    watch(client, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
}

static void flush(struct client *client) {
    ssize_t taken = send(client->fd, client->unsent, client->unsent_size, MSG_NOSIGNAL);
    if (taken < 0) return;
    client->unsent_size -= (size_t)taken;
    memmove(client->unsent, client->unsent + taken, client->unsent_size);
    if (client->unsent_size == 0) watch(client, EPOLL_CTL_MOD, EPOLLIN);
}

static void leave(struct client *client) {
    if (client->room) { /* the last member takes the place that becomes free */
        struct client *last = client->room->members[--client->room->count];
        client->room->members[last->place = client->place] = last;
    }
    close(client->fd);
    free(client->rest);
    free(client->unsent);
    free(client);
}

/* Write a frame's head before `payload`, which has room for it, and return where the frame begins. */
static char *frame(char *payload, size_t size) {
    if (size < 126) {
        payload -= 2;
        payload[1] = (char)size;
    } else {
        payload -= 4;
        payload[1] = 126;
        payload[2] = (char)(size >> 8);
        payload[3] = (char)size;
    }
    payload[0] = (char)0x81;
    return payload;
}

static void send_text(struct client *client, char *payload, size_t size) {
    char *start = frame(payload, size);
    send_bytes(client, start, (size_t)(payload - start) + size);
}

static void join(struct client *client, const char *name, size_t size) {
    static char buffer[64] = "0000{\"type\":\"joined\"}";
    struct room *room = rooms;
    if (client->room || size >= NAME_SIZE) return;
    while (room < rooms + room_count && (strlen(room->name) != size || memcmp(room->name, name, size))) room++;
    if (room == rooms + MAX_ROOMS) return;
    if (room == rooms + room_count) memcpy(rooms[room_count++].name, name, size);
    if (room->count == room->capacity) {
        room->capacity = room->capacity ? 2 * room->capacity : 2;
        room->members = grown(room->members, room->capacity * sizeof(struct client *));
    }
    client->room = room;
    client->place = room->count;
    room->members[room->count++] = client;
    send_text(client, buffer + 4, strlen(buffer + 4));
}

static void broadcast(struct client *client, const char *id, size_t id_size, const char *content, size_t size) {
    static char buffer[READ_SIZE + 256];
    char *payload = buffer + 4, *at = payload;
    struct room *room = client->room;
    if (!room) return;
    at += sprintf(at, "{\"type\":\"message\",\"id\":%lu,\"room\":\"%s\",\"content\":\"", ++room->last_id, room->name);
    at = mempcpy(at, content, size);
    at = mempcpy(at, "\"}", 2);
    char *start = frame(payload, (size_t)(at - payload));
    for (uint32_t i = 0; i < room->count; i++) send_bytes(room->members[i], start, (size_t)(at - start));
    at = payload + sprintf(payload, "{\"type\":\"ack\",\"id\":%.*s}", (int)id_size, id);
    send_text(client, payload, (size_t)(at - payload));
}

static const char *after(const char *text, size_t size, const char *key) {
    const char *found = memmem(text, size, key, strlen(key));
    return found ? found + strlen(key) : NULL;
}

static void on_text(struct client *client, char *text, size_t size) {
    const char *room = after(text, size, "\"room\":\""), *id = after(text, size, "\"id\":");
    const char *content = after(text, size, "\"content\":\"");
    if (id && content) {
        const char *comma = memchr(id, ',', size - (size_t)(id - text));
        const char *quote = memchr(content, '"', size - (size_t)(content - text));
        if (comma && quote) broadcast(client, id, (size_t)(comma - id), content, (size_t)(quote - content));
    } else if (room) {
        const char *quote = memchr(room, '"', size - (size_t)(room - text));
        if (quote) join(client, room, (size_t)(quote - room));
    }
}

/* Take one frame off `text`; return its size, 0 if it is not whole, -1 to end the connection. */
static ssize_t take_frame(struct client *client, unsigned char *text, size_t size) {
    if (size < 6) return 0;
    size_t body = text[1] & 127, header = 6;
    if (!(text[1] & 128) || body == 127) return -1;
    if (body == 126) {
        body = (size_t)text[2] << 8 | text[3];
        header = 8;
    }
    if (size < header + body) return 0;
    unsigned char *payload = text + header, *key = payload - 4;
    for (size_t i = 0; i < body; i++) payload[i] ^= key[i & 3];
    if (text[0] == 0x81) on_text(client, (char *)payload, body);
    return text[0] == 0x88 ? -1 : (ssize_t)(header + body);
}

/* Returns whether the connection goes on. */
static bool on_readable(struct client *client) {
    static char scratch[READ_SIZE];
    if (client->rest_size) memcpy(scratch, client->rest, client->rest_size);
    ssize_t count = recv(client->fd, scratch + client->rest_size, READ_SIZE - client->rest_size, 0);
    if (count <= 0) return count < 0 && errno == EAGAIN;
    size_t at = 0, end = client->rest_size + (size_t)count;
    client->rest_size = 0;
    if (!client->upgraded) {
        const char *body = after(scratch, end, "\r\n\r\n");
        if (body) {
            at = (size_t)(body - scratch);
            client->upgraded = true;
            send_bytes(client, answer, strlen(answer));
        }
    }
    while (client->upgraded) {
        ssize_t taken = take_frame(client, (unsigned char *)scratch + at, end - at);
        if (taken < 0) return false;
        if (taken == 0) break;
        at += (size_t)taken;
    }
    if (end - at == READ_SIZE) return false;
    if (end > at) {
        client->rest_size = end - at;
        client->rest = grown(client->rest, client->rest_size);
        memcpy(client->rest, scratch + at, client->rest_size);
    }
    return true;
}

static void on_connection(int listener) {
    for (int fd, on = 1; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
        struct client *client = grown(NULL, sizeof *client);
        *client = (struct client){.fd = fd};
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        watch(client, EPOLL_CTL_ADD, EPOLLIN);
    }
}

/* Port 0 is any that is free; says which it is. */
static int listen_on(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 4096) < 0) {
        perror("floor");
        exit(1);
    }
    socklen_t size = sizeof address;
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("ready %d\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

int main(int count, char **arguments) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    int listener = listen_on(count > 1 ? atoi(arguments[1]) : 0);
    poller = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[512];
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int ready = epoll_wait(poller, events, 512, -1);
        for (int i = 0; i < ready; i++) {
            struct client *client = events[i].data.ptr;
            if (!client) {
                on_connection(listener);
                continue;
            }
            if (events[i].events & EPOLLOUT && client->unsent_size) flush(client);
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !on_readable(client)) leave(client);
        }
    }
}
