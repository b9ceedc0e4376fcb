/* Having gnuplot draw. In the page a plot takes its background and the colour of its text from the page, so
 * that it is legible in light and dark; files of their own have both. gnuplot's own hover texts need its
 * script library; they are turned into the titles that SVG has for that, so that the page needs no script. */
#include "gnuplot.h"
#include "grow.h"
#include "report/page.h"
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct plot {
    const char *name, *script;
    int width, height;
    const char *svg; /* file that the drawing goes to */
    char png[1000];  /* the same as a picture; empty: none */
} plot;

/* Draws the files of a plot. */
static wn_status run_gnuplot(const plot *p) {
    wn_gnuplot gnuplot;
    wn_status status;
    FILE *script = wn_gnuplot_script();
    if (!script)
        return wn_error(WN_ERROR_MEMORY, "plot %s: %s", p->name, strerror(errno));
    wn_gnuplot_ask(script, "svg", p->width, p->height, p->svg, p->script);
    if (p->png[0])
        wn_gnuplot_ask(script, "pngcairo", p->width, p->height, p->png, p->script);
    WN_TRY(wn_gnuplot_start(script, &gnuplot));
    wn_gnuplot_ended(&gnuplot, true, &status);
    return status;
}

/* The whole text of a file, or NULL; the caller frees it. */
static char *read_whole(const char *path) {
    struct stat found;
    FILE *file = fopen(path, "re");
    size_t size = file && fstat(fileno(file), &found) == 0 ? (size_t)found.st_size : 0;
    char *text = file ? malloc(size + 1) : NULL;
    if (text)
        text[fread(text, 1, size, file)] = '\0';
    if (file)
        fclose(file);
    return text;
}

/* What gnuplot writes for black and for its background becomes what the page has there. */
static const struct {
    const char *from, *to;
} for_page[] = {
    {"\"black\"", "\"currentColor\""},
    {"'black'", "'currentColor'"},
    {"'rgb(  0,   0,   0)'", "'currentColor'"},
    {"fill=\"#ffffff\"", "fill=\"none\""},
};

/* Writes SVG up to `end`, with the colours of the page. */
static void write_recoloured(const char *svg, const char *end, FILE *out) {
    while (svg < end) {
        size_t taken = 0;
        for (size_t i = 0; i < sizeof for_page / sizeof *for_page && !taken; i++)
            if (strncmp(svg, for_page[i].from, strlen(for_page[i].from)) == 0) {
                taken = strlen(for_page[i].from);
                fputs(for_page[i].to, out);
            }
        if (!taken)
            fputc(*svg, out);
        svg += taken ? taken : 1;
    }
}

/* Writes an SVG without its XML head and with hover texts as titles. */
static void write_svg(const char *svg, FILE *out) {
    static const char start[] = "onmousemove=\"gnuplot_svg.showHypertext(evt,'", end[] = "><title> </title>";
    const char *at = strstr(svg, "<svg"), *hover, *stop, *after;
    while (at && (hover = strstr(at, start)) && (stop = strstr(hover, "')\"")) &&
           (after = strstr(stop, end))) {
        const int length = (int)(stop - hover - (ptrdiff_t)strlen(start));
        write_recoloured(at, hover, out);
        fprintf(out, "><title>%.*s</title>", length, hover + strlen(start));
        at = after + strlen(end);
    }
    if (at)
        write_recoloured(at, at + strlen(at), out);
}

/* Where a plot has a file of its own. */
static wn_status name_file(const char *folder, const char *name, const char *ending, char *path,
                           size_t size) {
    if ((size_t)snprintf(path, size, "%s/%s.%s", folder, name, ending) >= size || strchr(path, '\''))
        return wn_error(WN_ERROR_USAGE, "--plots: found \"%.200s\", expected a shorter name without '",
                        folder);
    return wn_ok();
}

/* The drawing as a file of its own, in its own colours. */
static wn_status keep_svg(const char *folder, const char *name, const char *svg) {
    char path[1000];
    WN_TRY(name_file(folder, name, "svg", path, sizeof path));
    FILE *file = fopen(path, "we");
    bool bad = !file || fputs(svg, file) < 0 || fflush(file) != 0;
    wn_status status = bad ? wn_error(WN_ERROR_IO, "%.200s: %s", path, strerror(errno)) : wn_ok();
    if (file)
        fclose(file);
    return status;
}

static wn_status draw(wn_page *page, plot *p) {
    if (page->plots)
        WN_TRY(name_file(page->plots, p->name, "png", p->png, sizeof p->png));
    wn_status status = run_gnuplot(p);
    char *svg = read_whole(p->svg);
    if (wn_failed(status) || !svg || !strstr(svg, "</svg>"))
        status = wn_error(WN_ERROR_UNSUPPORTED, "plot %s: %.300s", p->name,
                          wn_failed(status) ? status.message : "gnuplot drew nothing");
    else
        write_svg(svg, page->html);
    if (!wn_failed(status) && page->plots)
        status = keep_svg(page->plots, p->name, svg);
    free(svg);
    return status;
}

/* A name that is fine for files and identifiers, and of no plot before. */
static void make_name(const wn_page *page, const char *name, char safe[static WN_PAGE_NAME]) {
    snprintf(safe, WN_PAGE_NAME - 8, "%s", name);
    for (char *c = safe; *c; c++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._", *c))
            *c = '-';
    const size_t length = strlen(safe);
    for (int i = 0, again = 1; i < page->plot_count; i++)
        if (strcmp(page->names[i], safe) == 0) {
            snprintf(safe + length, WN_PAGE_NAME - length, "-%d", ++again);
            i = -1;
        }
}

void wn_page_plot(wn_page *page, const char *name, const char *caption, int width, int height,
                  const char *script) {
    char scratch[] = "/tmp/winnow-plot-XXXXXX", svg[64];
    if (wn_failed(page->status) || !page->gnuplot)
        return;
    char(*grown)[WN_PAGE_NAME] = wn_grow(page->names, page->plot_count, &page->room, sizeof *grown);
    if (!grown) {
        page->status = wn_error(WN_ERROR_MEMORY, "no memory for %d plots", page->plot_count + 1);
        return;
    }
    page->names = grown;
    if (!mkdtemp(scratch)) {
        page->status = wn_error(WN_ERROR_IO, "%s: %s", scratch, strerror(errno));
        return;
    }
    char *safe = page->names[page->plot_count];
    make_name(page, name, safe);
    snprintf(svg, sizeof svg, "%s/svg", scratch);
    fprintf(page->html, "<figure id=\"%s\">\n", safe);
    page->status = draw(page, &(plot){safe, script, width, height, svg, ""});
    fputs("<figcaption>", page->html);
    wn_page_text(page, caption);
    fputs("</figcaption></figure>\n", page->html);
    page->plot_count++;
    unlink(svg);
    rmdir(scratch);
}
