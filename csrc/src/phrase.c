#include "phrase.h"

#include <inttypes.h>

enum { LONGEST_PLACE = 256 };

static void
add_site(bide__text *x, bide_site site, const char *format)
{
    if (site.file)
        bide__text_add(x, format, bide__base_name(site.file), site.line);
}

void
bide__phrase_task(bide__text *x, const bide_task *t)
{
    if (t->name)
        bide__text_add(x, "task \"%s\"", t->name);
    else
        bide__text_add(x, "task-%" PRIu64, t->id);
    add_site(x, t->site, " (%s:%d)");
}

void
bide__phrase_place(bide__text *x, bide_task *t)
{
    char at[LONGEST_PLACE] = "";
    const bide_host *host = &t->loop->host;
    if (!host->where || t->state != BIDE_TASK_PARKED)
        return;
    host->where(host->ctx, t, at, sizeof at);
    if (at[0])
        bide__text_add(x, " at %s", at);
}

void
bide__phrase_object(bide__text *x, const char *type, const char *name,
                    bide_site site)
{
    bide__text_add(x, "%s", type);
    if (name)
        bide__text_add(x, " \"%s\"", name);
    add_site(x, site, " (made at %s:%d)");
}

void
bide__phrase_seconds(bide__text *x, int64_t ns)
{
    bide__text_add(x, "%.3f s", (double)ns / 1e9);
}
