#include "bide.h"

#include <string.h>
#include <uv.h>

/* What libuv says to a code it does not know is allocated anew each time; here
 * it lives until the thread's next such call. */
static _Thread_local char unknown[48];

static bool
is_known(int code)
{
    static const char prefix[] = "Unknown";
    uv_err_name_r(code, unknown, sizeof unknown);
    return strncmp(unknown, prefix, sizeof prefix - 1) != 0;
}

const char *
bide_strerror(int code)
{
    switch (code) {
    case 0:
        return "success";
    case BIDE_PARKED:
        return "the operation waits";
#define MESSAGE(name, number, message)                                         \
    case BIDE_##name:                                                          \
        return message;
        BIDE_ERRORS(MESSAGE)
#undef MESSAGE
    default:
        return is_known(code) ? uv_strerror(code) : unknown;
    }
}

const char *
bide_error_name(int code)
{
    switch (code) {
    case 0:
        return "OK";
    case BIDE_PARKED:
        return "PARKED";
#define NAME(name, number, message)                                            \
    case BIDE_##name:                                                          \
        return #name;
        BIDE_ERRORS(NAME)
#undef NAME
    default:
        return is_known(code) ? uv_err_name(code) : unknown;
    }
}

const char *
bide_version(void)
{
    return BIDE_VERSION;
}
