/* Dropout: the mask of the counter-based generator, in both directions, for any layout and number of threads.
 */
#include "op_fixture.h"
#include "random.h"
#include <float.h>
#include <math.h>

typedef struct dropout_run {
    const wn_ops *ops;
    wn_dropout_args args;
} dropout_run;

static void call_dropout(const void *context, int phase, int tid, int threads) {
    (void)phase;
    const dropout_run *run = context;
    run->ops->dropout(&run->args, tid, threads);
}

static void check_dropout(const wn_ops *ops, const char *what, op_shape s, float p, int64_t step,
                          bool accumulate, bool in_place) {
    ref_dropout reference = {.p = p, .seed = 77, .stream = WN_STREAM_DROPOUT + (3 << 8), .step = step};
    ref_tensor x = ref_create(s.n, s.c, s.h, s.w), y = ref_create(s.n, s.c, s.h, s.w);
    ref_tensor bound = ref_create(s.n, s.c, s.h, s.w);
    op_tensor from = op_create(s.n, s.c, s.h, s.w, 0, 1), apart = op_create(s.n, s.c, s.h, s.w, 1, 0);
    op_tensor *to = in_place ? &from : &apart;
    op_random(&x, -1, 1);
    op_write(&from, &x);
    if (accumulate) {
        op_random(&y, -1, 1);
        op_write(&apart, &y);
    }
    /* dropped values are exact; 1 - p, its reciprocal, the product and a sum are rounded */
    ref_dropout_add(&reference, &x, &y);
    for (long i = 0; i < ref_count(&y); i++)
        bound.data[i] =
            2 * FLT_EPSILON * (y.data[i] == 0 ? 0 : fabs(y.data[i]) + fabs(x.data[i]) / (1 - (double)p));
    dropout_run run = {ops,
                       {.x = from.view,
                        .y = to->view,
                        .p = p,
                        .seed = reference.seed,
                        .stream = reference.stream,
                        .step = &step,
                        .accumulate = accumulate}};
    op_run(what, call_dropout, &run, 1, (op_region[]){op_region_of(to)}, 1);
    op_check(what, to, &y, bound.data);
    op_destroy(&from);
    op_destroy(&apart);
    ref_destroy(&x);
    ref_destroy(&y);
    ref_destroy(&bound);
}

/* Twenty thousand draws: the share of zeros is within five standard deviations of p. */
static void check_share(const wn_ops *ops, const char *isa, float p) {
    op_tensor t = op_create(4, 50, 10, 10, 0, 0);
    ref_tensor ones = ref_create(4, 50, 10, 10);
    int64_t step = 12345;
    for (long i = 0; i < ref_count(&ones); i++)
        ones.data[i] = 1;
    op_write(&t, &ones);
    dropout_run run = {ops, {.x = t.view, .y = t.view, .p = p, .seed = 5, .stream = 3, .step = &step}};
    op_run(isa, call_dropout, &run, 1, (op_region[]){op_region_of(&t)}, 1);
    double kept = 0, draws = (double)ref_count(&ones), want = 1 - (double)p;
    for (long i = 0; i < t.floats; i++)
        kept += t.memory[i] != 0;
    CHECK(fabs(kept / draws - want) <= 5 * sqrt(want * (double)p / draws), "%s: %.4f kept with p = %g", isa,
          kept / draws, (double)p);
    op_destroy(&t);
    ref_destroy(&ones);
}

int main(void) {
    op_seed(check_seed());
    static const float shares[] = {0, 0.1f, 0.5f, 0.75f, 1};
    for (int isa = 0; op_table(isa); isa++)
        for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
            check_share(op_table(isa), wn_isa_name((wn_isa)isa), shares[i]);
            for (const op_shape *s = op_shapes; s->n; s++)
                for (int variant = 0; variant < 3; variant++) {
                    char what[96];
                    snprintf(what, sizeof what, "%s %dx%dx%dx%d p %g variant %d", wn_isa_name((wn_isa)isa),
                             s->n, s->c, s->h, s->w, (double)shares[i], variant);
                    int64_t step = variant == 0 ? 0 : (int64_t)1 << (20 * variant);
                    check_dropout(op_table(isa), what, *s, shares[i], step, variant == 1, variant == 2);
                }
        }
    return check_finish("check_dropout");
}
