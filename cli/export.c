/* winnow export: weights without the rest of a checkpoint, and networks for other programs. */
#include "checkpoint.h"
#include "cli.h"
#include "onnx.h"
#include "recipe_flags.h"
#include "saved.h"
#include <stdlib.h>
#include <string.h>

static const char export_details[] =
    "Writes the weights and running statistics of a checkpoint alone (their average, where it has one), "
    "under\n"
    "PyTorch's names and in its shapes:\n"
    "  model.load_state_dict(safetensors.torch.load_file(\"OUT\"))\n"
    "and the network with them as an ONNX file (operators of version 13), from \"input\", images "
    "[N][channels]\n"
    "[height][width] that are normalised as its metadata mean and std (those of FILE) say, to \"logits\", "
    "[N][classes].\n"
    "Weights from elsewhere need --net.";

/* Facts that go with the weights. */
static const char *const keys[] = {"network", "variant",  "shortcut",   "width divisor",
                                   "size",    "channels", "classes",    "mean",
                                   "std",     "image",    "class names"};

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
        if (wn_checkpoint_is_counter(tensor->name))
            continue;
        if (strcmp(tensor->dtype, "F32") != 0)
            return wn_error(WN_ERROR_FORMAT, "%s: tensor '%.100s' is of type %s, expected F32",
                            wn_safetensors_path(file), tensor->name, tensor->dtype);
        bool averaged = !strncmp(tensor->name, average, sizeof average - 1);
        if (strncmp(tensor->name, "optimizer.", 10) != 0 && averaged == has_average) {
            s->tensors[s->count++] = *tensor;
            s->tensors[s->count - 1].name += averaged ? sizeof average - 1 : 0;
        }
    }
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

static wn_status export_file(const char *weights, const char *out) {
    wn_safetensors *file;
    selection selected = {.count = 0};
    WN_TRY(wn_safetensors_read(weights, &file));
    wn_status status = export_weights(file, out, &selected);
    free(selected.tensors);
    wn_safetensors_close(file);
    return status;
}

/* The network with these weights, for programs that run ONNX files. */
static wn_status export_network(const char *weights, const wn_network_flags *flags, const char *net,
                                int64_t channels, int64_t classes, const char *out) {
    wn_saved saved;
    wn_status status = wn_saved_open(&(wn_saved_options){.weights = weights,
                                                         .net = net,
                                                         .variant = flags->variant,
                                                         .shortcut = (wn_shortcut)flags->shortcut,
                                                         .width_divisor = (int)flags->width_divisor,
                                                         .size = (int)flags->size,
                                                         .channels = (int)channels},
                                     &saved);
    if (!wn_failed(status) && !saved.options.channels)
        saved.options.channels = saved.net->default_channels;
    if (!wn_failed(status))
        status = wn_saved_build(&saved, classes ? (int)classes : wn_saved_classes(&saved));
    wn_onnx_fact facts[WN_COUNT_OF(keys)];
    int count = 0;
    for (int i = 0; !wn_failed(status) && i < WN_COUNT_OF(keys); i++)
        if (wn_safetensors_metadata(saved.file, keys[i]))
            facts[count++] = (wn_onnx_fact){keys[i], wn_safetensors_metadata(saved.file, keys[i])};
    if (!wn_failed(status))
        status = wn_onnx_write(out, saved.model, saved.net->name, facts, count);
    if (!wn_failed(status))
        printf("%s for images of %dx%dx%d in %s\n", saved.net->name, saved.options.channels,
               saved.options.size, saved.options.size, out);
    wn_saved_close(&saved);
    return status;
}

static wn_status export(const wn_command *command, int argc, char **argv) {
    const char *out = NULL, *onnx = NULL, *net = NULL;
    wn_network_flags flags = {0};
    int64_t channels = 0, classes = 0;
    const wn_option options[] = {
        {"--safetensors", WN_OPTION_TEXT, &out, "OUT", 0, 0, NULL, "the weights, for PyTorch"},
        {"--onnx", WN_OPTION_TEXT, &onnx, "OUT", 0, 0, NULL, "the network with its weights, as ONNX"},
        {"--net", WN_OPTION_TEXT, &net, "NET", 0, 0, NULL,
         "what the weights are of, for --onnx like the rest (default: as the file says)"},
        WN_OPTION_VARIANT(&flags.variant),
        WN_OPTION_SIZE(&flags.size),
        WN_OPTION_SHORTCUT(&flags.shortcut),
        WN_OPTION_WIDTH_DIVISOR(&flags.width_divisor),
        WN_OPTION_CHANNELS(&channels),
        {"--classes", WN_OPTION_WHOLE, &classes, "C", 1, WN_COUNT_MAX, NULL,
         "of the network (default: as the file says, else the network's)"},
    };
    int words;
    bool help;
    WN_TRY(wn_options_read(command, options, WN_COUNT_OF(options), argc, argv, &words, &help));
    if (help)
        return wn_ok();
    if (words != 1 || (!out && !onnx))
        return wn_error(WN_ERROR_USAGE,
                        "export: found %d files and %s, expected one of each: winnow export %s", words,
                        out || onnx ? "a name to write" : "no name to write", command->usage);
    if (out)
        WN_TRY(export_file(argv[0], out));
    return onnx ? export_network(argv[0], &flags, net, channels, classes, onnx) : wn_ok();
}

const wn_command wn_command_export = {"export", "FILE --safetensors OUT|--onnx OUT",
                                      "weights of a checkpoint for PyTorch, or its network as ONNX",
                                      export_details, export};
