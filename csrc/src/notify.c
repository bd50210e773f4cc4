#include "notify.h"

#include <errno.h>
#include <string.h>

#include "alloc.h"

bide_change *
bide__change_new(int kind, bool is_dir, const char *name, const char *old_name)
{
    size_t n = strlen(name) + 1, m = old_name ? strlen(old_name) + 1 : 0;
    bide_change *c = bide__alloc(sizeof *c + n + m);
    if (!c)
        return NULL;
    char *text = (char *)(c + 1);
    c->kind = kind;
    c->is_dir = is_dir;
    c->name = memcpy(text, name, n);
    if (old_name)
        c->old_name = memcpy(text + n, old_name, m);
    return c;
}

void
bide_changes_free(bide_change *chain)
{
    while (chain) {
        bide_change *next = chain->next;
        bide__free(chain);
        chain = next;
    }
}

const char *
bide_change_name(int kind)
{
    static const char *const names[] = {"created",    "removed", "modified",
                                        "attributes", "renamed", "overflow",
                                        "gone"};
    size_t count = sizeof names / sizeof *names;
    return kind >= 0 && (size_t)kind < count ? names[kind] : "unknown";
}

/* What the system says when one of its limits is reached leads astray: it is
 * no disk that is full, and no descriptor that lacks. */
const char *
bide_fs_watch_strerror(int code)
{
    switch (code) {
    case UV_ENOSPC:
        return "no more directories can be watched: raise "
               "fs.inotify.max_user_watches (sysctl)";
    case UV_EMFILE:
        return "too many watches or open files: raise "
               "fs.inotify.max_user_instances (sysctl) or the limit of open "
               "files";
    default:
        return bide_strerror(code);
    }
}
