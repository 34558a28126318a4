/* Preloaded into a broker: its disk has only so much room. Files below TAPE_TEST_DISK take as many
 * bytes as the file TAPE_TEST_ROOM holds, an int64 that every write counts down; less than nothing
 * is no bound. What does not fit is cut short, as a real disk's last write is, then fails with ENOSPC.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

static int64_t *room;
static const char *disk;

__attribute__((constructor)) static void map_room(void) {
    const char *path = getenv("TAPE_TEST_ROOM");
    int file = path ? open(path, O_RDWR) : -1;
    disk = getenv("TAPE_TEST_DISK");
    if (file >= 0 && disk) {
        void *page = mmap(NULL, 8, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (page != MAP_FAILED) room = page;
    }
}

static int on_disk(int file) {
    char link[32], name[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, name, sizeof name - 1);
    return length > 0 && (name[length] = 0, !strncmp(name, disk, strlen(disk)));
}

/* How many of these bytes fit; -1 and ENOSPC where none does. */
static ssize_t taken(int file, size_t wanted) {
    if (!room || !wanted || __atomic_load_n(room, __ATOMIC_SEQ_CST) < 0 || !on_disk(file)) return wanted;
    int64_t left = __atomic_load_n(room, __ATOMIC_SEQ_CST), fits;
    do {
        if (left < 0) return wanted;
        fits = left < (int64_t)wanted ? left : (int64_t)wanted;
    } while (!__atomic_compare_exchange_n(room, &left, left - fits, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    if (fits) return fits;
    errno = ENOSPC;
    return -1;
}

ssize_t write(int file, const void *bytes, size_t count) {
    static ssize_t (*real)(int, const void *, size_t);
    if (!real) real = dlsym(RTLD_NEXT, "write");
    ssize_t fits = taken(file, count);
    return fits < 0 ? fits : real(file, bytes, fits);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t at) {
    static ssize_t (*real)(int, const void *, size_t, off64_t);
    if (!real) real = dlsym(RTLD_NEXT, "pwrite64");
    ssize_t fits = taken(file, count);
    return fits < 0 ? fits : real(file, bytes, fits, at);
}

/* One part at a time: fewer bytes than asked for are allowed. */
ssize_t writev(int file, const struct iovec *parts, int count) {
    static ssize_t (*real)(int, const struct iovec *, int);
    if (!real) real = dlsym(RTLD_NEXT, "writev");
    if (!room || __atomic_load_n(room, __ATOMIC_SEQ_CST) < 0 || !on_disk(file)) return real(file, parts, count);
    for (int n = 0; n < count; n++)
        if (parts[n].iov_len) return write(file, parts[n].iov_base, parts[n].iov_len);
    return 0;
}
