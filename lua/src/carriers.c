/* carriers.c - the kinds of userdata that may cross threads: channels and
 * tokens. */
#include "conduit.h"
#include "pack.h"
#include "scope.h"

static void *
token_take(lua_State *L, int index)
{
    return bide_token_ref(bidelua_token_core(L, index));
}

static void
token_drop(void *object)
{
    bide_token_unref(object);
}

static const bidelua_carrier token_carrier = {token_take, bidelua_token_push,
                                              token_drop};

const bidelua_carrier *
bidelua_carrier_of(lua_State *L, int index)
{
    bidelua_state *S = bidelua_self(L);
    if (bidelua_test(L, S, index, BIDELUA_CHANNEL))
        return &bidelua_channel_carrier;
    if (bidelua_test(L, S, index, BIDELUA_TOKEN))
        return &token_carrier;
    return NULL;
}
