/* Growing a tape: buffers, steps and the binding of operands; and the steps that several kinds share. */
#include "lowering.h"
#include "pool.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void wn_lower_fail(wn_lowering *lowering, wn_status status) {
    if (!wn_failed(lowering->status))
        lowering->status = status;
}

static void fail_memory(wn_lowering *lowering) {
    wn_lower_fail(lowering, wn_error(WN_ERROR_MEMORY, "out of memory while compiling the network"));
}

int64_t wn_lower_bytes(wn_lowering *lowering, int64_t images, int64_t floats) {
    int64_t values, bytes;
    if (!__builtin_mul_overflow(images, floats, &values) && !__builtin_mul_overflow(values, 4, &bytes) &&
        bytes <= INT64_C(1) << 48)
        return bytes;
    wn_lower_fail(lowering,
                  wn_error(WN_ERROR_MEMORY, "a batch of %lld images with %lld values each is too large",
                           (long long)images, (long long)floats));
    return 64;
}

/* Arrays grow when their length is a power of two. */
static bool grow(wn_lowering *lowering, void **array, int count, size_t element) {
    if (count & (count - 1))
        return true;
    void *larger = realloc(*array, (count ? 2 * (size_t)count : 1) * element);
    if (!larger) {
        fail_memory(lowering);
        return false;
    }
    *array = larger;
    return true;
}

static int append_buffer(wn_lowering *lowering, wn_buffer buffer) {
    wn_tape *tape = lowering->tape;
    if (!grow(lowering, (void **)&tape->buffers, tape->buffer_count, sizeof *tape->buffers))
        return 0;
    tape->buffers[tape->buffer_count] = buffer;
    return tape->buffer_count++;
}

int wn_lower_buffer(wn_lowering *lowering, int64_t bytes) {
    return append_buffer(lowering, (wn_buffer){.bytes = (size_t)bytes, .planned = true});
}

int wn_lower_fixed_buffer(wn_lowering *lowering, void *address, int64_t bytes) {
    return append_buffer(lowering, (wn_buffer){.bytes = (size_t)bytes, .address = address});
}

wn_step *wn_lower_step(wn_lowering *lowering, wn_step_run *run, int phases, const wn_layer *layer,
                       const char *action, const char *kernel) {
    wn_tape *tape = lowering->tape;
    memset(&lowering->spare, 0, sizeof lowering->spare);
    if (wn_failed(lowering->status) ||
        !grow(lowering, (void **)&tape->steps, tape->step_count, sizeof *tape->steps))
        return &lowering->spare;
    wn_step *step = &tape->steps[tape->step_count++];
    *step = (wn_step){.run = run, .ops = lowering->ops, .phases = phases};
    if (asprintf(&step->label, "%s%s%s", layer ? layer->name : "", layer ? " " : "", action) < 0)
        step->label = NULL;
    step->kernel = strdup(kernel);
    if (!step->label || !step->kernel)
        fail_memory(lowering);
    return step;
}

static void bind(const wn_lowering *lowering, wn_step *step, const void *slot, wn_operand operand) {
    if (wn_failed(lowering->status))
        return;
    if (step->operand_count == WN_STEP_OPERANDS)
        abort(); /* a layer kind binds more operands than a step has room for: an error in this program */
    operand.slot = (size_t)((const char *)slot - (const char *)step);
    step->operands[step->operand_count++] = operand;
    double bytes = (double)operand.run * operand.images;
    if (operand.access != WN_ACCESS_SCRATCH)
        step->bytes += operand.access == WN_ACCESS_ADD ? 2 * bytes : bytes;
}

static wn_operand tensor_operand(const wn_lowering *lowering, int tensor, wn_place place, wn_access access) {
    return (wn_operand){.buffer = place.buffer,
                        .access = access,
                        .offset = place.offset,
                        .run = wn_dense_stride(lowering, tensor) * 4,
                        .stride = place.stride * 4,
                        .images = lowering->tape->options.batch,
                        .tensor = true};
}

void wn_bind_view(wn_lowering *lowering, wn_step *step, wn_view *view, int tensor, wn_place place,
                  wn_access access) {
    const wn_graph_tensor *shape = &lowering->graph->tensors[tensor];
    *view = (wn_view){.images = lowering->tape->options.batch,
                      .channels = shape->physical,
                      .height = shape->map_height,
                      .width = shape->map_width,
                      .stride = place.stride};
    bind(lowering, step, &view->data, tensor_operand(lowering, tensor, place, access));
}

void wn_bind_place(wn_lowering *lowering, wn_step *step, void *slot, int tensor, wn_place place,
                   wn_access access) {
    bind(lowering, step, slot, tensor_operand(lowering, tensor, place, access));
}

void wn_bind_buffer(wn_lowering *lowering, wn_step *step, void *slot, int buffer, wn_access access) {
    if (wn_failed(lowering->status))
        return;
    int64_t bytes = (int64_t)lowering->tape->buffers[buffer].bytes;
    bind(lowering, step, slot,
         (wn_operand){.buffer = buffer, .access = access, .run = bytes, .stride = bytes, .images = 1});
}

double wn_lower_elements(const wn_lowering *lowering, int tensor) {
    const wn_graph_tensor *shape = &lowering->graph->tensors[tensor];
    return (double)lowering->tape->options.batch * shape->channels * shape->height * shape->width;
}

void wn_run_add(const wn_step *step, int phase, int tid, int nthreads) {
    (void)phase;
    step->ops->add(&step->args.add, tid, nthreads);
}

void wn_lower_copy(wn_lowering *lowering, const wn_layer *layer, int tensor, wn_place from, wn_place to,
                   bool accumulate) {
    wn_step *step = wn_lower_step(lowering, wn_run_add, 1, layer, accumulate ? "SUM" : "COPY", "add");
    wn_add_args *args = &step->args.add;
    args->accumulate = accumulate;
    wn_bind_view(lowering, step, &args->a, tensor, from, WN_ACCESS_READ);
    wn_bind_view(lowering, step, &args->y, tensor, to, accumulate ? WN_ACCESS_ADD : WN_ACCESS_SET);
    step->flops = accumulate ? wn_lower_elements(lowering, tensor) : 0;
}

int wn_lower_gradient_buffer(wn_lowering *lowering, int parameter) {
    wn_tape *tape = lowering->tape;
    int buffer = wn_lower_buffer(lowering, (int64_t)tape->buffers[parameter].bytes);
    tape->buffers[buffer].lasting = tape->options.keep_gradients;
    tape->gradients[parameter] = buffer;
    return buffer;
}
