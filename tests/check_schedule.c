/* Learning rates and momenta: against values of PyTorch's schedulers and fastai's one-cycle, worked out from
 * their published formulas, and against properties: continuity, ends, independence of the number of steps. */
#include "check.h"
#include "schedule.h"

#include <math.h>
#include <string.h>

static const wn_rates base = {0.5f, 0.9f};

static wn_rates at(const wn_schedule *schedule, int64_t step, int64_t steps_per_epoch, int epochs) {
    return wn_schedule_at(schedule, base, (wn_schedule_position){step, steps_per_epoch, epochs});
}

static void expect(const char *what, float found, double expected) {
    CHECK(fabs((double)found - expected) <= 1e-6 * fabs(expected) + 1e-12, "%s: found %.9g, expected %.9g",
          what, (double)found, expected);
}

/* What PyTorch's StepLR(30, .1), MultiStepLR([4, 7], .5) and ExponentialLR(.9) give in each epoch. */
static void check_by_epochs(void) {
    const wn_schedule step = {.kind = WN_SCHEDULE_STEP, .period = 3};
    const wn_schedule multi = {
        .kind = WN_SCHEDULE_MULTI_STEP, .gamma = 0.5, .milestones = {4, 7}, .milestone_count = 2};
    const wn_schedule shares = {
        .kind = WN_SCHEDULE_MULTI_STEP, .gamma = 0.5, .milestones = {0.4, 0.7}, .milestone_count = 2};
    const wn_schedule exponential = {.kind = WN_SCHEDULE_EXPONENTIAL, .gamma = 0.9};
    const wn_schedule constant = {.kind = WN_SCHEDULE_CONSTANT};
    for (int64_t s = 0; s < 70; s++) {
        int epoch = (int)(s / 7);
        expect("step", at(&step, s, 7, 10).lr, 0.5 * pow(0.1, epoch / 3));
        expect("multi-step", at(&multi, s, 7, 10).lr, epoch < 4 ? 0.5 : epoch < 7 ? 0.25 : 0.125);
        expect("shares", at(&shares, s, 7, 10).lr, epoch < 4 ? 0.5 : epoch < 7 ? 0.25 : 0.125);
        expect("exponential", at(&exponential, s, 7, 10).lr, 0.5 * pow(0.9, epoch));
        expect("constant", at(&constant, s, 7, 10).lr, 0.5);
        expect("momentum", at(&multi, s, 7, 10).momentum, 0.9);
    }
}

static void check_cosine(void) {
    const wn_schedule cosine = {.kind = WN_SCHEDULE_COSINE};
    for (int64_t s = 0; s < 40; s++)
        expect("cosine", at(&cosine, s, 4, 10).lr, 0.25 * (1 + cos(M_PI * (double)s / 40)));
}

/* fastai: combined_cos(0.25, lr/25, lr, lr/1e5) and combined_cos(0.25, .95, .85, .95) at step/steps. */
static void check_one_cycle(void) {
    const wn_schedule cycle = {.kind = WN_SCHEDULE_ONE_CYCLE};
    wn_rates first = at(&cycle, 0, 100, 4), top = at(&cycle, 100, 100, 4), half = at(&cycle, 50, 100, 4);
    expect("start", first.lr, 0.5 / 25);
    expect("momentum at the start", first.momentum, 0.95);
    expect("top", top.lr, 0.5);
    expect("momentum at the top", top.momentum, 0.85);
    expect("half way up", half.lr, (0.5 + 0.5 / 25) / 2);
    expect("momentum half way up", half.momentum, 0.9);
    wn_rates down = at(&cycle, 250, 100, 4); /* half way down */
    expect("half way down", down.lr, (0.5 + 0.5e-5) / 2);
    expect("momentum half way down", down.momentum, 0.9);
    wn_rates last = at(&cycle, 399, 100, 4);
    double end = 0.5e-5 + (0.5 - 0.5e-5) * (1 + cos(M_PI * 299 / 300)) / 2;
    expect("last step", last.lr, end);
    for (int64_t s = 1; s < 400; s++) {
        float before = at(&cycle, s - 1, 100, 4).lr, now = at(&cycle, s, 100, 4).lr;
        CHECK(s <= 100 ? now > before : now < before, "step %d: from %g to %g", (int)s, (double)before,
              (double)now);
    }
}

/* Linear up to the schedule's own start; what moves with every step then spans the rest. */
static void check_warmup(void) {
    for (int kind = 0; kind < WN_SCHEDULE_COUNT; kind++) {
        wn_schedule plain = {.kind = (wn_schedule_kind)kind, .milestones = {5}, .milestone_count = 1};
        wn_schedule warm = plain;
        warm.warmup = 1;
        const char *name = wn_schedule_names[kind];
        double start = (double)at(&plain, 0, 8, 9).lr;
        for (int64_t s = 0; s < 8; s++)
            expect(name, at(&warm, s, 8, 10).lr, start * (double)(s + 1) / 9);
        bool spans = kind == WN_SCHEDULE_COSINE || kind == WN_SCHEDULE_ONE_CYCLE;
        for (int64_t s = 8; s < 80; s++)
            expect(name, at(&warm, s, 8, 10).lr,
                   (double)(spans ? at(&plain, s - 8, 8, 9) : at(&plain, s, 8, 10)).lr);
        warm.warmup = 100; /* longer than the run */
        for (int64_t s = 0; s < 80; s++)
            CHECK(isfinite(at(&warm, s, 8, 10).lr) && at(&warm, s, 8, 10).lr <= base.lr,
                  "%s: step %d gives %g", name, (int)s, (double)at(&warm, s, 8, 10).lr);
    }
}

static void check_refused(void) {
#define REFUSED(part, ...)                                                                                   \
    do {                                                                                                     \
        const wn_schedule bad = {__VA_ARGS__};                                                               \
        wn_status status = wn_schedule_check(&bad);                                                          \
        CHECK(status.code == WN_ERROR_INVALID && strstr(status.message, part), "'%s' lacks '%s'",            \
              status.message, part);                                                                         \
    } while (0)
    REFUSED("schedule number is 6", .kind = WN_SCHEDULE_COUNT);
    REFUSED("warm-up is -1", .warmup = -1);
    REFUSED("warm-up is nan", .warmup = NAN);
    REFUSED("gamma of the schedule is 1.5", .gamma = 1.5);
    REFUSED("period of the schedule is -2", .period = -2);
    REFUSED("no milestones", .kind = WN_SCHEDULE_MULTI_STEP);
    REFUSED("9 milestones", .kind = WN_SCHEDULE_MULTI_STEP, .milestone_count = 9);
    REFUSED("milestone 2 is 3", .kind = WN_SCHEDULE_MULTI_STEP, .milestones = {5, 3}, .milestone_count = 2);
    REFUSED("milestone 1 is 0", .kind = WN_SCHEDULE_MULTI_STEP, .milestone_count = 1);
#undef REFUSED
    const wn_schedule zero = {.kind = WN_SCHEDULE_CONSTANT};
    CHECK(!wn_failed(wn_schedule_check(&zero)), "the zero value is refused");
}

static void check_description(void) {
    char text[100], small[10];
    const wn_schedule multi = {
        .kind = WN_SCHEDULE_MULTI_STEP, .milestones = {0.5, 30}, .milestone_count = 2, .warmup = 2};
    wn_schedule_describe(&multi, text, sizeof text);
    CHECK(!strcmp(text, "multi-step at 50%, 30 by 0.1, warm-up 2 epochs"), "found '%s'", text);
    wn_schedule_describe(&multi, small, sizeof small);
    CHECK(!strcmp(small, "multi-ste"), "found '%s'", small);
}

int main(void) {
    check_by_epochs();
    check_cosine();
    check_one_cycle();
    check_warmup();
    check_refused();
    check_description();
    return check_finish("check_schedule");
}
