/* support_file.c - see support_file.h. */
#include "support_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static void
remove_all(void)
{
    char command[128];
    if (!*folder)
        return;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command)) /* NOLINT: a path of ours */
        abort();
}

void
scratch_begin(void)
{
    if (!*folder) {
        snprintf(folder, sizeof folder, "/tmp/bide-test-%ld", (long)getpid());
        atexit(remove_all);
    }
    remove_all();
    if (mkdir(folder, 0700))
        abort();
    /* libuv opens a few descriptors once, for good. */
    world wd;
    world_begin_real(&wd);
    world_end(&wd);
}

const char *
scratch(const char *name)
{
    static char paths[4][256];
    static unsigned next;
    char *path = paths[next++ % COUNT(paths)];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

void
put_content(const char *name, const char *data, size_t len)
{
    int fd = open(scratch(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0);
    CHECK_INT(write(fd, data, len), len);
    close(fd);
}

void
check_content(const char *name, const char *data, size_t len)
{
    char *got = malloc(len + 1);
    int fd = open(scratch(name), O_RDONLY);
    CHECK(fd >= 0 && got);
    CHECK_INT(read(fd, got, len + 1), len);
    CHECK(memcmp(got, data, len) == 0);
    close(fd);
    free(got);
    check_end();
}

void
run_actor(actor_body body)
{
    world wd;
    scratch_begin();
    int before = open_descriptors();
    world_begin_real(&wd);
    actor *a = actor_spawn(&wd, "a", body, NULL);
    world_run(&wd);
    CHECK(a->over);
    world_end(&wd);
    assert_int_equal(open_descriptors(), before);
}
