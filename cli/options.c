/* Reading flags and printing help from the same table. What the flags mean is said by each subcommand. */
#include "options.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN = 80 }; /* characters of what was found that a message repeats */

/* What a flag takes, in words; for error messages. */
static void describe(const wn_option *option, char *text, size_t size) {
    size_t used = 0;
    switch (option->kind) {
    case WN_OPTION_WHOLE:
        snprintf(text, size, "a whole number from %.0f to %.0f", option->low, option->high);
        break;
    case WN_OPTION_REAL:
        snprintf(text, size, "a number from %g to %g", option->low, option->high);
        break;
    case WN_OPTION_CHOICE:
        for (int i = 0; option->choices[i] && used < size; i++)
            used +=
                (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "one of ", option->choices[i]);
        break;
    case WN_OPTION_TEXT:
    case WN_OPTION_SWITCH:
        snprintf(text, size, "%s", option->argument ? option->argument : "nothing");
        break;
    }
}

static bool read_whole(const wn_option *option, const char *text) {
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end || errno || (double)value < option->low || (double)value > option->high)
        return false;
    *(int64_t *)option->value = value;
    return true;
}

static bool read_real(const wn_option *option, const char *text) {
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !isfinite(value) || value < option->low || value > option->high)
        return false;
    *(double *)option->value = value;
    return true;
}

static bool read_choice(const wn_option *option, const char *text) {
    for (int i = 0; option->choices[i]; i++)
        if (strcmp(text, option->choices[i]) == 0) {
            *(int *)option->value = i;
            return true;
        }
    return false;
}

/* Reads the text of an option's value; false when it is not what the option takes. */
static bool read_value(const wn_option *option, const char *text) {
    switch (option->kind) {
    case WN_OPTION_SWITCH:
        *(bool *)option->value = true;
        return true;
    case WN_OPTION_WHOLE:
        return read_whole(option, text);
    case WN_OPTION_REAL:
        return read_real(option, text);
    case WN_OPTION_CHOICE:
        return read_choice(option, text);
    case WN_OPTION_TEXT:
        *(const char **)option->value = text;
        return text[0] != '\0';
    }
    return false;
}

static const wn_option *find(const wn_option *options, int count, const char *name, size_t length) {
    for (int i = 0; i < count; i++)
        if (strncmp(options[i].name, name, length) == 0 && options[i].name[length] == '\0')
            return &options[i];
    return NULL;
}

/* What stands before the name of a command: nothing where it is a program's own. */
static const char *program(const wn_command *command) {
    return strncmp(command->name, "winnow", 6) == 0 ? "" : "winnow ";
}

/* Reads the flag argv[*at] and its value, and moves *at to the last argument that was used. */
static wn_status read_flag(const wn_command *command, const wn_option *options, int count, int argc,
                           char **argv, int *at) {
    const char *flag = argv[*at], *equals = strchr(flag, '=');
    size_t length = equals ? (size_t)(equals - flag) : strlen(flag);
    const wn_option *option = find(options, count, flag, length);
    if (!option)
        return wn_error(WN_ERROR_USAGE, "%.*s: unknown flag, expected one of those that %s%s --help lists",
                        length < SHOWN ? (int)length : SHOWN, flag, program(command), command->name);
    char expected[256];
    describe(option, expected, sizeof expected);
    const char *text = equals ? equals + 1 : NULL;
    if (option->kind == WN_OPTION_SWITCH && text)
        return wn_error(WN_ERROR_USAGE, "%s: found \"%.*s\", expected no value", option->name, SHOWN, text);
    if (option->kind != WN_OPTION_SWITCH && !text) {
        if (*at + 1 == argc || strncmp(argv[*at + 1], "--", 2) == 0)
            return wn_error(WN_ERROR_USAGE, "%s: found no value, expected %s", option->name, expected);
        text = argv[++*at];
    }
    if (!read_value(option, text))
        return wn_error(WN_ERROR_USAGE, "%s: found \"%.*s\", expected %s", option->name, SHOWN, text,
                        expected);
    return wn_ok();
}

static void print_help(const wn_command *command, const wn_option *options, int count) {
    printf("%s%s %s\n\n%s\n", program(command), command->name, command->usage, command->summary);
    if (command->details)
        printf("\n%s\n", command->details);
    printf("\noptions:\n");
    for (int i = 0; i < count; i++) {
        char left[64];
        snprintf(left, sizeof left, "%s%s%s", options[i].name, options[i].argument ? " " : "",
                 options[i].argument ? options[i].argument : "");
        printf("  %-24s %s\n", left, options[i].help);
    }
    printf("  %-24s this page\n", "--help, -h");
}

wn_status wn_options_read(const wn_command *command, const wn_option *options, int option_count, int argc,
                          char **argv, int *words, bool *help) {
    *words = 0;
    *help = false;
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help(command, options, option_count);
            *help = true;
            return wn_ok();
        }
        if (strcmp(argv[i], "--") == 0) {
            while (++i < argc)
                argv[(*words)++] = argv[i];
            return wn_ok();
        }
        if (argv[i][0] == '-' && argv[i][1] != '\0')
            WN_TRY(read_flag(command, options, option_count, argc, argv, &i));
        else
            argv[(*words)++] = argv[i];
    }
    return wn_ok();
}
