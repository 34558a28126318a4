/* Preloaded into a victim: moves CLOCK_REALTIME by the nanoseconds in the file TAPE_TEST_CLOCK names.
 *
 * Covers Python's time and Bytewax's Utc::now. librdkafka keeps the real time: it hands wall times to
 * the kernel as the ends of its waits, and those would be early or late by the whole step.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

static volatile int64_t *offset_ns;

__attribute__((constructor)) static void map_offset(void) {
    const char *path = getenv("TAPE_TEST_CLOCK");
    int file = path ? open(path, O_RDONLY) : -1;
    if (file >= 0) {
        void *page = mmap(NULL, 8, PROT_READ, MAP_SHARED, file, 0);
        if (page != MAP_FAILED) offset_ns = page;
    }
}

static int follows(void *caller) {
    Dl_info found;
    return !dladdr(caller, &found) || !found.dli_fname || !strstr(found.dli_fname, "rdkafka");
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, now);
    int wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
    if (result == 0 && wall && offset_ns && follows(__builtin_return_address(0))) {
        int64_t moved = now->tv_sec * 1000000000LL + now->tv_nsec + *offset_ns;
        now->tv_sec = moved / 1000000000LL;
        now->tv_nsec = moved % 1000000000LL;
    }
    return result;
}
