/* Sums, copies, accumulation and the ReLU behind them. */
#include "op_fixture.h"
#include <float.h>
#include <math.h>

typedef struct add_run {
    const wn_ops *ops;
    wn_add_args args;
} add_run;

static void call_add(const void *context, int phase, int tid, int threads) {
    (void)phase;
    const add_run *run = context;
    run->ops->add(&run->args, tid, threads);
}

static void check_add(const wn_ops *ops, const char *what, op_shape s, bool two, bool accumulate, bool relu,
                      bool in_place) {
    ref_tensor a = ref_create(s.n, s.c, s.h, s.w), b = ref_create(s.n, s.c, s.h, s.w);
    ref_tensor y = ref_create(s.n, s.c, s.h, s.w), bound = ref_create(s.n, s.c, s.h, s.w);
    op_tensor first = op_create(s.n, s.c, s.h, s.w, 1, 0), second = op_create(s.n, s.c, s.h, s.w, 0, 0);
    op_tensor apart = op_create(s.n, s.c, s.h, s.w, 2, 1), *sum = in_place ? &first : &apart;
    op_random(&a, -1, 1);
    op_write(&first, &a);
    op_random(&b, -1, 1);
    op_write(&second, &b);
    if (accumulate) {
        op_random(&y, -1, 1);
        op_write(&apart, &y);
    }
    for (long i = 0; i < ref_count(&y); i++) { /* two sums, half an epsilon each */
        double parts = fabs(y.data[i]) + fabs(a.data[i]) + (two ? fabs(b.data[i]) : 0);
        bound.data[i] = two || accumulate ? FLT_EPSILON * parts : 0;
    }
    ref_add(&a, &y);
    if (two)
        ref_add(&b, &y);
    if (relu)
        ref_relu_forward(&y, &y);
    add_run run = {ops, {.a = first.view, .y = sum->view, .accumulate = accumulate, .relu = relu}};
    if (two)
        run.args.b = second.view;
    op_run(what, call_add, &run, 1, (op_region[]){op_region_of(sum)}, 1);
    op_check(what, sum, &y, bound.data);
    op_destroy(&first);
    op_destroy(&second);
    op_destroy(&apart);
    ref_destroy(&a);
    ref_destroy(&b);
    ref_destroy(&y);
    ref_destroy(&bound);
}

int main(void) {
    op_seed(check_seed());
    for (int isa = 0; op_table(isa); isa++)
        for (const op_shape *s = op_shapes; s->n; s++)
            for (int flags = 0; flags < 16; flags++) {
                bool two = flags & 1, accumulate = flags & 2, relu = flags & 4, in_place = flags & 8;
                char what[96];
                snprintf(what, sizeof what, "%s %dx%dx%dx%d%s%s%s%s", wn_isa_name((wn_isa)isa), s->n, s->c,
                         s->h, s->w, two ? " two" : " one", accumulate ? " accumulate" : "",
                         relu ? " relu" : "", in_place ? " in place" : "");
                if (!(accumulate && in_place))
                    check_add(op_table(isa), what, *s, two, accumulate, relu, in_place);
            }
    return check_finish("check_add");
}
