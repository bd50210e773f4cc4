/* count_words.c - files: writes some, then counts the words of all that a
 * directory holds, several files at a time, and is told when one changes.
 *
 * Reading a directory, a file and waiting for a change are waits like any
 * other: while a thread reads, the other tasks go on. What a file's read has
 * granted lies in the file's own buffer until it is consumed.
 */
#include "task.h"

#include <fcntl.h>
#include <string.h>

enum { FILES = 8, PATH = 256 };

typedef struct count {
    char folder[PATH / 2];
    int files, words;
} count;

static const char *
path_of(const count *c, const char *name, char out[PATH])
{
    snprintf(out, PATH, "%s/%s", c->folder, name);
    return out;
}

/* -- counting one file ---------------------------------------------------- */

typedef struct reader {
    task task;
    count *count;
    bide_file *file;
    bool inside; /* a word */
    char path[PATH];
} reader;

static size_t
count_words(reader *r)
{
    size_t len = r->task.wait.u.io.len, have;
    const char *text = bide_file_data(r->file, &have);
    for (size_t i = 0; i < len; i++) {
        bool letter = text[i] > ' ';
        r->count->words += letter && !r->inside;
        r->inside = letter;
    }
    return len;
}

static void
read_file(task *t)
{
    reader *r = (reader *)t;
    BEGIN(t);
    AWAIT(t, bide_file_open(r->path, O_RDONLY, 0, &t->wait));
    must(t->status, r->path);
    r->file = t->wait.value.as.ptr;
    do {
        AWAIT(t, bide_file_read(r->file, 65536, &t->wait));
        must(t->status, r->path);
        bide_file_consume(r->file, count_words(r));
    } while (t->wait.u.io.len > 0);
    AWAIT(t, bide_file_close(r->file, &t->wait));
    bide_file_unref(r->file);
    r->count->files++;
    END(t);
}

/* -- the directory -------------------------------------------------------- */

typedef struct walker {
    task task;
    bide_loop *loop;
    count *count;
    bide_directory *directory;
    bide_changes *changes;
    int i;
    char path[PATH];
} walker;

static const char *
nth(walker *w, int i)
{
    char name[32];
    snprintf(name, sizeof name, "part-%d.txt", i);
    return path_of(w->count, name, w->path);
}

static void
make_folder(task *t)
{
    static const char text[] = "one two\nthree four five\n";
    walker *w = (walker *)t;
    BEGIN(t);
    AWAIT(t, bide_fs_temp("/tmp/bide-words-", true, &t->wait));
    must(t->status, "bide_fs_temp");
    snprintf(w->count->folder, sizeof w->count->folder, "%s",
             (char *)t->wait.value.as.ptr);
    bide_fs_free(t->wait.value.as.ptr);
    for (w->i = 0; w->i < FILES; w->i++) {
        AWAIT(t, bide_fs_write_file(nth(w, w->i), text, sizeof text - 1,
                                    BIDE_FS_WRITE, 0600, &t->wait));
        must(t->status, "bide_fs_write_file");
    }
    END(t);
}

/* A task for each file among the entries that were read. */
static size_t
start_readers(walker *w)
{
    bide_entry *list = w->task.wait.value.as.ptr;
    size_t n = w->task.wait.u.count;
    for (size_t i = 0; i < n; i++) {
        if (list[i].type != 'f')
            continue;
        reader *r = task_new(w->loop, NULL, "reader", sizeof *r, read_file);
        r->count = w->count;
        path_of(w->count, list[i].name, r->path);
    }
    bide_fs_free(list);
    return n;
}

static void
walk(task *t)
{
    walker *w = (walker *)t;
    BEGIN(t);
    AWAIT(t, bide_directory_open(w->count->folder, &t->wait));
    must(t->status, "bide_directory_open");
    w->directory = t->wait.value.as.ptr;
    do { /* a directory of any size, some entries at a time */
        AWAIT(t, bide_directory_next(w->directory, 256, &t->wait));
        must(t->status, "bide_directory_next");
    } while (start_readers(w) > 0);
    bide_directory_unref(w->directory);
    END(t);
}

/* -- what changes --------------------------------------------------------- */

static void
print_changes(bide_change *chain)
{
    for (bide_change *one = chain; one; one = one->next)
        printf("%s: %s%s%s\n", bide_change_name(one->kind),
               one->old_name ? one->old_name : "", one->old_name ? " -> " : "",
               one->name);
    bide_changes_free(chain);
}

static void
watch(task *t)
{
    walker *w = (walker *)t;
    char to[PATH];
    BEGIN(t);
    AWAIT(t, bide_fs_watch(w->count->folder, &t->wait));
    if (t->status) /* not every machine lets one watch */
        printf("%s\n", bide_fs_watch_strerror(t->status));
    if (t->status == 0) {
        w->changes = t->wait.value.as.ptr;
        AWAIT(t, bide_fs_rename(nth(w, 0), path_of(w->count, "renamed.txt", to),
                                &t->wait));
        must(t->status, "bide_fs_rename");
        AWAIT(t, bide_changes_recv(w->changes, 16, &t->wait));
        must(t->status, "bide_changes_recv");
        print_changes(t->wait.value.as.ptr);
        bide_changes_close(w->changes);
        bide_changes_unref(w->changes);
    }
    AWAIT(t, bide_fs_remove_tree(w->count->folder, &t->wait));
    must(t->status, "bide_fs_remove_tree");
    END(t);
}

/* Runs a task, and those that it starts, to their ends. */
static void
run(bide_loop *loop, count *c, const char *name, void (*body)(task *t))
{
    walker *w = task_new(loop, NULL, name, sizeof *w, body);
    w->loop = loop;
    w->count = c;
    must(bide_loop_run(loop, NULL), name);
}

int
main(void)
{
    bide_loop *loop;
    count c = {.files = 0, .words = 0};
    must(bide_loop_new(NULL, &loop), "bide_loop_new");
    run(loop, &c, "make", make_folder);
    run(loop, &c, "walk", walk);
    printf("%d files, %d words\n", c.files, c.words);
    run(loop, &c, "watch", watch);
    must(bide_loop_close(loop, BIDE_FOREVER, NULL, NULL), "bide_loop_close");
    bide_loop_unref(loop);
    return c.files == FILES && c.words == 5 * FILES ? 0 : 1;
}
