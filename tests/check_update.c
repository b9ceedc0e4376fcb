/* SGD, Adam and RMSprop over several steps, each step from the same f32 state as the reference's. */
#include "arena.h"
#include "op_fixture.h"
#include <float.h>
#include <math.h>

typedef void update_kernel(const wn_update_args *, int tid, int nthreads);
typedef struct update_run {
    update_kernel *kernel;
    wn_update_args args;
} update_run;

static void call_update(const void *context, int phase, int tid, int threads) {
    (void)phase;
    const update_run *run = context;
    run->kernel(&run->args, tid, threads);
}

/* f32 and f64 copies of one array. */
typedef struct twin {
    float *single;
    ref_tensor wide, bound;
} twin;

static twin twin_create(int used, int count, double low, double high) {
    twin t = {wn_calloc64((size_t)count * sizeof(float)), ref_create(1, count, 1, 1),
              ref_create(1, count, 1, 1)};
    for (int i = 0; i < used; i++)
        t.single[i] = (float)(t.wide.data[i] = op_random_value(low, high));
    return t;
}

static void twin_destroy(twin *t) {
    free(t->single);
    ref_destroy(&t->wide);
    ref_destroy(&t->bound);
}

/* The reference starts every step from what the kernel left, so that bounds hold for one step. */
static void twin_sync(twin *t) {
    for (int i = 0; i < t->wide.c; i++)
        t->wide.data[i] = (double)t->single[i];
}

static op_region twin_region(const twin *t) {
    return (op_region){t->single, (size_t)t->wide.c * sizeof(float)};
}

static void check_sgd(const wn_ops *ops, const char *what, int used, int count, const wn_hyper *hyper,
                      bool momentum) {
    twin weights = twin_create(used, count, -1, 1), gradient = twin_create(used, count, -1, 1);
    twin moment = twin_create(0, count, 0, 0);
    wn_hyper now = *hyper;
    update_run run = {ops->sgd,
                      {.weights = weights.single,
                       .gradient = gradient.single,
                       .moment1 = momentum ? moment.single : NULL,
                       .count = count,
                       .hyper = &now}};
    ref_update reference = {.lr = (double)now.lr,
                            .momentum = (double)now.momentum,
                            .weight_decay = (double)now.weight_decay,
                            .nesterov = now.nesterov};
    for (now.step = 1; now.step <= 3; now.step++) {
        twin_sync(&weights);
        twin_sync(&moment);
        for (int i = 0; i < count;
             i++) { /* the parts of a sum lose up to half an epsilon in each operation */
            double velocity = fabs(gradient.wide.data[i]) +
                              fabs((double)now.weight_decay * weights.wide.data[i]) +
                              fabs((double)now.momentum * moment.wide.data[i]);
            moment.bound.data[i] = 2 * FLT_EPSILON * velocity;
            weights.bound.data[i] =
                FLT_EPSILON * (fabs(weights.wide.data[i]) + 4 * (double)now.lr * velocity);
        }
        ref_sgd(&reference, count, weights.wide.data, gradient.wide.data, momentum ? moment.wide.data : NULL);
        op_run(what, call_update, &run, 1, (op_region[]){twin_region(&weights), twin_region(&moment)}, 2);
        op_check_array(what, weights.single, weights.wide.data, used, count, weights.bound.data);
        op_check_array(what, moment.single, moment.wide.data, used, count, moment.bound.data);
    }
    twin_destroy(&weights);
    twin_destroy(&gradient);
    twin_destroy(&moment);
}

static void check_adam(const wn_ops *ops, const char *what, int used, int count, const wn_hyper *hyper) {
    twin weights = twin_create(used, count, -1, 1), gradient = twin_create(used, count, -1, 1);
    twin first = twin_create(0, count, 0, 0), second = twin_create(0, count, 0, 0);
    wn_hyper now = *hyper;
    update_run run = {ops->adam,
                      {.weights = weights.single,
                       .gradient = gradient.single,
                       .moment1 = first.single,
                       .moment2 = second.single,
                       .count = count,
                       .hyper = &now}};
    ref_update reference = {.lr = (double)now.lr,
                            .weight_decay = (double)now.weight_decay,
                            .beta1 = (double)now.beta1,
                            .beta2 = (double)now.beta2,
                            .eps = (double)now.eps,
                            .decoupled_decay = now.decoupled_decay};
    for (now.step = 1; now.step <= 4; now.step++) {
        reference.step = now.step;
        twin_sync(&weights);
        twin_sync(&first);
        twin_sync(&second);
        for (int i = 0; i < count; i++) {
            double g = fabs(gradient.wide.data[i]) + fabs((double)now.weight_decay * weights.wide.data[i]);
            first.bound.data[i] = 4 * FLT_EPSILON * (fabs(first.wide.data[i]) + g);
            second.bound.data[i] = 8 * FLT_EPSILON * (second.wide.data[i] + g * g);
        }
        ref_adam(&reference, count, weights.wide.data, gradient.wide.data, first.wide.data, second.wide.data);
        for (int i = 0; i < count; i++) {
            double correction1 = 1 - pow((double)now.beta1, (double)now.step);
            double correction2 = 1 - pow((double)now.beta2, (double)now.step);
            double root = sqrt(second.wide.data[i] / correction2);
            /* the first moment's error and that of the quotient's few operations, the root's error, the sum's
             */
            weights.bound.data[i] =
                FLT_EPSILON * (2 + fabs(weights.wide.data[i])) * (i < used) +
                (double)now.lr / (root + (double)now.eps) *
                    ((first.bound.data[i] + 4 * FLT_EPSILON * fabs(first.wide.data[i])) / correction1 +
                     fabs(first.wide.data[i]) / correction1 * second.bound.data[i] /
                         (second.wide.data[i] + 1e-30));
        }
        op_run(what, call_update, &run, 1,
               (op_region[]){twin_region(&weights), twin_region(&first), twin_region(&second)}, 3);
        op_check_array(what, first.single, first.wide.data, used, count, first.bound.data);
        op_check_array(what, second.single, second.wide.data, used, count, second.bound.data);
        op_check_array(what, weights.single, weights.wide.data, used, count, weights.bound.data);
    }
    twin_destroy(&weights);
    twin_destroy(&gradient);
    twin_destroy(&first);
    twin_destroy(&second);
}

static void check_rmsprop(const wn_ops *ops, const char *what, int used, int count, const wn_hyper *hyper,
                          bool momentum) {
    twin weights = twin_create(used, count, -1, 1), gradient = twin_create(used, count, -1, 1);
    twin velocity = twin_create(0, count, 0, 0), second = twin_create(0, count, 0, 0);
    wn_hyper now = *hyper;
    update_run run = {ops->rmsprop,
                      {.weights = weights.single,
                       .gradient = gradient.single,
                       .moment1 = momentum ? velocity.single : NULL,
                       .moment2 = second.single,
                       .count = count,
                       .hyper = &now}};
    ref_update reference = {.lr = (double)now.lr,
                            .momentum = (double)now.momentum,
                            .weight_decay = (double)now.weight_decay,
                            .beta2 = (double)now.beta2,
                            .eps = (double)now.eps};
    for (now.step = 1; now.step <= 4; now.step++) {
        twin_sync(&weights);
        twin_sync(&velocity);
        twin_sync(&second);
        for (int i = 0; i < count; i++) {
            double g = fabs(gradient.wide.data[i]) + fabs((double)now.weight_decay * weights.wide.data[i]);
            second.bound.data[i] = 8 * FLT_EPSILON * (second.wide.data[i] + g * g);
            /* the gradient's error over the root, kept for below */
            velocity.bound.data[i] = 4 * FLT_EPSILON * g;
            weights.bound.data[i] = FLT_EPSILON * fabs((double)now.momentum * velocity.wide.data[i]);
        }
        ref_rmsprop(&reference, count, weights.wide.data, gradient.wide.data,
                    momentum ? velocity.wide.data : NULL, second.wide.data);
        for (int i = 0; i < used; i++) {
            double root = sqrt(second.wide.data[i]) + (double)now.eps;
            /* the quotient is off by the gradient's error and by half the relative error of its square */
            double quotient = velocity.bound.data[i] / root + 1 / root * second.bound.data[i] / root;
            velocity.bound.data[i] =
                quotient + weights.bound.data[i] + FLT_EPSILON * fabs(velocity.wide.data[i]);
            weights.bound.data[i] =
                FLT_EPSILON * fabs(weights.wide.data[i]) + (double)now.lr * 2 * velocity.bound.data[i];
        }
        op_run(what, call_update, &run, 1,
               (op_region[]){twin_region(&weights), twin_region(&velocity), twin_region(&second)}, 3);
        op_check_array(what, second.single, second.wide.data, used, count, second.bound.data);
        op_check_array(what, velocity.single, velocity.wide.data, used, count, velocity.bound.data);
        op_check_array(what, weights.single, weights.wide.data, used, count, weights.bound.data);
    }
    twin_destroy(&weights);
    twin_destroy(&gradient);
    twin_destroy(&velocity);
    twin_destroy(&second);
}

int main(void) {
    op_seed(check_seed());
    static const int counts[] = {16, 48, 112, 1040};
    for (int isa = 0; op_table(isa); isa++)
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
            for (int variant = 0; variant < 4; variant++) {
                wn_hyper hyper = {
                    .lr = 0.05f, .momentum = 0.9f, .beta1 = 0.9f, .beta2 = 0.999f, .eps = 1e-8f};
                int used = counts[i] - 5; /* the rest is padding: weights and gradients zero */
                char what[96];
                snprintf(what, sizeof what, "%s %d weights variant %d", wn_isa_name((wn_isa)isa), counts[i],
                         variant);
                hyper.weight_decay = variant & 1 ? 0.01f : 0.0f;
                hyper.decoupled_decay = variant & 2;
                check_sgd(op_table(isa), what, used, counts[i], &hyper, variant & 2);
                hyper.nesterov = true;
                check_sgd(op_table(isa), what, used, counts[i], &hyper, variant & 2);
                check_adam(op_table(isa), what, used, counts[i], &hyper);
                check_rmsprop(op_table(isa), what, used, counts[i], &hyper, variant & 2);
            }
    return check_finish("check_update");
}
