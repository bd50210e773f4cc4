#include "thread_time.h"

#if defined(__linux__)
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

long
bide__thread_number(void)
{
    return syscall(SYS_gettid);
}

/* Of what the system tells about a thread in file `name`; "" if nothing. */
static void
read_about(long thread, const char *name, char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%ld/%s", thread, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, size - 1);
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = 0;
}

/* The second of three numbers. The first is as old as the last clock tick. */
static int64_t
waited(long thread)
{
    char text[96], *second;
    read_about(thread, "schedstat", text, sizeof text);
    strtoll(text, &second, 10);
    return strtoll(second, NULL, 10);
}

/* The letter after the name, which is in parentheses and may have some. */
static bool
is_ready(long thread)
{
    char text[128];
    read_about(thread, "stat", text, sizeof text);
    const char *end = strrchr(text, ')');
    return end && strncmp(end, ") R", 3) == 0;
}

void
bide__thread_time_begin(pthread_t thread, long number, bide__thread_time *out)
{
    clockid_t clock;
    struct timespec ran = {0};
    *out = (bide__thread_time){.waited = waited(number)};
    if (pthread_getcpuclockid(thread, &clock) == 0 &&
        clock_gettime(clock, &ran) == 0)
        out->ran = ran.tv_sec * INT64_C(1000000000) + ran.tv_nsec;
}

/* The state comes first: one that is asleep has no wait uncounted, and if it
 * wakes in the meantime the others only grow. */
void
bide__thread_time_read(pthread_t thread, long number, bide__thread_time *out)
{
    bool ready = is_ready(number);
    bide__thread_time_begin(thread, number, out);
    out->ready = ready && out->ran;
}
#else
long
bide__thread_number(void)
{
    return 0;
}

void
bide__thread_time_begin(pthread_t thread, long number, bide__thread_time *out)
{
    (void)thread;
    (void)number;
    *out = (bide__thread_time){0};
}

void
bide__thread_time_read(pthread_t thread, long number, bide__thread_time *out)
{
    bide__thread_time_begin(thread, number, out);
}
#endif

void
bide__spell_begin(bide__spell *s, const bide__thread_time *now)
{
    *s = (bide__spell){.begun = true, .from = *now};
}

int64_t
bide__spell_add(bide__spell *s, int64_t passed, const bide__thread_time *now)
{
    int64_t ran = now->ran - s->from.ran;
    s->passed += passed;
    int64_t slept = s->passed - ran - (now->waited - s->from.waited);
    if (!now->ready && slept > s->slept)
        s->slept = slept;
    return ran + s->slept;
}
