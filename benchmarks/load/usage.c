#include "usage.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "peer.h"

/** The first line of a file in `line`; false if it cannot be read. */
static int
first_line(const char *path, char *line, int size)
{
    FILE *f = fopen(path, "r");
    if (!f)
        return 0;
    int read = fgets(line, size, f) != NULL;
    fclose(f);
    return read;
}

/** The sum of what /proc/<pid>/task/<tid>/schedstat begin with, ns; 0 on a
 * system without. */
static double
exact(int pid)
{
    char path[320], line[128];
    double sum = 0;
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *tasks = opendir(path);
    if (!tasks)
        return 0;
    for (struct dirent *e; (e = readdir(tasks));) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", pid,
                 e->d_name);
        if (first_line(path, line, sizeof line))
            sum += strtod(line, NULL);
    }
    closedir(tasks);
    return sum;
}

usage
usage_of(int pid)
{
    usage u = {0, 0, 0};
    if (pid <= 0)
        return u;
    char path[64], line[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    if (!first_line(path, line, sizeof line))
        die("cannot read %s: is the server alive?", path);
    /* The name may hold spaces: fields are counted from its last ')'. */
    char *p = strrchr(line, ')');
    for (int field = 2; p && field < 14; field++)
        p = strchr(p + 1, ' ');
    if (!p)
        die("%s has an unknown form", path);
    unsigned long user = strtoul(p, &p, 10), sys = strtoul(p, &p, 10);
    double tick = (double)sysconf(_SC_CLK_TCK);
    u.user = (double)user / tick;
    u.sys = (double)sys / tick;
    u.all = exact(pid) / 1e9;
    if (u.all <= 0)
        u.all = u.user + u.sys;
    return u;
}
