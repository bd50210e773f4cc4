/* support_model.h - a primitive against a naive reference, with operations
 * drawn from a seed.
 *
 * A crew of tasks, the hands, does one operation at a time as the driver tells
 * them. The test supplies the operations (submit) and a reference that
 * foretells what ends: the rig compares after each step. A hand whose operation
 * has not ended is blocked, and the driver may only cancel it.
 */
#ifndef BIDE_TEST_SUPPORT_MODEL_H
#define BIDE_TEST_SUPPORT_MODEL_H

#include "support.h"

enum { CREW = 6, OP_CANCEL = -1, OP_REST = -2 };

typedef struct rig rig;

typedef struct model {
    const char *name;
    /** Makes the object (rig.object) and the reference's first state. */
    int (*make)(rig *r);
    void (*drop)(rig *r);
    /** Draws an operation (0 or more) for an idle hand. */
    int (*draw)(rig *r, int hand);
    /** Starts it; the wait is `w`. A status at once for what does not wait. */
    int (*submit)(rig *r, int hand, int op, bide_wait *w);
    /** The reference: rig_ends for each hand whose operation ends now, in
     * order; rig_blocks if this one's does not. OP_CANCEL: the hand, blocked
     * before, is cancelled. */
    void (*predict)(rig *r, int hand, int op);
    /** May be NULL: compares what can be read off the object. */
    void (*compare)(rig *r);
    /** May be NULL: at the end, what an idle hand has to do so that the blocked
     * ones can be cancelled; OP_REST: nothing. */
    int (*finish)(rig *r, int hand);
} model;

typedef struct hand {
    rig *rig;
    actor *actor;
    int index, op;
    bool ordered, quit; /* by the driver */
} hand;

typedef struct outcome {
    int hand, rc;
    int64_t value;
} outcome;

/** A blocked operation, in order of arrival. */
typedef struct blocked {
    int hand, op;
} blocked;

struct rig {
    world wd;
    const model *model;
    uint64_t seed, random;
    void *object, *object2;
    hand hands[CREW];
    bool is_blocked[CREW];
    blocked queue[CREW];
    int queued;
    outcome seen[4 * CREW], foretold[4 * CREW];
    int seen_count, foretold_count;
    bool in_order; /* the loop is FIFO: grants come in order */
    actor *driver;
    /* The reference's state, as each model likes. */
    int owner, count, flag, readers;
    int64_t numbers[64];
    int64_t next;
    char log[64 * 64];
    size_t logged;
};

void rig_ends(rig *r, int hand, int rc);
/** With a value that is compared too. */
void rig_ends_with(rig *r, int hand, int rc, int64_t value);
void rig_blocks(rig *r, int hand, int op);

/** Takes the i-th blocked operation, or a hand's, out of the queue. */
blocked rig_unblock(rig *r, int i);
blocked rig_unblock_hand(rig *r, int hand);

/** Runs the model with seeds 1..20 or BIDE_SEED's. */
void model_run(const model *m);

#endif
