/* Reading a file of results and finding out what it is. */
#include "report/table.h"
#include "csv_reader.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Columns that only this kind has, all of them; NULL: fewer. */
static const char *const marks[WN_TABLE_KINDS][3] = {
    [WN_TABLE_LAYERS] = {"impl", "ratio_to_best", "problem"},
    [WN_TABLE_STEPS] = {"net", "label", "gflops"},
    [WN_TABLE_PEER] = {"peer_impl", "ratio", "problem"},
    [WN_TABLE_TRAINING] = {"kind", "epoch", "loss"},
    [WN_TABLE_MACHINE] = {"fact", "value", "unit"},
    [WN_TABLE_PARTS] = {"label", "part", "percent_of_step"},
    [WN_TABLE_WINNERS] = {"impl", "passes", "substituted"},
    [WN_TABLE_PYTORCH] = {"net", "torch_seconds", "ratio"},
    [WN_TABLE_DOCTOR] = {"check", "verdict", "worth"},
    [WN_TABLE_BYPASS] = {"item", "event", "way"},
    [WN_TABLE_TUNING] = {"kind", "effort", "pareto"},
    [WN_TABLE_PYTORCH_MEMORY] = {"torch_peak_mib", "winnow_peak_mib", "ratio"},
    [WN_TABLE_STEP_SHARES] = {"net", "kind", "limit_over_time"},
    [WN_TABLE_COMPARE] = {"seconds_a", "seconds_b", "ratio"},
    [WN_TABLE_LR_FIND] = {"lr", "loss"}, /* training has both, and is found before */
    [WN_TABLE_CONFUSION] = {"truth", "predicted", "images"},
    [WN_TABLE_PREDICTIONS] = {"image", "rank", "probability"},
    [WN_TABLE_ADDRESS_LAYOUT] = {"run", "randomised_ms", "fixed_ms"},
};

const char *const wn_table_kind_names[WN_TABLE_KINDS] = {
    [WN_TABLE_LAYERS] = "layers",
    [WN_TABLE_STEPS] = "steps",
    [WN_TABLE_PEER] = "peer",
    [WN_TABLE_TRAINING] = "training",
    [WN_TABLE_MACHINE] = "machine",
    [WN_TABLE_PARTS] = "parts",
    [WN_TABLE_WINNERS] = "winners",
    [WN_TABLE_PYTORCH] = "pytorch",
    [WN_TABLE_DOCTOR] = "doctor",
    [WN_TABLE_BYPASS] = "bypass",
    [WN_TABLE_TUNING] = "tuning",
    [WN_TABLE_PYTORCH_MEMORY] = "pytorch-memory",
    [WN_TABLE_STEP_SHARES] = "step-shares",
    [WN_TABLE_COMPARE] = "compare",
    [WN_TABLE_LR_FIND] = "lr-find",
    [WN_TABLE_CONFUSION] = "confusion",
    [WN_TABLE_PREDICTIONS] = "predictions",
    [WN_TABLE_ADDRESS_LAYOUT] = "address-layout",
};

static wn_status no_memory(const char *path) {
    return wn_error(WN_ERROR_MEMORY, "%.200s: no memory for its rows", path);
}

static bool has_column(const wn_table *table, const char *name) {
    for (int i = 0; i < table->columns; i++)
        if (strcmp(table->name[i], name) == 0)
            return true;
    return false;
}

static wn_status find_kind(wn_table *table) {
    for (int kind = 0; kind < WN_TABLE_KINDS; kind++) {
        bool all = true;
        for (int i = 0; i < 3 && marks[kind][i]; i++)
            all &= has_column(table, marks[kind][i]);
        if (all) {
            table->kind = (wn_table_kind)kind;
            return wn_ok();
        }
    }
    return wn_error(WN_ERROR_UNSUPPORTED, "%.200s:1: found columns of no kind of results that winnow writes",
                    table->path);
}

static wn_status copy_header(const wn_csv_reader *reader, wn_table *table) {
    const char *slash = strrchr(reader->path, '/');
    table->path = strdup(reader->path);
    table->base = strdup(slash ? slash + 1 : reader->path);
    table->name = calloc((size_t)reader->columns, sizeof *table->name);
    if (!table->path || !table->base || !table->name)
        return no_memory(reader->path);
    char *dot = strrchr(table->base, '.');
    if (dot)
        *dot = '\0';
    for (; table->columns < reader->columns; table->columns++)
        if (!(table->name[table->columns] = strdup(reader->name[table->columns])))
            return no_memory(reader->path);
    return find_kind(table);
}

static wn_status copy_row(const wn_csv_reader *reader, wn_table *table) {
    size_t columns = (size_t)table->columns;
    if (table->rows == table->room) {
        int room = table->room ? table->room * 2 : 64;
        char **grown = realloc(table->field, (size_t)room * columns * sizeof *grown);
        if (!grown)
            return no_memory(table->path);
        memset(grown + (size_t)table->room * columns, 0,
               (size_t)(room - table->room) * columns * sizeof *grown);
        table->field = grown;
        table->room = room;
    }
    char **row = table->field + (size_t)table->rows++ * columns;
    for (size_t i = 0; i < columns; i++)
        if (!(row[i] = strdup(reader->field[i])))
            return no_memory(table->path);
    return wn_ok();
}

wn_status wn_table_read(const char *path, wn_table *table) {
    wn_csv_reader reader;
    bool more = true;
    *table = (wn_table){.path = NULL};
    wn_status status = wn_csv_reader_open(path, &reader);
    if (status.code == WN_ERROR_FORMAT)
        status.code = WN_ERROR_UNSUPPORTED;
    WN_TRY(status);
    status = copy_header(&reader, table);
    while (more && !wn_failed(status)) {
        status = wn_csv_reader_next(&reader, &more);
        if (more && !wn_failed(status))
            status = copy_row(&reader, table);
    }
    wn_csv_reader_close(&reader);
    if (wn_failed(status))
        wn_table_free(table);
    return status;
}

void wn_table_free(wn_table *table) {
    for (int i = 0; i < table->columns; i++)
        free(table->name[i]);
    for (int i = 0; i < table->rows * table->columns; i++)
        free(table->field[i]);
    free(table->name);
    free(table->field);
    free(table->path);
    free(table->base);
    *table = (wn_table){.path = NULL};
}

const char *wn_table_name(const wn_table *table) {
    return table->base;
}

const char *wn_table_text(const wn_table *table, int row, const char *column) {
    for (int i = 0; i < table->columns; i++)
        if (strcmp(table->name[i], column) == 0)
            return table->field[(size_t)row * (size_t)table->columns + (size_t)i];
    return "";
}

double wn_table_number(const wn_table *table, int row, const char *column) {
    const char *text = wn_table_text(table, row, column);
    char *end;
    double value = strtod(text, &end);
    return end == text || *end ? (double)NAN : value;
}

static bool same_fields(const wn_table *a, int row_a, const wn_table *b, int row_b,
                        const char *const columns[]) {
    for (int i = 0; columns[i]; i++)
        if (strcmp(wn_table_text(a, row_a, columns[i]), wn_table_text(b, row_b, columns[i])) != 0)
            return false;
    return true;
}

int wn_tables_find(const wn_table *tables, int count, wn_table_kind kind, const wn_table *table, int row,
                   const char *const columns[], const wn_table **in) {
    for (int t = 0; t < count; t++)
        for (int found = 0; tables[t].kind == kind && found < tables[t].rows; found++)
            if (same_fields(&tables[t], found, table, row, columns)) {
                *in = &tables[t];
                return found;
            }
    *in = NULL;
    return -1;
}
