/* The thread that ticks: its last tick comes, once and last, however soon it is stopped. */
#include "check_pool.h"
#include "ticker.h"

typedef struct ticks {
    int all, last, behind; /* behind: after the last one */
} ticks;

static void tick(void *context, bool last) {
    ticks *t = context;
    t->behind += t->last > 0;
    t->all++;
    t->last += last;
}

static void check_ends(const wn_pool *pool, int milliseconds, bool hurried) {
    ticks t = {0};
    wn_ticker *ticker = wn_ticker_start(pool, milliseconds, tick, &t);
    if (!CHECK(ticker, "no thread"))
        return;
    if (hurried)
        wn_ticker_now(ticker);
    wn_ticker_stop(ticker);
    CHECK(t.last == 1 && t.behind == 0, "%d ticks, %d of them the last, %d behind it", t.all, t.last,
          t.behind);
}

int main(void) {
    enum { TIMES = 200, LONG = 60000 };
    wn_pool *pool = check_pool_of(1);
    for (int i = 0; i < TIMES; i++)
        check_ends(pool, i % 3 ? LONG : 1, i % 2);
    wn_ticker_stop(NULL);
    wn_pool_destroy(pool);
    return check_finish("check_ticker");
}
