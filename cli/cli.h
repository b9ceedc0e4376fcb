/* The subcommands, and what they share: threads and ISA, networks by name, the tuning database. */
#ifndef WN_CLI_H
#define WN_CLI_H

#include "machine_file.h"
#include "nets.h"
#include "options.h"
#include "picks.h"
#include "pool.h"
#include "tune.h"
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <winnow/model.h>

extern const wn_command wn_command_train, wn_command_tune, wn_command_db, wn_command_bench,
    wn_command_summary, wn_command_list, wn_command_info, wn_command_shapes, wn_command_compare,
    wn_command_report, wn_command_eval, wn_command_export, wn_command_predict, wn_command_lr_find,
    wn_command_bypass, wn_command_doctor, wn_command_data, wn_command_machine;

enum { WN_COUNT_MAX = 1000000000, WN_SIZE_MAX = 1000000, WN_THREADS_MAX = 1024 };

/* Number of entries of an array. */
#define WN_COUNT_OF(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* Rows of option tables that several subcommands have. */
#define WN_OPTION_THREADS(variable)                                                                          \
    {                                                                                                        \
        .name = "--threads", .kind = WN_OPTION_WHOLE, .value = (variable), .argument = "T", .low = 1,        \
        .high = WN_THREADS_MAX, .help = "threads (default: the CPUs this process may use)"                   \
    }
#define WN_OPTION_ISA(variable)                                                                              \
    {                                                                                                        \
        .name = "--isa", .kind = WN_OPTION_TEXT, .value = (variable), .argument = "I",                       \
        .help = "portable, avx2 or avx512 (default: WINNOW_ISA, else the best of this CPU)"                  \
    }
#define WN_OPTION_SIZE(variable)                                                                             \
    {                                                                                                        \
        .name = "--size", .kind = WN_OPTION_WHOLE, .value = (variable), .argument = "S", .low = 1,           \
        .high = WN_SIZE_MAX, .help = "height and width of the input (default: the network's)"                \
    }
#define WN_OPTION_BATCH(variable)                                                                            \
    {                                                                                                        \
        .name = "--batch-size", .kind = WN_OPTION_WHOLE, .value = (variable), .argument = "B", .low = 1,     \
        .high = WN_COUNT_MAX, .help = "images in a batch (default: the network's)"                           \
    }
#define WN_OPTION_VARIANT(variable)                                                                          \
    {                                                                                                        \
        .name = "--variant", .kind = WN_OPTION_TEXT, .value = (variable), .argument = "d2l|imagenet|cifar",  \
        .help = "of the network, as winnow list shows them (default: its first)"                             \
    }
#define WN_OPTION_SHORTCUT(variable)                                                                         \
    {                                                                                                        \
        .name = "--shortcut", .kind = WN_OPTION_CHOICE, .value = (variable), .argument = "A|B|C",            \
        .choices = wn_shortcut_names,                                                                        \
        .help = "of residual networks for ImageNet and CIFAR (default: B and A)"                             \
    }
#define WN_OPTION_WIDTH_DIVISOR(variable)                                                                    \
    {                                                                                                        \
        .name = "--width-divisor", .kind = WN_OPTION_WHOLE, .value = (variable), .argument = "N", .low = 1,  \
        .high = WN_SIZE_MAX, .help = "divides the channels of convolutions, for narrow versions"             \
    }
#define WN_OPTION_NO_FUSE(variable)                                                                          \
    {                                                                                                        \
        .name = "--no-fuse", .kind = WN_OPTION_SWITCH, .value = (variable),                                  \
        .help = "make every layer a step of its own"                                                         \
    }
#define WN_OPTION_PICKS(variable)                                                                            \
    {                                                                                                        \
        .name = "--picks", .kind = WN_OPTION_TEXT, .value = (variable), .argument = "FILE",                  \
        .help = "a database whose picks are used for any machine and number of threads, in place of --db"    \
    }
/* Those of a wn_network_flags that say what is built. */
#define WN_OPTIONS_NETWORK(flags)                                                                            \
    WN_OPTION_VARIANT(&(flags)->variant), WN_OPTION_SIZE(&(flags)->size), WN_OPTION_BATCH(&(flags)->batch),  \
        WN_OPTION_SHORTCUT(&(flags)->shortcut), WN_OPTION_WIDTH_DIVISOR(&(flags)->width_divisor)
#define WN_OPTION_DB(variable)                                                                               \
    {                                                                                                        \
        .name = "--db", .kind = WN_OPTION_TEXT, .value = (variable), .argument = "FILE",                     \
        .help = "tuning database (default: WINNOW_DB, else winnow/tune.db in the cache folder)"              \
    }
#define WN_OPTION_CSV(variable)                                                                              \
    {                                                                                                        \
        .name = "--csv", .kind = WN_OPTION_TEXT, .value = (variable), .argument = "FILE",                    \
        .help = "also write the figures as CSV; a folder: under a name of its own there; -: to standard "    \
                "output, the rest to standard error"                                                         \
    }

/* Where a command runs: made from --isa and --threads. */
typedef struct wn_session {
    wn_isa isa;
    wn_pool *pool;
    wn_machine machine;
    char fingerprint[256];
    wn_finding findings[WN_FINDINGS]; /* the doctor's, of a session that was opened for figures */
    int finding_count;
} wn_session;

/* isa NULL and threads 0 take the defaults. Errors: those of wn_isa_select and wn_pool_create. */
wn_status wn_session_open(const char *isa, int64_t threads, wn_session *session);
/* The same; before, when csv is not NULL, the doctor looks at the machine for a moment. */
wn_status wn_session_open_for(const char *csv, const char *isa, int64_t threads, wn_session *session);
/* What such a session knows of its machine; points into the session. */
wn_machine_facts wn_session_facts(const wn_session *session);
/* Where figures go: the path as it is; where it is a folder, the file in it that is named after the kind of
 * figures, what they are of (NULL: left out), the machine (session NULL: left out) and the day. Errors: USAGE
 * for a path that is too long. */
wn_status wn_session_csv_path(const wn_session *session, const char *path, const char *kind, const char *what,
                              char named[static PATH_MAX]);
/* Creates that file, and its machine file beside it (machine_file.h). Errors: IO; USAGE. */
wn_status wn_session_csv(const wn_session *session, const char *path, const char *kind, const char *what,
                         const char *header, wn_csv *csv);
/* Before work that may fail: whether that file could be created; what is there stays. Errors: IO; USAGE. */
wn_status wn_session_csv_check(const wn_session *session, const char *path, const char *kind,
                               const char *what);
void wn_session_close(wn_session *session);

/* Opens the database at path (NULL: the default one) and says on stderr what in it could not be used. Where
 * the environment names no place for the default one, *db is NULL, or that is an error when it is needed. */
wn_status wn_session_database(const wn_session *session, const char *path, bool needed, wn_tune_db **db);

/* wn_tune_pick, which says on stdout when it first misses a record. The database must not be NULL. */
wn_status wn_session_pick(void *db, const wn_problem *problem, wn_isa isa, int threads, int64_t src_stride,
                          int64_t dst_stride, wn_conv_plan *plan);

/* How a network is to be built; zeros take its defaults. */
typedef struct wn_network_flags {
    const char *variant;
    int64_t size, batch, width_divisor;
    int shortcut;      /* wn_shortcut */
    bool no_fuse;      /* of its tapes */
    const char *picks; /* of its tapes: file of picks; NULL: the database's */
} wn_network_flags;
/* "default", "A", "B", "C", NULL: the values of wn_shortcut. */
extern const char *const wn_shortcut_names[];

/* A network for the images and classes that its variant is made for. */
typedef struct wn_network {
    const wn_net *net;
    int size, batch;
    bool no_fuse;
    const char *picks_path;
    wn_picks *picks; /* read with the first tape */
    wn_graph *graph;
    wn_model *model; /* made with the first tape; all zero */
    bool filled;     /* its parameters are random numbers (wn_timing_tape) */
} wn_network;

/* Errors: USAGE for an unknown name or variant, the graph's, MEMORY. */
wn_status wn_network_open(const char *name, const wn_network_flags *flags, wn_network *network);
/* The same of a network or block that is known. */
wn_status wn_network_build(const wn_net *net, const wn_network_flags *flags, wn_network *network);
void wn_network_close(wn_network *network);

/* The distinct convolutions as forward problems, in the order of the network. Each is named "net:layer*N"
 * after the first of the N layers that have it. The caller frees *problems. Errors: MEMORY. */
wn_status wn_network_problems(const wn_network *network, wn_problem **problems, int *count);

/* Sums over the layers; multiply-adds are of one image, taps on padding counted. */
typedef struct wn_network_totals {
    int64_t parameters;
    double convolutions;  /* multiply-adds of convolutions */
    double multiply_adds; /* of linear layers, too */
} wn_network_totals;
wn_network_totals wn_network_count(const wn_network *network);

/* Compiles a tape of the network on the session's pool with the file's picks or the database's (db NULL: the
 * heuristic). plan_only: to be looked at. */
wn_status wn_network_tape(wn_network *network, const wn_session *session, wn_tune_db *db, bool training,
                          bool plan_only, wn_tape **tape);

/* The same with any way of choosing plans; pick NULL: the default of tapes. */
wn_status wn_network_tape_with(wn_network *network, const wn_session *session, wn_pick *pick, void *context,
                               bool training, bool plan_only, wn_tape **tape);

/* "3.2 GiB", "512 KiB": with four digits at most. */
const char *wn_bytes_text(double bytes, char text[static 16]);

#endif
