/* Networks as ONNX files (onnx.ai, operators of version 13), to be run by others. */
#ifndef WN_ONNX_H
#define WN_ONNX_H

#include <winnow/model.h>

/* A pair of the file's metadata. */
typedef struct wn_onnx_fact {
    const char *key, *value;
} wn_onnx_fact;

/* Writes the network as it computes when it is not trained, with its parameters: "input", floats
 * [N][channels] [height][width] with any N, to "logits", floats [N][classes]. Layers keep their names, and
 * parameters those of PyTorch; dropout is left out. The file appears when it is whole (draft.h). Errors:
 * UNSUPPORTED for what ONNX's operators do not have (padding from the other side; average pools whose last
 * window leaves a padding that counts) and for more than 2 GiB, which is all that the format holds; IO,
 * MEMORY. */
wn_status wn_onnx_write(const char *path, const wn_model *model, const char *name, const wn_onnx_fact *facts,
                        int fact_count);

#endif
