/* bide.metrics and what bide.stats() reads: what the runtimes measured. */
#include "bidepy.h"

/* Takes a lock for a moment, waits for nothing. */
static PyObject *
text_of(PyObject *module, int (*write)(char **out))
{
    char *text;
    int rc = write(&text);
    if (rc)
        return bidepy_raise(bidepy_of_module(module), rc, NULL);
    PyObject *result =
        PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
    bide_dump_free(text);
    return result;
}

PyDoc_STRVAR(stats_doc, "_stats($module, /)\n--\n\nstats() as JSON.");

static PyObject *
stats(PyObject *module, PyObject *Py_UNUSED(none))
{
    return text_of(module, bide_stats_text);
}

PyDoc_STRVAR(metrics_doc,
             "metrics($module, /)\n--\n\n"
             "What stats() says as text for Prometheus (OpenMetrics 1.0): a "
             "str. Any thread.\n\n"
             "Serve it as application/openmetrics-text; version=1.0.0; "
             "charset=utf-8.");

static PyObject *
metrics(PyObject *module, PyObject *Py_UNUSED(none))
{
    return text_of(module, bide_metrics);
}

PyMethodDef bidepy_stats_functions[] = {
    {"_stats", stats, METH_NOARGS, stats_doc},
    {"metrics", metrics, METH_NOARGS, metrics_doc},
    {NULL, NULL, 0, NULL}};
