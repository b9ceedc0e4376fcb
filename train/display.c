/* The thread behind the progress line. What the line says is decided here, how a run is summed up in
 * report.c. */
#include "display.h"
#include "ticker.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/ioctl.h>

struct wn_display {
    FILE *log;
    bool terminal;
    int epochs;
    int64_t steps_per_epoch;
    wn_ticker *ticker;
    bool line_open;                /* the terminal's line holds text to be overwritten */
    _Alignas(64) atomic_flag busy; /* somebody reads or writes the state */
    bool fresh;
    wn_display_state state;
};

static int terminal_columns(FILE *log) {
    struct winsize window;
    if (ioctl(fileno(log), TIOCGWINSZ, &window) == 0 && window.ws_col > 0)
        return window.ws_col;
    return 80;
}

/* "3:07" or "1:02:33". */
static void format_duration(double seconds, char text[32]) {
    long long whole = seconds < 0 ? 0 : seconds < 3.6e8 ? (long long)(seconds + .5) : 360000000;
    if (whole >= 3600)
        snprintf(text, 32, "%lld:%02lld:%02lld", whole / 3600, whole / 60 % 60, whole % 60);
    else
        snprintf(text, 32, "%lld:%02lld", whole / 60, whole % 60);
}

static void show(wn_display *d, const wn_display_state *state) {
    char left[32], line[160];
    const wn_train_row *row = &state->row;
    format_duration(state->remaining, left);
    snprintf(line, sizeof line,
             "epoch %d/%d, step %lld/%lld: loss %.3f, train acc %.3f, %.1f examples/sec, %s left", row->epoch,
             d->epochs, (long long)(row->step - (int64_t)(row->epoch - 1) * d->steps_per_epoch),
             (long long)d->steps_per_epoch, row->loss, row->train_accuracy, state->rate, left);
    if (d->terminal) {
        /* A line that fills the last column would wrap, and the next rewrite would leave it behind. */
        fprintf(d->log, "\r%.*s\033[K", terminal_columns(d->log) - 1, line);
        d->line_open = true;
    } else {
        fprintf(d->log, "%s\n", line);
    }
    fflush(d->log);
}

/* Whether there is news since the last time. */
static bool take_state(wn_display *d, wn_display_state *state) {
    while (atomic_flag_test_and_set_explicit(&d->busy, memory_order_acquire))
        sched_yield();
    bool fresh = d->fresh;
    d->fresh = false;
    *state = d->state;
    atomic_flag_clear_explicit(&d->busy, memory_order_release);
    return fresh;
}

static void tick(void *context, bool last) {
    wn_display *d = context;
    wn_display_state state;
    if (!last && take_state(d, &state))
        show(d, &state);
}

wn_display *wn_display_start(const wn_pool *pool, FILE *log, bool terminal, int epochs,
                             int64_t steps_per_epoch) {
    wn_display *d = aligned_alloc(64, (sizeof *d + 63) / 64 * 64);
    if (!d)
        return NULL;
    *d = (wn_display){.log = log, .terminal = terminal, .epochs = epochs, .steps_per_epoch = steps_per_epoch};
    atomic_flag_clear(&d->busy);
    d->ticker = wn_ticker_start(pool, terminal ? 100 : 5000, tick, d);
    if (d->ticker)
        return d;
    free(d);
    return NULL;
}

void wn_display_publish(wn_display *d, const wn_display_state *state) {
    if (!d || atomic_flag_test_and_set_explicit(&d->busy, memory_order_acquire))
        return;
    d->state = *state;
    d->fresh = true;
    atomic_flag_clear_explicit(&d->busy, memory_order_release);
}

void wn_display_stop(wn_display *d) {
    if (!d)
        return;
    wn_ticker_stop(d->ticker);
    if (d->line_open) {
        fputs("\r\033[K", d->log);
        fflush(d->log);
    }
    free(d);
}
