#include "command.h"

#include <stdlib.h>
#include <string.h>

#include "alloc.h"

extern char **environ;

/* -- the environment ------------------------------------------------------ */

static size_t
count_of(const char *const *list)
{
    size_t n = 0;
    while (list && list[n])
        n++;
    return n;
}

/* Whether the entries "NAME=..." or "NAME" are about the same name. */
static bool
same_name(const char *a, const char *b)
{
    size_t n = strcspn(a, "=");
    return n == strcspn(b, "=") && memcmp(a, b, n) == 0;
}

static bool
names(const char *const *list, const char *entry)
{
    for (; *list; list++)
        if (same_name(*list, entry))
            return true;
    return false;
}

static int
extend(bide__command *c, const char *const *more)
{
    const char *const *ours = (const char *const *)environ;
    size_t n = 0;
    const char **all = bide__realloc(
        NULL, (count_of(ours) + count_of(more) + 1) * sizeof *all);
    if (!all)
        return BIDE_ENOMEMORY;
    for (; ours && *ours; ours++)
        if (!names(more, *ours))
            all[n++] = *ours;
    for (; *more; more++)
        if (strchr(*more, '='))
            all[n++] = *more;
    all[n] = NULL;
    c->env_block = all;
    c->env = (char *const *)all;
    return 0;
}

static int
make_env(bide__command *c, const bide_process_options *o)
{
    c->env = o->env ? (char *const *)o->env : environ;
    if (o->env && (o->flags & BIDE_PROCESS_EXTEND_ENV))
        return extend(c, o->env);
    return 0;
}

/* -- the files ------------------------------------------------------------ */

static const char *
path_in(char *const *env)
{
    for (; env && *env; env++)
        if (strncmp(*env, "PATH=", 5) == 0)
            return *env + 5;
    return "/usr/local/bin:/usr/bin:/bin";
}

static size_t
parts_of(const char *path)
{
    size_t n = 1;
    for (; *path; path++)
        n += *path == ':';
    return n;
}

/* "dir/name"; an empty part of PATH is the current directory. */
static char *
join(char *at, const char *dir, size_t len, const char *name)
{
    if (len == 0) {
        dir = ".";
        len = 1;
    }
    memcpy(at, dir, len);
    at[len] = '/';
    strcpy(at + len + 1, name); /* NOLINT: the room was counted */
    return at + len + 1 + strlen(name) + 1;
}

static int
search(bide__command *c, const char *name)
{
    const char *path = path_in(c->env);
    size_t parts = parts_of(path), n = 0;
    size_t text = strlen(path) + parts * (strlen(name) + 3);
    const char **files =
        bide__realloc(NULL, (parts + 1) * sizeof *files + text);
    if (!files)
        return BIDE_ENOMEMORY;
    char *at = (char *)(files + parts + 1);
    for (;;) {
        size_t len = strcspn(path, ":");
        files[n++] = at;
        at = join(at, path, len, name);
        if (!path[len])
            break;
        path += len + 1;
    }
    files[n] = NULL;
    c->files_block = files;
    c->files = files;
    return 0;
}

/* An empty name is looked for nowhere, and so is not found. */
static int
make_files(bide__command *c, const bide_process_options *o)
{
    const char *name = o->file ? o->file : o->argv[0];
    if (*name && !strchr(name, '/'))
        return search(c, name);
    const char **files = bide__alloc(2 * sizeof *files);
    if (!files)
        return BIDE_ENOMEMORY;
    files[0] = name;
    c->files_block = files;
    c->files = files;
    return 0;
}

int
bide__command_init(bide__command *c, const bide_process_options *o)
{
    *c = (bide__command){.env = NULL};
    int rc = make_env(c, o);
    return rc ? rc : make_files(c, o);
}

void
bide__command_fini(bide__command *c)
{
    bide__free(c->env_block);
    bide__free(c->files_block);
}
