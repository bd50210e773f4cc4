/* What is known about a file, as a table. */
#include <sys/stat.h>

#include "file.h"

static const char *
type_of(unsigned mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return "file";
    case S_IFDIR:
        return "directory";
    case S_IFLNK:
        return "link";
    case S_IFIFO:
        return "fifo";
    case S_IFSOCK:
        return "socket";
    case S_IFCHR:
        return "char";
    case S_IFBLK:
        return "block";
    default:
        return "other";
    }
}

int
bidelua_fs_pushstat(lua_State *L)
{
    const bide_stat *s = lua_touserdata(L, 1);
    const struct {
        const char *name;
        int64_t value;
    } integers[] = {
        {"mode", s->mode & 07777},
        {"size", s->size},
        {"uid", s->uid},
        {"gid", s->gid},
        {"ino", (int64_t)s->ino},
        {"dev", (int64_t)s->dev},
        {"nlink", (int64_t)s->nlink},
        {"rdev", (int64_t)s->rdev},
        {"blocks", s->blocks},
        {"blksize", s->blksize},
    };
    const struct {
        const char *name;
        int64_t ns;
    } times[] = {{"atime", s->atime}, {"mtime", s->mtime}, {"ctime", s->ctime}};
    lua_createtable(L, 0, 16);
    lua_pushstring(L, type_of(s->mode));
    lua_setfield(L, -2, "type");
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++) {
        lua_pushinteger(L, (lua_Integer)integers[i].value);
        lua_setfield(L, -2, integers[i].name);
    }
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        lua_pushnumber(L, (lua_Number)times[i].ns / 1e9);
        lua_setfield(L, -2, times[i].name);
    }
    return 1;
}
