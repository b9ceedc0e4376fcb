/* A steady training step allocates nothing: the malloc family is counted while a tape runs. */
#include "check.h"
#include <string.h>

#if defined(__SANITIZE_ADDRESS__) || !defined(__GLIBC__)
int main(void) {
    puts("check_allocations: skipped, the allocator belongs to the sanitizer or is not glibc's");
    return 77;
}
#else
#include "nets.h"
#include "pool.h"
#include "selected_isa.h"
#include <stdatomic.h>
#include <winnow/model.h>

static atomic_bool counting;
static atomic_long allocations;

static void count(void) {
    if (atomic_load(&counting))
        atomic_fetch_add(&allocations, 1);
}

#include "counted_malloc.h"

static void check_net(const char *name, int size, int divisor, wn_pool *pool, wn_optimizer optimizer) {
    wn_graph *graph = wn_graph_create();
    wn_model *model = NULL;
    wn_tape *tape = NULL;
    wn_net_find(name, NULL)
        ->build(graph,
                &(wn_net_options){
                    .channels = 1, .height = size, .width = size, .classes = 10, .width_divisor = divisor});
    wn_status status = wn_model_create(graph, &model);
    wn_tape_options options = {.batch = 4,
                               .training = true,
                               .momentum = true,
                               .optimizer = optimizer,
                               .isa = selected_isa(),
                               .pool = pool};
    if (!wn_failed(status))
        status = wn_tape_compile(model, &options, &tape);
    if (CHECK(!wn_failed(status), "%s: %s", name, status.message)) {
        wn_model_initialise(model, WN_INIT_XAVIER_UNIFORM, 1);
        for (int i = 0; i < 4; i++)
            wn_tape_labels(tape)[i] = i;
        for (int i = 0; i < 2; i++)
            wn_tape_run(tape);
        atomic_store(&allocations, 0);
        atomic_store(&counting, true);
        for (int i = 0; i < 5; i++)
            wn_tape_run(tape);
        atomic_store(&counting, false);
        CHECK(atomic_load(&allocations) == 0, "%s: found %ld allocations in 5 steps, expected none", name,
              atomic_load(&allocations));
    }
    wn_tape_destroy(tape);
    wn_model_destroy(model);
    wn_graph_destroy(graph);
}

/* The counter itself must count. */
static void check_counter(void) {
    atomic_store(&counting, true);
    char *volatile copy = strdup("counted");
    atomic_store(&counting, false);
    CHECK(atomic_load(&allocations) == 1, "found %ld allocations in one strdup", atomic_load(&allocations));
    free(copy);
}

int main(void) {
    wn_pool *pool;
    wn_status status = wn_pool_create(2, &pool);
    if (!CHECK(!wn_failed(status), "%s", status.message))
        return check_finish("check_allocations");
    check_counter();
    check_net("lenet", 28, 1, pool, WN_OPTIMIZER_SGD);
    check_net("mnist-cnn", 28, 1, pool, WN_OPTIMIZER_ADAM);
    check_net("alexnet", 67, 16, pool, WN_OPTIMIZER_SGD);
    check_net("resnet18", 32, 8, pool, WN_OPTIMIZER_ADAM);
    wn_pool_destroy(pool);
    return check_finish("check_allocations");
}
#endif
