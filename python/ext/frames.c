/* What the interpreter executes, read from the outside: a block in C code may
 * hold the GIL, and a signal handler may be anywhere. So nothing here
 * allocates, counts references or calls the interpreter; all is copied by
 * bide_peek, which does not fault, and what makes no sense is left out. The
 * layout of frames is that of the headers of the version that this is compiled
 * for. */
#include "bidepy.h"

#ifndef Py_BUILD_CORE
#define Py_BUILD_CORE 1
#endif
#include <internal/pycore_frame.h>

typedef struct _PyInterpreterFrame frame;

enum { FRAMES_MAX = 100, TABLE_MAX = 1 << 16 };

/* -- what differs between versions ---------------------------------------- */

static PyObject *
code_of(const frame *f)
{
#if PY_VERSION_HEX >= 0x030D0000
    return f->f_executable;
#else
    return (PyObject *)f->f_code;
#endif
}

static const char *
instruction_of(const frame *f)
{
#if PY_VERSION_HEX >= 0x030D0000
    return (const char *)f->instr_ptr;
#else
    return (const char *)f->prev_instr;
#endif
}

/* A frame that stands for a call from C. */
static bool
is_shim(const frame *f)
{
#if PY_VERSION_HEX >= 0x030C0000
    return f->owner == FRAME_OWNED_BY_CSTACK;
#else
    (void)f;
    return false;
#endif
}

static frame *
innermost(PyThreadState *thread)
{
#if PY_VERSION_HEX >= 0x030D0000
    return thread->current_frame;
#else
    return thread->cframe->current_frame;
#endif
}

static frame *
peek_innermost(PyThreadState *thread)
{
    frame *found = NULL;
#if PY_VERSION_HEX >= 0x030D0000
    bide_peek(&found, &thread->current_frame, sizeof found);
#else
    _PyCFrame *c = NULL;
    if (bide_peek(&c, &thread->cframe, sizeof c) && c)
        bide_peek(&found, &c->current_frame, sizeof found);
#endif
    return found;
}

/* -- places --------------------------------------------------------------- */

bidepy_place
bidepy_place_here(void)
{
    const frame *f = innermost(PyThreadState_Get());
#if defined(BIDE_DIAGNOSTICS) && !BIDE_DIAGNOSTICS
    f = NULL; /* see CMakeLists.txt */
#endif
    while (f && is_shim(f))
        f = f->previous;
    if (!f)
        return (bidepy_place){NULL, 0};
    PyObject *code = code_of(f);
    const char *start = ((PyCodeObject *)code)->co_code_adaptive;
    return (bidepy_place){Py_NewRef(code), (int)(instruction_of(f) - start)};
}

PyObject *
bidepy_place_line(const bidepy_place *place, int *line)
{
    PyCodeObject *code = (PyCodeObject *)place->code;
    *line = PyCode_Addr2Line(code, place->at);
    return code->co_filename;
}

const void *
bidepy_frame_here(void)
{
    return innermost(PyThreadState_Get());
}

/* -- lines ---------------------------------------------------------------- */

/* A table of locations, read a little at a time. */
typedef struct table {
    const unsigned char *from;
    size_t left, at, have;
    unsigned char bytes[256];
} table;

static int
next_byte(table *t)
{
    if (t->at == t->have) {
        t->have = t->left < sizeof t->bytes ? t->left : sizeof t->bytes;
        t->at = 0;
        if (!t->have || !bide_peek(t->bytes, t->from, t->have))
            return -1;
        t->from += t->have;
        t->left -= t->have;
    }
    return t->bytes[t->at++];
}

static int
next_number(table *t)
{
    unsigned value = 0;
    int byte, shift = 0;
    do {
        byte = next_byte(t);
        if (byte < 0 || shift > 24)
            return 0;
        value |= (unsigned)(byte & 63) << shift;
        shift += 6;
    } while (byte & 64);
    return value & 1 ? -(int)(value >> 1) : (int)(value >> 1);
}

/* How far the line moves in an entry of this kind: "Objects/locations.md". */
static int
line_step(table *t, int kind)
{
    if (kind == 13 || kind == 14)
        return next_number(t);
    return kind >= 10 && kind <= 12 ? kind - 10 : 0;
}

/* An entry begins with a byte that has its highest bit set. */
static int
line_at(const PyCodeObject *code, long at)
{
    PyVarObject head;
    if (!bide_peek(&head, code->co_linetable, sizeof head) ||
        head.ob_size < 0 || head.ob_size > TABLE_MAX)
        return 0;
    const char *bytes = (const char *)code->co_linetable;
    table t = {.from = (const unsigned char *)bytes +
                       offsetof(PyBytesObject, ob_sval),
               .left = (size_t)head.ob_size};
    int line = code->co_firstlineno, first;
    long end = 0;
    while ((first = next_byte(&t)) >= 0) {
        if (!(first & 128))
            continue;
        line += line_step(&t, (first >> 3) & 15);
        end += 2 * ((first & 7) + 1);
        if (at < end)
            return line;
    }
    return 0;
}

/* -- text ----------------------------------------------------------------- */

typedef struct text {
    char *out;
    size_t size, used;
} text;

static void
add(text *x, const char *s)
{
    while (*s && x->used < x->size)
        x->out[x->used++] = *s++;
}

static void
add_number(text *x, int n)
{
    char digits[12];
    size_t i = sizeof digits;
    unsigned left = n < 0 ? 0 : (unsigned)n;
    digits[--i] = 0;
    do
        digits[--i] = (char)('0' + left % 10);
    while (left /= 10);
    add(x, digits + i);
}

static void
add_character(text *x, uint32_t c)
{
    char s[5] = {0};
    if (c < 0x80) {
        s[0] = (char)(c < ' ' ? '?' : c);
    } else if (c < 0x800) {
        s[0] = (char)(0xC0 | c >> 6);
        s[1] = (char)(0x80 | (c & 63));
    } else if (c < 0x10000) {
        s[0] = (char)(0xE0 | c >> 12);
        s[1] = (char)(0x80 | (c >> 6 & 63));
        s[2] = (char)(0x80 | (c & 63));
    } else {
        s[0] = (char)(0xF0 | (c >> 18 & 7));
        s[1] = (char)(0x80 | (c >> 12 & 63));
        s[2] = (char)(0x80 | (c >> 6 & 63));
        s[3] = (char)(0x80 | (c & 63));
    }
    add(x, s);
}

/* A str of the compact form, as names and file names are. */
static void
add_str(text *x, PyObject *str)
{
    enum { MOST = 240 };
    PyASCIIObject head;
    uint32_t wide[MOST];
    if (!bide_peek(&head, str, sizeof head) || head.length < 0 ||
        !head.state.compact)
        return add(x, "?");
    size_t n = head.length < MOST ? (size_t)head.length : MOST;
    size_t kind = head.state.kind == 1 || head.state.kind == 2
                      ? (size_t)head.state.kind
                      : 4;
    const char *data =
        (const char *)str + (head.state.ascii ? sizeof(PyASCIIObject)
                                              : sizeof(PyCompactUnicodeObject));
    if (!bide_peek(wide, data, n * kind))
        return add(x, "?");
    for (size_t i = 0; i < n; i++)
        add_character(x, kind == 1   ? ((const uint8_t *)wide)[i]
                         : kind == 2 ? ((const uint16_t *)wide)[i]
                                     : wide[i]);
}

static bool
add_frame(text *x, const frame *f)
{
    PyObject *at = code_of(f);
    PyCodeObject code;
    if (!bide_peek(&code, at, sizeof code) ||
        Py_TYPE((PyObject *)&code) != &PyCode_Type)
        return false;
    const char *start =
        (const char *)at + offsetof(PyCodeObject, co_code_adaptive);
    add(x, "  File \"");
    add_str(x, code.co_filename);
    add(x, "\", line ");
    add_number(x, line_at(&code, (long)(instruction_of(f) - start)));
    add(x, ", in ");
    add_str(x, code.co_name);
    add(x, "\n");
    return true;
}

size_t
bidepy_frames_write(PyThreadState *thread, const void *base, char *out,
                    size_t size)
{
    text x = {out, size, 0};
    const frame *at = peek_innermost(thread);
    frame f;
    for (int n = 0; at && at != base && n < FRAMES_MAX; n++, at = f.previous) {
        size_t before = x.used;
        if (!bide_peek(&f, at, sizeof f))
            break;
        if (is_shim(&f))
            continue;
        if (!add_frame(&x, &f))
            break;
        if (x.used == x.size) { /* half a line */
            x.used = before;
            break;
        }
    }
    return x.used;
}
