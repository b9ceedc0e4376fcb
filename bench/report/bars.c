/* Bars in groups: ratios, one line at 1. */
#include "report/report.h"
#include <stdlib.h>

static bool has_value(const wn_bars *bars, int bar) {
    for (int group = 0; group < bars->groups->count; group++)
        if (bars->value[group][bar] > 0)
            return true;
    return false;
}

void wn_report_bars(wn_page *page, const wn_bars *bars) {
    char *script = NULL, quoted[160];
    size_t size = 0;
    int drawn = 0, width = 350 + 60 * bars->groups->count;
    FILE *out = open_memstream(&script, &size);
    if (!out)
        return;
    wn_report_quote(quoted, sizeof quoted, bars->ylabel);
    fprintf(out,
            "set style data histograms\nset style histogram clustered gap 1\nset style fill solid 0.9\n"
            "set ylabel '%s'\nset yrange [0:*]\nset grid y\nset key outside right top\n"
            "set xtics rotate by -40 font ',10'\n$d << E\n",
            quoted);
    for (int group = 0; group < bars->groups->count; group++) {
        wn_report_quote(quoted, sizeof quoted, bars->groups->name[group]);
        fprintf(out, "\"%s\"", quoted);
        for (int bar = 0; bar < bars->bars->count; bar++)
            if (bars->value[group][bar] > 0)
                fprintf(out, " %.6g", bars->value[group][bar]);
            else
                fputs(" NaN", out);
        fputc('\n', out);
    }
    fputs("E\nplot", out);
    for (int bar = 0; bar < bars->bars->count; bar++)
        if (has_value(bars, bar)) {
            wn_report_quote(quoted, sizeof quoted, bars->bars->name[bar]);
            fprintf(out, "%s $d using %d%s title '%s' lt %d", drawn ? "," : "", bar + 2,
                    drawn ? "" : ":xtic(1)", quoted, bar + 1);
            drawn++;
        }
    fputs(", 1 lc rgb '#858585' notitle", out);
    fclose(out);
    if (drawn)
        wn_page_plot(page, bars->name, bars->caption,
                     width < 700    ? 700
                     : width > 1050 ? 1050
                                    : width,
                     420, script);
    free(script);
}
