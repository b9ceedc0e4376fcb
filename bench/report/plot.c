/* Having gnuplot draw. In the page a plot takes its background and the colour of its text from the page, so
 * that it is legible in light and dark; files of their own have both. gnuplot's own hover texts need its
 * script library; they are turned into the titles that SVG has for that, so that the page needs no script. */
#include "report/page.h"
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Colours with a contrast of at least 3 to white and to the dark page. */
static const char palette[] = "set linetype 1 lc rgb '#3b82c4'\nset linetype 2 lc rgb '#c2672b'\n"
                              "set linetype 3 lc rgb '#2e9e5b'\nset linetype 4 lc rgb '#9b6dd0'\n"
                              "set linetype 5 lc rgb '#d9534f'\nset linetype 6 lc rgb '#858585'\n"
                              "set linetype 7 lc rgb '#1f98a6'\nset linetype 8 lc rgb '#d0589e'\n"
                              "set linetype 9 lc rgb '#b8860b'\nset linetype cycle 9\n";

typedef struct plot {
    const char *name, *script;
    int width, height;
    const char *errors; /* file that gnuplot's own words go to */
} plot;

/* Runs gnuplot with its output in a file; returns its exit status, -1 when it could not run. */
static int run_gnuplot(const plot *p, const char *terminal, const char *output) {
    char command[1200];
    if ((size_t)snprintf(command, sizeof command, "gnuplot 2>'%s'", p->errors) >= sizeof command)
        return -1;
    FILE *gnuplot = popen(command, "we");
    if (!gnuplot)
        return -1;
    fprintf(gnuplot,
            "set terminal %s size %d,%d font 'sans-serif,12' noenhanced background '#ffffff'\nset output "
            "'%s'\n%s%s\n",
            terminal, p->width, p->height, output, palette, p->script);
    int how = pclose(gnuplot);
    return WIFEXITED(how) ? WEXITSTATUS(how) : -1;
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

/* The plot as a file in a folder, in its own colours. */
static wn_status write_file(const plot *p, const char *folder, const char *terminal, const char *ending) {
    char path[1000];
    if ((size_t)snprintf(path, sizeof path, "%s/%s.%s", folder, p->name, ending) >= sizeof path ||
        strchr(path, '\''))
        return wn_error(WN_ERROR_USAGE, "--plots: found \"%.200s\", expected a shorter name without '",
                        folder);
    int code = run_gnuplot(p, terminal, path);
    char *errors = code ? read_whole(p->errors) : NULL;
    wn_status status = code ? wn_error(WN_ERROR_IO, "%.200s: gnuplot ended with %d: %.200s", path, code,
                                       errors ? errors : "")
                            : wn_ok();
    free(errors);
    return status;
}

static wn_status draw(wn_page *page, const plot *p, const char *svg_path) {
    int code = run_gnuplot(p, "svg", svg_path);
    char *svg = read_whole(svg_path), *errors = read_whole(p->errors);
    wn_status status = wn_ok();
    if (code != 0 || !svg || !strstr(svg, "</svg>"))
        status = wn_error(WN_ERROR_UNSUPPORTED, "plot %s: gnuplot ended with %d: %.300s", p->name, code,
                          errors ? errors : "no words");
    else
        write_svg(svg, page->html);
    free(svg);
    free(errors);
    if (!wn_failed(status) && page->plots)
        status = write_file(p, page->plots, "svg", "svg");
    if (!wn_failed(status) && page->plots)
        status = write_file(p, page->plots, "pngcairo", "png");
    return status;
}

/* A name that is fine for files and identifiers. */
static void copy_safe(const char *name, char *safe, size_t size) {
    snprintf(safe, size, "%s", name);
    for (char *c = safe; *c; c++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._", *c))
            *c = '-';
}

void wn_page_plot(wn_page *page, const char *name, const char *caption, int width, int height,
                  const char *script) {
    char scratch[] = "/tmp/winnow-plot-XXXXXX", svg[64], errors[64], safe[100];
    if (wn_failed(page->status) || !page->gnuplot)
        return;
    if (!mkdtemp(scratch)) {
        page->status = wn_error(WN_ERROR_IO, "%s: %s", scratch, strerror(errno));
        return;
    }
    snprintf(svg, sizeof svg, "%s/svg", scratch);
    snprintf(errors, sizeof errors, "%s/errors", scratch);
    copy_safe(name, safe, sizeof safe);
    fprintf(page->html, "<figure id=\"%s\">\n", safe);
    page->status = draw(page, &(plot){safe, script, width, height, errors}, svg);
    fputs("<figcaption>", page->html);
    wn_page_text(page, caption);
    fputs("</figcaption></figure>\n", page->html);
    page->plot_count++;
    unlink(svg);
    unlink(errors);
    rmdir(scratch);
}
