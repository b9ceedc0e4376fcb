/* A CSV file of results, whole in memory, and what kind of results it holds. */
#ifndef WN_REPORT_TABLE_H
#define WN_REPORT_TABLE_H

#include <winnow/status.h>

/* Told apart by the columns that only one kind has. */
typedef enum wn_table_kind {
    WN_TABLE_LAYERS,         /* winnow bench PROBLEM: a row per implementation and problem */
    WN_TABLE_STEPS,          /* winnow bench NET: a row per step of a tape, and totals */
    WN_TABLE_PEER,           /* winnow bench --peer: a row per problem */
    WN_TABLE_TRAINING,       /* winnow train: rows per step and per epoch */
    WN_TABLE_MACHINE,        /* winnow machine --csv, and files beside others: facts */
    WN_TABLE_PARTS,          /* winnow bench NET --parts-csv: a row per step and part */
    WN_TABLE_WINNERS,        /* winnow bench --winners: a row per network and implementation */
    WN_TABLE_PYTORCH,        /* torch_step.py: a row per network */
    WN_TABLE_DOCTOR,         /* winnow doctor: a row per check */
    WN_TABLE_BYPASS,         /* winnow bypass: a row per way */
    WN_TABLE_TUNING,         /* winnow tune: a row per candidate, pick, step or regret */
    WN_TABLE_PYTORCH_MEMORY, /* torch_memory.py: a row per network */
    WN_TABLE_STEP_SHARES,    /* step_shares.py: a row per network, mode and kind of work */
    WN_TABLE_COMPARE,        /* winnow compare: a row per name */
    WN_TABLE_LR_FIND,        /* winnow lr-find: a row per step */
    WN_TABLE_CONFUSION,      /* winnow eval: a row per pair of classes */
    WN_TABLE_PREDICTIONS,    /* winnow predict: a row per image and class */
    WN_TABLE_ADDRESS_LAYOUT, /* a row per pair of runs */
    WN_TABLE_KINDS
} wn_table_kind;

/* Their names, as docs/results.md has them. */
extern const char *const wn_table_kind_names[WN_TABLE_KINDS];

typedef struct wn_table {
    char *path, *base; /* base: what wn_table_name says */
    wn_table_kind kind;
    int columns, rows, room;
    char **name;  /* [columns] */
    char **field; /* [rows * columns] */
} wn_table;

/* Reads a file. Errors: those of the CSV reader; UNSUPPORTED for a file without a header or with columns that
 * no kind of results has; MEMORY. */
wn_status wn_table_read(const char *path, wn_table *table);
void wn_table_free(wn_table *table);

/* The file's name without its folders and its last ending; lives as long as the table. */
const char *wn_table_name(const wn_table *table);

/* The first row of a table of that kind whose fields in these columns (NULL-terminated) are those of `row` in
 * `table`; *in is NULL where there is none. */
int wn_tables_find(const wn_table *tables, int count, wn_table_kind kind, const wn_table *table, int row,
                   const char *const columns[], const wn_table **in);

/* A field as text ("" where there is no such column) and as a number (NAN where it is none). */
const char *wn_table_text(const wn_table *table, int row, const char *column);
double wn_table_number(const wn_table *table, int row, const char *column);

#endif
