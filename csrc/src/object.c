#include "object.h"

const char *
bide__object_label(const bide_wait *w, bide_site *site)
{
    const bide__object *o = w->object;
    *site = o->site;
    return o->name;
}
