#include "setting.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

const char *
bide__setting(const char *name, char *out)
{
    size_t size = BIDE__SETTING_MAX;
    int rc = uv_os_getenv(name, out, &size);
    if (rc == UV_ENOBUFS)
        return "?";
    return rc == 0 && out[0] ? out : NULL;
}

static int
read_duration(const char *text, int64_t *ns)
{
    if (strcmp(text, "off") == 0 || strcmp(text, "0") == 0) {
        *ns = BIDE_FOREVER;
        return 0;
    }
    char *end;
    double value = strtod(text, &end);
    if (end == text || !(value > 0) || value > 1e9)
        return BIDE_EINVALID;
    if (strcmp(end, "ms") == 0)
        value /= 1e3;
    else if (strcmp(end, "us") == 0)
        value /= 1e6;
    else if (*end && strcmp(end, "s") != 0)
        return BIDE_EINVALID;
    *ns = (int64_t)(value * 1e9);
    return 0;
}

int
bide__setting_duration(const char *name, int64_t *ns)
{
    char text[BIDE__SETTING_MAX];
    const char *value = bide__setting(name, text);
    return value ? read_duration(value, ns) : 0;
}
