/* Softmax with cross-entropy: loss, hits and gradient, also where the numbers are extreme. */
#include "op_fixture.h"
#include <float.h>
#include <math.h>

typedef struct loss_run {
    const wn_ops *ops;
    wn_loss_args args;
} loss_run;

static void call_loss(const void *context, int phase, int tid, int threads) {
    const loss_run *run = context;
    run->ops->loss(&run->args, phase, tid, threads);
}

/* The exponentials have 1 ulp each (of at most 1), and their arguments x - max are rounded, which at a
 * distance d costs d half epsilons; both are relative to a probability. The loss is rounded once more. */
static void check_loss(const wn_ops *ops, const char *what, int images, int classes, double range,
                       float smoothing, bool training, bool in_place) {
    ref_tensor x = ref_create(images, classes, 1, 1), dx = ref_create(images, classes, 1, 1);
    ref_tensor bound = ref_create(images, classes, 1, 1);
    op_tensor logits = op_create(images, classes, 1, 1, 1, 0), apart = op_create(images, classes, 1, 1, 0, 1);
    op_tensor *gradient = in_place ? &logits : &apart;
    int32_t labels[64], hit[64];
    float losses[64];
    double loss = NAN;
    int64_t correct = -1, want_correct = 0;
    op_random(&x, -range, range);
    for (int n = 0; n < images; n++) {
        labels[n] = op_random_below(classes);
        if (n % 2) /* the label wins, so that probabilities near 1 occur */
            x.data[(long)n * classes + labels[n]] = range * 1.25;
        if (n % 3 == 0) /* ties */
            x.data[(long)n * classes + op_random_below(classes)] = x.data[(long)n * classes + labels[n]];
    }
    op_write(&logits, &x);
    double want = ref_loss(&x, labels, (double)smoothing, &dx, &want_correct);
    double relative = (3 + range) * 2 * FLT_EPSILON;
    for (long i = 0; i < ref_count(&dx); i++) /* plus the share that is subtracted when smoothing */
        bound.data[i] = relative * (fabs(dx.data[i]) + 2 * (double)smoothing / classes / images) + 1e-44;
    loss_run run = {ops,
                    {.logits = logits.view,
                     .labels = labels,
                     .smoothing = smoothing,
                     .sample_loss = losses,
                     .sample_hit = hit,
                     .loss = &loss,
                     .correct = &correct}};
    if (training)
        run.args.dlogits = gradient->view;
    op_run(what, call_loss, &run, 2,
           (op_region[]){op_region_of(gradient), {&loss, sizeof loss}, {&correct, sizeof correct}}, 3);
    CHECK(fabs(loss - want) <= relative * fabs(want) + 1e-44, "%s: loss %.9g, expected %.9g", what, loss,
          want);
    CHECK(correct == want_correct, "%s: %" PRId64 " right, expected %" PRId64, what, correct, want_correct);
    if (training)
        op_check(what, gradient, &dx, bound.data);
    op_destroy(&logits);
    op_destroy(&apart);
    ref_destroy(&x);
    ref_destroy(&dx);
    ref_destroy(&bound);
}

/* One image of four classes. */
static double single_loss(const wn_ops *ops, const float values[4], int label, int64_t *correct) {
    float logits[16] __attribute__((aligned(64))) = {values[0], values[1], values[2], values[3]};
    int32_t labels[1] = {label}, hit[1];
    float losses[1];
    double loss;
    wn_loss_args args = {.logits = {logits, 1, 4, 1, 1, 16},
                         .labels = labels,
                         .sample_loss = losses,
                         .sample_hit = hit,
                         .loss = &loss,
                         .correct = correct};
    ops->loss(&args, 0, 0, 1);
    ops->loss(&args, 1, 0, 1);
    return loss;
}

static void check_special(const wn_ops *ops, const char *isa) {
    int64_t correct;
    double loss = single_loss(ops, (float[]){1e30f, 0, -1e30f, 3}, 0, &correct);
    CHECK(loss == 0 && correct == 1, "%s: a certain answer: loss %g, %d right", isa, loss, (int)correct);
    loss = single_loss(ops, (float[]){1000, 0, 0, 0}, 3, &correct);
    CHECK(fabs(loss - 1000) < 1e-3 && correct == 0, "%s: loss %.9g, expected 1000", isa, loss);
    loss = single_loss(ops, (float[]){2, 2, 2, 2}, 1, &correct);
    CHECK(fabs(loss - log(4)) < 1e-6 && correct == 0, "%s: among equals the first is the answer: loss %g",
          isa, loss);
    loss = single_loss(ops, (float[]){-INFINITY, 5, -INFINITY, 5}, 1, &correct);
    CHECK(fabs(loss - log(2)) < 1e-6 && correct == 1, "%s: excluded classes: loss %g", isa, loss);
    loss = single_loss(ops, (float[]){0, 1, NAN, 2}, 3, &correct);
    CHECK(isnan(loss), "%s: NaN among the logits: loss %g", isa, loss);
}

/* What PyTorch's cross_entropy(label_smoothing=0.1) says in double precision. */
static void check_torch(const wn_ops *ops, const char *isa) {
    float logits[2][16] __attribute__((aligned(64))) = {{1, 2, -1, 0.5F}, {0, -3, 4, 1}};
    static const double gradient[2][4] = {
        {0.09960390902410057, -0.15776998120056146, 0.002671614279708112, 0.055494457896752766},
        {-0.00393340087525784, -0.01207349414369638, 0.4552204642864745, -0.43921356926752025}};
    int32_t labels[2] = {1, 3}, hit[2];
    float losses[2];
    double loss;
    int64_t correct;
    wn_view view = {logits[0], 2, 4, 1, 1, 16};
    wn_loss_args args = {.logits = view,
                         .dlogits = view,
                         .smoothing = 0.1F,
                         .labels = labels,
                         .sample_loss = losses,
                         .sample_hit = hit,
                         .loss = &loss,
                         .correct = &correct};
    ops->loss(&args, 0, 0, 1);
    ops->loss(&args, 1, 0, 1);
    CHECK(fabs(loss - 1.8747095887887038) <= 1e-6, "%s: smoothed loss %.9g, PyTorch says %.9g", isa, loss,
          1.8747095887887038);
    for (int i = 0; i < 8; i++)
        CHECK(fabs((double)logits[i / 4][i % 4] - gradient[i / 4][i % 4]) <= 1e-7,
              "%s: smoothed gradient %d is %.9g, PyTorch says %.9g", isa, i, (double)logits[i / 4][i % 4],
              gradient[i / 4][i % 4]);
}

/* Mixed labels: loss and gradient are the mixture of those with either label, the hits are those of the first
 * ones; and the gradient is what small changes of the logits do to the loss. */
static void check_mixed(const wn_ops *ops, const char *isa, float smoothing) {
    enum { MIXED = 5, CLASSES = 18, ROW = 32 };
    static float logits[MIXED * ROW] __attribute__((aligned(64))),
        gradient[MIXED * ROW] __attribute__((aligned(64)));
    static const int32_t first[MIXED] = {3, 17, 0, 16, 5}, second[MIXED] = {9, 2, 0, 17, 4};
    static const float shares[MIXED] = {0.75F, 0.5F, 0.6F, 1, 0.875F};
    ref_tensor x = ref_create(MIXED, CLASSES, 1, 1), a = ref_create(MIXED, CLASSES, 1, 1);
    ref_tensor b = ref_create(MIXED, CLASSES, 1, 1);
    int32_t hit[MIXED];
    float losses[MIXED];
    double loss, want = 0;
    int64_t correct, want_correct = 0;
    wn_loss_args args = {.logits = {logits, MIXED, CLASSES, 1, 1, ROW},
                         .dlogits = {gradient, MIXED, CLASSES, 1, 1, ROW},
                         .smoothing = smoothing,
                         .labels = first,
                         .others = second,
                         .shares = shares,
                         .sample_loss = losses,
                         .sample_hit = hit,
                         .loss = &loss,
                         .correct = &correct};
    op_random(&x, -3, 3);
    for (int n = 0; n < MIXED; n++)
        for (int c = 0; c < CLASSES; c++)
            logits[n * ROW + c] = (float)(x.data[n * CLASSES + c] = (double)(float)x.data[n * CLASSES + c]);
    ops->loss(&args, 0, 0, 1);
    ops->loss(&args, 1, 0, 1);
    ref_loss(&x, first, (double)smoothing, &a, &want_correct);
    ref_loss(&x, second, (double)smoothing, &b, NULL);
    for (int n = 0; n < MIXED; n++) {
        ref_tensor one = {.n = 1, .c = CLASSES, .h = 1, .w = 1, .data = x.data + n * CLASSES};
        double share = first[n] == second[n] ? 1 : (double)shares[n];
        want += (share * ref_loss(&one, &first[n], (double)smoothing, NULL, NULL) +
                 (1 - share) * ref_loss(&one, &second[n], (double)smoothing, NULL, NULL)) /
                MIXED;
        for (int c = 0; c < CLASSES; c++) {
            double target = share * a.data[n * CLASSES + c] + (1 - share) * b.data[n * CLASSES + c];
            CHECK(fabs((double)gradient[n * ROW + c] - target) < 2e-7,
                  "%s: mixed gradient of image %d, class %d: %.9g, expected %.9g", isa, n, c,
                  (double)gradient[n * ROW + c], target);
        }
    }
    CHECK(fabs(loss - want) < 1e-6 && correct == want_correct,
          "%s: mixed loss %.9g, expected %.9g; %d right, %d", isa, loss, want, (int)correct,
          (int)want_correct);
    args.dlogits.data = NULL;
    for (int n = 0; n < MIXED; n++)
        for (int c = 0; c < CLASSES; c++) {
            const float h = 0x1p-5F, at = logits[n * ROW + c];
            double around[2];
            for (int side = 0; side < 2; side++) {
                logits[n * ROW + c] = side ? at + h : at - h;
                ops->loss(&args, 0, 0, 1);
                ops->loss(&args, 1, 0, 1);
                around[side] = loss;
            }
            logits[n * ROW + c] = at;
            double slope = (around[1] - around[0]) / (2 * (double)h);
            CHECK(fabs(slope - (double)gradient[n * ROW + c]) < 5e-5,
                  "%s: image %d, class %d: the loss rises by %.9g, the gradient says %.9g", isa, n, c, slope,
                  (double)gradient[n * ROW + c]);
        }
    ref_destroy(&x);
    ref_destroy(&a);
    ref_destroy(&b);
}

int main(void) {
    op_seed(check_seed());
    static const int sizes[][2] = {{1, 1}, {3, 2}, {7, 10}, {33, 16}, {64, 17}, {5, 1000}, {9, 100}};
    static const double ranges[] = {0.001, 1, 10, 60};
    for (int isa = 0; op_table(isa); isa++) {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            for (size_t j = 0; j < sizeof ranges / sizeof *ranges; j++)
                for (int variant = 0; variant < 3; variant++) {
                    char what[96];
                    float smoothing = (i + j) % 2 ? 0.1F : 0;
                    snprintf(what, sizeof what, "%s %d images %d classes +-%g smoothing %g variant %d",
                             wn_isa_name((wn_isa)isa), sizes[i][0], sizes[i][1], ranges[j], (double)smoothing,
                             variant);
                    check_loss(op_table(isa), what, sizes[i][0], sizes[i][1], ranges[j], smoothing,
                               variant > 0, variant == 2);
                }
        check_torch(op_table(isa), wn_isa_name((wn_isa)isa));
        check_special(op_table(isa), wn_isa_name((wn_isa)isa));
        check_mixed(op_table(isa), wn_isa_name((wn_isa)isa), 0);
        check_mixed(op_table(isa), wn_isa_name((wn_isa)isa), 0.1F);
    }
    return check_finish("check_loss");
}
