/* What builds without oneDNN link in its place. */
#include "onednn.h"

void wn_onednn_name(const wn_conv_plan *plan, char *name, size_t size) {
    (void)plan;
    if (size > 0)
        name[0] = '\0';
}

const wn_conv_impl *wn_onednn_native(void) {
    return NULL;
}

static wn_status absent(void) {
    return wn_error(WN_ERROR_UNSUPPORTED, "onednn: this build is without oneDNN");
}

wn_status wn_onednn_limit(wn_isa isa) {
    (void)isa;
    return absent();
}

wn_status wn_onednn_native_floats(const wn_conv_plan *plan, wn_onednn_floats *floats) {
    (void)plan;
    *floats = (wn_onednn_floats){0};
    return absent();
}

void wn_onednn_native_place(const wn_conv_plan *plan, void *state, const wn_conv_args *args) {
    (void)plan;
    (void)state;
    (void)args;
}

wn_status wn_onednn_native_import(const wn_conv_plan *plan, const wn_conv_args *ours,
                                  const wn_conv_args *theirs) {
    (void)plan;
    (void)ours;
    (void)theirs;
    return absent();
}

wn_status wn_onednn_native_export(const wn_conv_plan *plan, const wn_conv_args *theirs,
                                  const wn_conv_args *ours) {
    (void)plan;
    (void)theirs;
    (void)ours;
    return absent();
}
