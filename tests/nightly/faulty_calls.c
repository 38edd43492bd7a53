/* LD_PRELOAD: lets the n-th system call of a kind on a path below a folder fail, counted over all processes together,
   and sets the clock of the day to another time from the n-th time on that it is asked for. The file named by ALLOT_FAULT_PLAN, mapped by every process, holds the order and what became of it; faulty_calls.py
   writes and reads it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum kind { NONE, WRITE, SYNC, RENAME, OPEN, MKDIR, UNLINK };

struct plan {
    int32_t kind, error, nth, lasting; /* lasting: all calls from the n-th on fail */
    int32_t calls, failed;             /* so many were made, so many failed */
    int32_t shift_s, shift_from;       /* seconds to add to the clock of the day, once it was asked so many times */
    int32_t asked, padding;
    char folder[1024], path[1024];     /* only below this folder; the path of the first that failed */
    char name[64];                     /* only paths that end with this, if anything */
};

static struct plan *plan;

__attribute__((constructor)) static void map_plan(void) {
    const char *name = getenv("ALLOT_FAULT_PLAN");
    int (*real_open)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
    int handle = name ? real_open(name, O_RDWR | O_CLOEXEC) : -1;
    if (handle < 0) return;
    void *found = mmap(NULL, sizeof *plan, PROT_READ | PROT_WRITE, MAP_SHARED, handle, 0);
    if (found != MAP_FAILED) plan = found;
    close(handle);
}

static void path_of(int handle, char *out) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
    ssize_t size = readlink(link, out, PATH_MAX - 1);
    out[size < 0 ? 0 : size] = 0;
}

static void absolute(int folder, const char *name, char *out) {
    char start[PATH_MAX] = "";
    if (name[0] == '/') {
        snprintf(out, 2 * PATH_MAX, "%s", name);
        return;
    }
    if (folder == AT_FDCWD) { if (!getcwd(start, sizeof start)) start[0] = 0; }
    else path_of(folder, start);
    snprintf(out, 2 * PATH_MAX, "%s/%s", start, name);
}

/* Whether this call is to fail; errno is set then. */
static int fails(enum kind kind, const char *path) {
    if (!plan || (enum kind)plan->kind != kind) return 0;
    size_t size = strlen(plan->folder);
    if (strncmp(path, plan->folder, size) || (path[size] != '/' && path[size] != 0)) return 0;
    size_t length = strlen(path), tail = strlen(plan->name);
    if (length < tail || strcmp(path + length - tail, plan->name)) return 0;
    int number = __atomic_add_fetch(&plan->calls, 1, __ATOMIC_SEQ_CST);
    if (number != plan->nth && !(plan->lasting && number > plan->nth)) return 0;
    if (__atomic_add_fetch(&plan->failed, 1, __ATOMIC_SEQ_CST) == 1) snprintf(plan->path, sizeof plan->path, "%s", path);
    errno = plan->error;
    return 1;
}

static int fails_at(enum kind kind, int folder, const char *name) {
    char path[2 * PATH_MAX];
    if (!plan || (enum kind)plan->kind != kind) return 0;
    absolute(folder, name, path);
    return fails(kind, path);
}

static int fails_on(enum kind kind, int handle) {
    char path[PATH_MAX];
    if (!plan || (enum kind)plan->kind != kind) return 0;
    path_of(handle, path);
    return fails(kind, path);
}

/* Seconds to add now. */
static time_t shift(void) {
    if (!plan || !plan->shift_s) return 0;
    return __atomic_add_fetch(&plan->asked, 1, __ATOMIC_SEQ_CST) >= plan->shift_from ? plan->shift_s : 0;
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

#define OPENS(name)                                                     \
    int name(const char *path, int flags, ...) {                        \
        REAL(name);                                                     \
        va_list more; va_start(more, flags);                            \
        mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(more, mode_t) : 0; \
        va_end(more);                                                   \
        return fails_at(OPEN, AT_FDCWD, path) ? -1 : real(path, flags, mode); \
    }
#define OPENS_AT(name)                                                  \
    int name(int folder, const char *path, int flags, ...) {            \
        REAL(name);                                                     \
        va_list more; va_start(more, flags);                            \
        mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(more, mode_t) : 0; \
        va_end(more);                                                   \
        return fails_at(OPEN, folder, path) ? -1 : real(folder, path, flags, mode); \
    }
OPENS(open)
OPENS(open64)
OPENS_AT(openat)
OPENS_AT(openat64)

ssize_t write(int handle, const void *data, size_t size) {
    REAL(write);
    return fails_on(WRITE, handle) ? -1 : real(handle, data, size);
}
ssize_t pwrite(int handle, const void *data, size_t size, off_t at) {
    REAL(pwrite);
    return fails_on(WRITE, handle) ? -1 : real(handle, data, size, at);
}
ssize_t pwrite64(int handle, const void *data, size_t size, off64_t at) {
    REAL(pwrite64);
    return fails_on(WRITE, handle) ? -1 : real(handle, data, size, at);
}
ssize_t writev(int handle, const struct iovec *parts, int count) {
    REAL(writev);
    return fails_on(WRITE, handle) ? -1 : real(handle, parts, count);
}
int fsync(int handle) {
    REAL(fsync);
    return fails_on(SYNC, handle) ? -1 : real(handle);
}
int fdatasync(int handle) {
    REAL(fdatasync);
    return fails_on(SYNC, handle) ? -1 : real(handle);
}
int rename(const char *from, const char *to) {
    REAL(rename);
    return fails_at(RENAME, AT_FDCWD, to) ? -1 : real(from, to);
}
int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    REAL(renameat);
    return fails_at(RENAME, to_folder, to) ? -1 : real(from_folder, from, to_folder, to);
}
int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    REAL(renameat2);
    return fails_at(RENAME, to_folder, to) ? -1 : real(from_folder, from, to_folder, to, flags);
}
int mkdir(const char *path, mode_t mode) {
    REAL(mkdir);
    return fails_at(MKDIR, AT_FDCWD, path) ? -1 : real(path, mode);
}
int unlink(const char *path) {
    REAL(unlink);
    return fails_at(UNLINK, AT_FDCWD, path) ? -1 : real(path);
}
int unlinkat(int folder, const char *path, int flags) {
    REAL(unlinkat);
    return fails_at(UNLINK, folder, path) ? -1 : real(folder, path, flags);
}
int clock_gettime(clockid_t clock, struct timespec *now) {
    REAL(clock_gettime);
    int code = real(clock, now);
    if (!code && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += shift();
    return code;
}
int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    REAL(gettimeofday);
    int code = real(now, zone);
    if (!code) now->tv_sec += shift();
    return code;
}
time_t time(time_t *out) {
    REAL(time);
    time_t now = real(NULL) + shift();
    if (out) *out = now;
    return now;
}
