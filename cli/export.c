/* winnow export: weights without the rest of a checkpoint. */
#include "checkpoint.h"
#include "cli.h"
#include "safetensors.h"
#include <stdlib.h>
#include <string.h>

static const char export_details[] = "Writes the weights and running statistics of a checkpoint alone (their "
                                     "average, where it has one), under "
                                     "PyTorch's names and in its shapes:\n"
                                     "  model.load_state_dict(safetensors.torch.load_file(\"OUT\"))";

/* What of a file is exported; the tensors point into it. */
typedef struct selection {
    wn_safetensor *tensors;
    int count;
} selection;

static void copy(void *context, int index, float *values) {
    const selection *s = context;
    memcpy(values, s->tensors[index].data, (size_t)s->tensors[index].count * sizeof(float));
}

static wn_status export_weights(const wn_safetensors *file, const char *out, selection *s) {
    s->tensors = calloc((size_t)wn_safetensors_count(file) + 1, sizeof *s->tensors);
    if (!s->tensors)
        return wn_error(WN_ERROR_MEMORY, "%s: no memory for its tensors", out);
    static const char average[] = "average.";
    bool has_average = wn_checkpoint_has_average(file);
    for (int i = 0; i < wn_safetensors_count(file); i++) {
        const wn_safetensor *tensor = wn_safetensors_at(file, i);
        if (strcmp(tensor->dtype, "F32") != 0)
            return wn_error(WN_ERROR_FORMAT, "%s: tensor '%.100s' is of type %s, expected F32",
                            wn_safetensors_path(file), tensor->name, tensor->dtype);
        bool averaged = !strncmp(tensor->name, average, sizeof average - 1);
        if (strncmp(tensor->name, "optimizer.", 10) != 0 && averaged == has_average) {
            s->tensors[s->count++] = *tensor;
            s->tensors[s->count - 1].name += averaged ? sizeof average - 1 : 0;
        }
    }
    static const char *const keys[] = {"network", "variant", "shortcut", "width divisor", "size", "channels",
                                       "classes", "mean",    "std"};
    wn_metadata metadata[WN_COUNT_OF(keys) + 1] = {{"format", "pt"}};
    int pairs = 1;
    for (int i = 0; i < WN_COUNT_OF(keys); i++)
        if (wn_safetensors_metadata(file, keys[i]))
            metadata[pairs++] = (wn_metadata){keys[i], wn_safetensors_metadata(file, keys[i])};
    WN_TRY(wn_safetensors_write(out, &(wn_safetensors_source){.tensors = s->tensors,
                                                              .tensor_count = s->count,
                                                              .metadata = metadata,
                                                              .metadata_count = pairs,
                                                              .fill = copy,
                                                              .context = s}));
    printf("%d tensors in %s\n", s->count, out);
    return wn_ok();
}

static wn_status export(const wn_command *command, int argc, char **argv) {
    const char *out = NULL;
    const wn_option options[] = {
        {"--safetensors", WN_OPTION_TEXT, &out, "OUT", 0, 0, NULL, "the file to write"},
    };
    int words;
    bool help;
    WN_TRY(wn_options_read(command, options, WN_COUNT_OF(options), argc, argv, &words, &help));
    if (help)
        return wn_ok();
    if (words != 1 || !out)
        return wn_error(WN_ERROR_USAGE,
                        "export: found %d files and %s, expected one of each: winnow export %s", words,
                        out ? "a name to write" : "no name to write", command->usage);
    wn_safetensors *file;
    selection selected = {.count = 0};
    WN_TRY(wn_safetensors_read(argv[0], &file));
    wn_status status = export_weights(file, out, &selected);
    free(selected.tensors);
    wn_safetensors_close(file);
    return status;
}

const wn_command wn_command_export = {"export", "FILE --safetensors OUT",
                                      "weights of a checkpoint, for PyTorch", export_details, export};
