#include "bide.h"

#include <uv.h>

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
        return uv_strerror(code);
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
        return uv_err_name(code);
    }
}

const char *
bide_version(void)
{
    return BIDE_VERSION;
}
