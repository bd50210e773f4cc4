#include "support_tls.h"

#include <unistd.h>

#ifndef BIDE_CERTS
#define BIDE_CERTS "tests/certs.sh"
#endif

static char directory[64];

static const char *
in_directory(const char *name, const char *suffix)
{
    static char paths[4][128];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s%s", directory, name, suffix);
    return path;
}

bide_tls_context *
tls_make_context(bide_tls_config *g, const char *cert, const char *ca)
{
    bide_tls_context *c = NULL;
    char why[256];
    if (cert) {
        g->cert_file = in_directory(cert, ".pem");
        g->key_file = in_directory(cert, ".key");
    }
    if (ca)
        g->ca_file = in_directory(ca, ".pem");
    CHECK_INT(bide_tls_context_new(g, &c, why, sizeof why), 0);
    return c;
}

bide_tls_context *
tls_server_context(const char *cert)
{
    return tls_make_context(&(bide_tls_config){.server = true}, cert, NULL);
}

bide_tls_context *
tls_client_context(const char *ca)
{
    return tls_make_context(&(bide_tls_config){.server = false}, NULL, ca);
}

void
ends_begin_with(ends *e, bide_tls_context *client, bide_tls_context *server)
{
    memset(e, 0, sizeof *e);
    world_begin_real(&e->wd);
    e->contexts[0] = client;
    e->contexts[1] = server;
    e->host = "localhost";
    CHECK_INT(bide_stream_pair(e->wd.loop, e->under), 0);
}

void
ends_begin(ends *e)
{
    ends_begin_with(e, tls_client_context("ca"), tls_server_context("server"));
}

void
ends_end(ends *e)
{
    for (int i = 0; i < 2; i++) {
        bide_stream_unref(e->tls[i]);
        bide_stream_unref(e->under[i]);
        bide_tls_context_unref(e->contexts[i]);
    }
    free(e->data);
    world_end(&e->wd);
}

/* Puts TLS on both ends; they are `tls` from then on. */
void
ends_start(ends *e)
{
    CHECK_INT(bide_tls_start_client(e->under[0], e->contexts[0], e->host, NULL,
                                    0, &e->tls[0]),
              0);
    CHECK_INT(bide_tls_start_server(e->under[1], e->contexts[1], &e->tls[1]),
              0);
    e->under[0] = e->under[1] = NULL;
}

void
ends_play(ends *e, actor_body one, actor_body other)
{
    actor *a = actor_spawn(&e->wd, "client", one, e);
    actor *b = other ? actor_spawn(&e->wd, "server", other, e) : NULL;
    world_run(&e->wd);
    CHECK(a->over && (!b || b->over));
    ends_end(e);
}

int
tls_make_certificates(void **state)
{
    char command[256];
    (void)state;
    strcpy(directory, "/tmp/bide-tls-XXXXXX");
    if (!mkdtemp(directory))
        return -1;
    snprintf(command, sizeof command, "%s %s", BIDE_CERTS, directory);
    return system(command) == 0 ? 0 : -1;
}

int
tls_remove_certificates(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -r %s", directory);
    return system(command) == 0 ? 0 : -1;
}
