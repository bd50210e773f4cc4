#include "sync.h"

#include <string.h>

/* -- life ----------------------------------------------------------------- */

void *
bidepy_primitive_new(PyTypeObject *type, size_t size, PyObject *name)
{
    bidepy_primitive *self = bidepy_alloc(bidepy_of_type(type), type, NULL);
    if (!self)
        return NULL;
    memset((char *)self + sizeof(bidepy_object), 0,
           size - sizeof(bidepy_object));
    if (bidepy_label_init(&self->label, name) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    return self;
}

PyObject *
bidepy_primitive_made(void *self, int rc)
{
    if (rc < 0) {
        bidepy_raise(((bidepy_primitive *)self)->st, rc, NULL);
        Py_DECREF(self);
        return NULL;
    }
    PyObject_GC_Track(self);
    return self;
}

void
bidepy_primitive_clear(void *self)
{
    bidepy_primitive *p = self;
    PyObject_GC_UnTrack(self);
    if (p->weakrefs)
        PyObject_ClearWeakRefs(self);
}

void
bidepy_primitive_free(void *self)
{
    bidepy_primitive *p = self;
    bidepy_unbind(&p->loop);
    bidepy_label_clear(&p->label);
    bidepy_free(self, NULL);
}

int
bidepy_primitive_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    return 0;
}

PyMemberDef bidepy_primitive_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(bidepy_primitive, weakrefs),
     READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

/* -- words ---------------------------------------------------------------- */

PyObject *
bidepy_primitive_name(PyObject *self, void *closure)
{
    (void)closure;
    return bidepy_label_name(&((bidepy_primitive *)self)->label);
}

static const char *
short_name(const char *dotted)
{
    const char *dot = strrchr(dotted, '.');
    return dot ? dot + 1 : dotted;
}

PyObject *
bidepy_primitive_title(const void *self)
{
    const bidepy_primitive *p = self;
    const char *type = short_name(Py_TYPE((PyObject *)self)->tp_name);
    if (p->label.name)
        return PyUnicode_FromFormat("%s %R", type, p->label.name);
    if (!p->label.site.file)
        return PyUnicode_FromString(type);
    return PyUnicode_FromFormat("%s (made at %s:%d)", type, p->label.site.file,
                                p->label.site.line);
}

PyObject *
bidepy_task_object(bide_task *t)
{
    if (!t || t->resume != bidepy_task_resume)
        Py_RETURN_NONE;
    return Py_NewRef((PyObject *)bidepy_task_of(t));
}

PyObject *
bidepy_task_title(bide_task *t)
{
    if (!t)
        return PyUnicode_FromString("no task");
    if (t->resume != bidepy_task_resume)
        return PyUnicode_FromFormat("task '%s'", t->name ? t->name : "?");
    PyObject *name = bidepy_task_name(bidepy_task_of(t));
    return name ? PyUnicode_FromFormat("task %R", name) : NULL;
}

PyObject *
bidepy_raise_deadlock(bidepy_op *op)
{
    char few[1024], *text = few;
    size_t size = bide_wait_explain(&op->wait, few, sizeof few) + 1;
    if (size > sizeof few && (text = PyMem_Malloc(size)))
        bide_wait_explain(&op->wait, text, size);
    bidepy_raise(op->st, BIDE_EDEADLOCK, "a deadlock: %s", text ? text : few);
    if (text != few)
        PyMem_Free(text);
    return NULL;
}

void
bidepy_task_describe(bide_task *t, char *out, size_t size)
{
    PyObject *title = bidepy_task_title(t);
    const char *text = title ? PyUnicode_AsUTF8(title) : NULL;
    if (!text)
        PyErr_Clear();
    PyOS_snprintf(out, size, "%s", text ? text : "a task");
    Py_XDECREF(title);
}

/* -- where we are --------------------------------------------------------- */

int
bidepy_primitive_bind(void *self, const char *what)
{
    bidepy_primitive *p = self;
    if (p->loop == bide_loop_current())
        return 0;
    PyObject *title = bidepy_primitive_title(p);
    const char *text = title ? PyUnicode_AsUTF8(title) : NULL;
    if (!text)
        PyErr_Clear();
    int rc = bidepy_bind(p->st, &p->loop, text ? text : what);
    Py_XDECREF(title);
    return rc;
}

bide_task *
bidepy_primitive_task(void *self, const char *what, const char *method)
{
    bidepy_primitive *p = self;
    bidepy_task *t = bidepy_task_here(p->st);
    if (!t) {
        bidepy_raise_no_task(p->st, method);
        return NULL;
    }
    if (p->loop != t->task.loop && bidepy_primitive_bind(p, what) < 0)
        return NULL;
    return &t->task;
}

PyObject *
bidepy_call_helper(const char *module, const char *function, PyObject *first,
                   PyObject *second)
{
    PyObject *m = PyImport_ImportModule(module);
    if (!m)
        return NULL;
    PyObject *f = PyObject_GetAttrString(m, function);
    Py_DECREF(m);
    if (!f)
        return NULL;
    PyObject *result = PyObject_CallFunctionObjArgs(f, first, second, NULL);
    Py_DECREF(f);
    return result;
}
