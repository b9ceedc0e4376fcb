/* Fetching data sets from a server of our own on this machine, which breaks off, knows no ranges, sends wrong
 * bytes or nothing at all, as told: whatever it does, a file has its name only when it is whole and right. */
#include "data_folder.h"
#include "fetch.h"

#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { CONTENT = 40000, REQUEST = 4096 };

typedef enum behaviour { WHOLE, BREAKS_OFF, NO_RANGES, WRONG_BYTES, NOT_FOUND } behaviour;

static uint8_t content[CONTENT];

static void send_all(int to, const void *bytes, size_t count) {
    while (count > 0) {
        ssize_t sent = send(to, bytes, count, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        bytes = (const char *)bytes + sent;
        count -= (size_t)sent;
    }
}

/* Answers one request for the content, whatever its name, from the byte that is asked for. */
static void answer(int client, behaviour how) {
    char request[REQUEST] = "", head[256];
    size_t used = 0;
    for (ssize_t got; !strstr(request, "\r\n\r\n") && used < REQUEST - 1 &&
                      (got = recv(client, request + used, REQUEST - 1 - used, 0)) > 0;)
        used += (size_t)got;
    const char *range = strstr(request, "Range: bytes=");
    size_t from = range && how != NO_RANGES ? strtoull(range + 13, NULL, 10) : 0, left = CONTENT - from;
    if (how == NOT_FOUND || from >= CONTENT) {
        snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                 how == NOT_FOUND ? "404 Not Found" : "416 Range Not Satisfiable");
        send_all(client, head, strlen(head));
        return;
    }
    snprintf(
        head, sizeof head,
        "HTTP/1.1 %s\r\nContent-Range: bytes %zu-%d/%d\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
        from ? "206 Partial Content" : "200 OK", from, CONTENT - 1, CONTENT, left);
    send_all(client, head, strlen(head));
    if (how == WRONG_BYTES)
        content[from] ^= 1;
    send_all(client, content + from, how == BREAKS_OFF ? left / 2 : left);
    content[from] ^= how == WRONG_BYTES;
}

/* A server that behaves like that until it is killed. */
static pid_t serve(behaviour how, char address[64]) {
    int server = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof at;
    if (server < 0 || bind(server, (struct sockaddr *)&at, length) != 0 || listen(server, 4) != 0 ||
        getsockname(server, (struct sockaddr *)&at, &length) != 0) {
        perror("a server on this machine");
        exit(1);
    }
    snprintf(address, 64, "http://127.0.0.1:%d/", ntohs(at.sin_port));
    pid_t child = fork();
    while (child == 0) {
        int client = accept(server, NULL, NULL);
        answer(client, how);
        close(client);
    }
    close(server);
    return child;
}

static char target[256];

static wn_status fetch_from(behaviour how, const wn_fetch_set *set) {
    char address[64];
    pid_t server = serve(how, address);
    wn_status status = wn_fetch(set, address, target, NULL);
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    return status;
}

/* The size of a file in the target folder; -1: there is none. */
static int64_t size_of(const char *name) {
    char path[300];
    struct stat facts;
    snprintf(path, sizeof path, "%s/%s", target, name);
    return stat(path, &facts) == 0 ? facts.st_size : -1;
}

static void forget(const char *name) {
    char path[300];
    snprintf(path, sizeof path, "%s/%s", target, name);
    unlink(path);
}

static void expect(wn_status status, wn_code code, const char *part, int64_t whole, int64_t partial) {
    CHECK(status.code == code && strstr(status.message, part), "'%s' (code %d) lacks '%s'", status.message,
          status.code, part);
    CHECK(size_of("data") == whole && size_of("data.part") == partial,
          "behind '%s' data has %lld bytes, data.part %lld, expected %lld and %lld", status.message,
          (long long)size_of("data"), (long long)size_of("data.part"), (long long)whole, (long long)partial);
}

static void md5_of(const uint8_t *bytes, size_t count, char sum[33]) {
    char command[300];
    write_bytes("summed", bytes, count);
    snprintf(command, sizeof command, "md5sum %s/summed", folder);
    FILE *pipe = popen(command, "r");
    CHECK(pipe && fscanf(pipe, "%32s", sum) == 1, "md5sum says nothing");
    if (pipe)
        pclose(pipe);
    remove_file("summed");
}

static void check_files(const wn_fetch_set *set) {
    expect(fetch_from(NOT_FOUND, set), WN_ERROR_IO, "404", -1, -1);
    expect(fetch_from(WRONG_BYTES, set), WN_ERROR_FORMAT, "what came was removed", -1, -1);
    expect(fetch_from(BREAKS_OFF, set), WN_ERROR_IO, "the next try goes on from there", -1, CONTENT / 2);
    expect(fetch_from(NOT_FOUND, set), WN_ERROR_IO, "404", -1, CONTENT / 2); /* is no reason to lose it */
    expect(fetch_from(BREAKS_OFF, set), WN_ERROR_IO, "goes on", -1, CONTENT * 3 / 4);
    expect(fetch_from(WHOLE, set), WN_OK, "", CONTENT, -1);
    expect(fetch_from(NOT_FOUND, set), WN_OK, "", CONTENT, -1); /* nobody is asked */
    forget("data");
    expect(fetch_from(BREAKS_OFF, set), WN_ERROR_IO, "goes on", -1, CONTENT / 2);
    expect(fetch_from(NO_RANGES, set), WN_OK, "", CONTENT, -1);
    char path[300];
    snprintf(path, sizeof path, "%s/data", target);
    CHECK(truncate(path, 5) == 0, "%s", path);
    expect(fetch_from(WHOLE, set), WN_ERROR_FORMAT, "remove it to fetch it anew", 5, -1);
    forget("data");
    /* All of it came, and then somebody was killed. */
    snprintf(path, sizeof path, "%s/data.part", target);
    FILE *part = fopen(path, "w");
    CHECK(part && fwrite(content, 1, CONTENT, part) == CONTENT && fclose(part) == 0, "%s", path);
    expect(fetch_from(WHOLE, set), WN_OK, "", CONTENT, -1);
    forget("data");
    mkdir(path, 0700); /* data.part as a folder */
    wn_status status = fetch_from(WHOLE, set);
    CHECK(wn_failed(status) && size_of("data") == -1, "'%s'", status.message);
    rmdir(path);
}

/* An archive is unpacked, and goes when all its files are there. */
static void check_archive(void) {
    char command[600], sum[33], archive_sum[33], archive[256];
    snprintf(command, sizeof command,
             "cd %s && mkdir inner && head -c 1000 /dev/zero > inner/one && "
             "md5sum inner/one && tar -czf all.tar.gz inner && rm -r inner",
             folder);
    FILE *pipe = popen(command, "r");
    CHECK(pipe && fscanf(pipe, "%32s", sum) == 1 && pclose(pipe) == 0, "no archive could be made");
    path_of("all.tar.gz", archive);
    FILE *file = fopen(archive, "rb");
    memset(content, 0, sizeof content); /* zeros behind its end are no part of gzip data, tar says nothing */
    size_t size = file ? fread(content, 1, CONTENT, file) : 0;
    if (file)
        fclose(file);
    CHECK(size > 0, "the archive is empty");
    md5_of(content, CONTENT, archive_sum);
    const wn_fetch_set set = {"archived", "http://127.0.0.1:1/", {{"one", sum}}, {"all.tar.gz", archive_sum}};
    wn_status status = fetch_from(WHOLE, &set);
    CHECK(!wn_failed(status) && size_of("one") == 1000 && size_of("all.tar.gz") == -1 &&
              size_of("extract.part") == -1,
          "'%s', one has %lld bytes", status.message, (long long)size_of("one"));
    forget("one");
    const wn_fetch_set other = {
        "archived", "http://127.0.0.1:1/", {{"two", sum}}, {"all.tar.gz", archive_sum}};
    status = fetch_from(WHOLE, &other);
    CHECK(status.code == WN_ERROR_FORMAT && size_of("two") == -1 && size_of("extract.part") == -1, "'%s'",
          status.message);
    forget("all.tar.gz");
    remove_file("all.tar.gz");
}

int main(void) {
    char sum[33] = "";
    if (system("curl --version >/dev/null 2>&1 && md5sum --version >/dev/null 2>&1") != 0) {
        printf("skipped: curl or md5sum is not installed\n");
        check_skipped++;
        return check_finish("check_fetch");
    }
    unsetenv("http_proxy");
    unsetenv("HTTP_PROXY");
    unsetenv("ALL_PROXY");
    make_folder();
    path_of("target", target);
    for (int i = 0; i < CONTENT; i++)
        content[i] = (uint8_t)(i * 31 + i / 256);
    md5_of(content, CONTENT, sum);
    const wn_fetch_set set = {"test", "http://127.0.0.1:1/", {{"data", sum}}, {NULL, NULL}};
    const wn_fetch_set *found;
    check_files(&set);
    check_archive();
    CHECK(wn_fetch_find("nothing", &found).code == WN_ERROR_USAGE, "a set called nothing");
    CHECK(!wn_failed(wn_fetch_find("cifar10", &found)) && found->archive.name, "no CIFAR-10");
    wn_status status = wn_fetch(&set, NULL, target, NULL); /* nobody listens at port 1 */
    CHECK(status.code == WN_ERROR_IO, "'%s'", status.message);
    rmdir(target);
    rmdir(folder);
    return check_finish("check_fetch");
}
