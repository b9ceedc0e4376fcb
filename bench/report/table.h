/* A CSV file of results, whole in memory, and what kind of results it holds. */
#ifndef WN_REPORT_TABLE_H
#define WN_REPORT_TABLE_H

#include <winnow/status.h>

/* Told apart by the columns that only one kind has. */
typedef enum wn_table_kind {
    WN_TABLE_LAYERS,   /* winnow bench PROBLEM: a row per implementation and problem */
    WN_TABLE_STEPS,    /* winnow bench NET: a row per step of a tape, and totals */
    WN_TABLE_PEER,     /* winnow bench --peer: a row per problem */
    WN_TABLE_TRAINING, /* winnow train: rows per step and per epoch */
    WN_TABLE_MACHINE,  /* winnow machine --csv, and files beside others: facts */
    WN_TABLE_KINDS
} wn_table_kind;

typedef struct wn_table {
    char *path;
    wn_table_kind kind;
    int columns, rows, room;
    char **name;  /* [columns] */
    char **field; /* [rows * columns] */
} wn_table;

/* Reads a file. Errors: those of the CSV reader; FORMAT for columns that no kind of results has; MEMORY. */
wn_status wn_table_read(const char *path, wn_table *table);
void wn_table_free(wn_table *table);

/* A field as text ("" where there is no such column) and as a number (NAN where it is none). */
const char *wn_table_text(const wn_table *table, int row, const char *column);
double wn_table_number(const wn_table *table, int row, const char *column);

#endif
