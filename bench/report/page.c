/* Writing HTML, and having gnuplot draw. gnuplot's own hover texts need its script library; they are turned
 * into the titles that SVG has for that, so that the page needs no script at all. */
#include "report/page.h"
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

void wn_page_text(wn_page *page, const char *text) {
    for (; *text; text++)
        switch (*text) {
        case '&':
            fputs("&amp;", page->html);
            break;
        case '<':
            fputs("&lt;", page->html);
            break;
        case '>':
            fputs("&gt;", page->html);
            break;
        case '"':
            fputs("&quot;", page->html);
            break;
        default:
            fputc(*text, page->html);
        }
}

static bool is_number(const char *text) {
    char *end;
    strtod(text, &end);
    return end != text && (*end == '\0' || strcmp(end, " %") == 0 || strcmp(end, "e") == 0);
}

static void write_cells(wn_page *page, const char *tag, const char *const cells[]) {
    fputs("<tr>", page->html);
    for (int i = 0; cells[i]; i++) {
        fprintf(page->html, "<%s%s>", tag, is_number(cells[i]) ? " class=n" : "");
        wn_page_text(page, cells[i]);
        fprintf(page->html, "</%s>", tag);
    }
    fputs("</tr>\n", page->html);
}

void wn_page_table_begin(wn_page *page, const char *const header[]) {
    fputs("<div class=wide><table>\n", page->html);
    write_cells(page, "th", header);
}

void wn_page_row(wn_page *page, const char *const cells[]) {
    write_cells(page, "td", cells);
}

void wn_page_table_end(wn_page *page) {
    fputs("</table></div>\n", page->html);
}

static void write_element(wn_page *page, const char *tag, const char *format, va_list arguments) {
    char text[1024];
    vsnprintf(text, sizeof text, format, arguments);
    fprintf(page->html, "<%s>", tag);
    wn_page_text(page, text);
    fprintf(page->html, "</%s>\n", tag);
}

void wn_page_heading(wn_page *page, int level, const char *format, ...) {
    const char tag[] = {'h', (char)('0' + level), '\0'};
    va_list arguments;
    va_start(arguments, format);
    write_element(page, tag, format, arguments);
    va_end(arguments);
}

void wn_page_paragraph(wn_page *page, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    write_element(page, "p", format, arguments);
    va_end(arguments);
}

/* Runs gnuplot on a script with its output in files; returns its exit status, -1 when it could not run. */
static int run_gnuplot(const char *script, const char *svg, const char *errors, int width, int height) {
    char command[600];
    if ((size_t)snprintf(command, sizeof command, "gnuplot >'%s' 2>'%s'", svg, errors) >= sizeof command)
        return -1;
    FILE *gnuplot = popen(command, "we");
    if (!gnuplot)
        return -1;
    fprintf(gnuplot, "set terminal svg size %d,%d font 'sans-serif,12' background 'white'\n%s\n", width,
            height, script);
    int how = pclose(gnuplot);
    return WIFEXITED(how) ? WEXITSTATUS(how) : -1;
}

/* The whole of a file, or NULL; the caller frees it. */
static char *read_whole(const char *path) {
    char *text = NULL;
    size_t length = 0;
    FILE *file = fopen(path, "re"), *copy = open_memstream(&text, &length);
    if (file && copy)
        for (int c; (c = fgetc(file)) != EOF;)
            fputc(c, copy);
    if (file)
        fclose(file);
    if (copy)
        fclose(copy);
    return text;
}

/* Writes an SVG without its XML head and with hover texts as titles. */
static void write_svg(const char *svg, FILE *out) {
    static const char start[] = "onmousemove=\"gnuplot_svg.showHypertext(evt,'", end[] = "><title> </title>";
    const char *at = strstr(svg, "<svg");
    for (const char *hover; at && (hover = strstr(at, start));) {
        const char *text = hover + strlen(start), *stop = strstr(text, "')\"");
        const char *after = stop ? strstr(stop, end) : NULL;
        if (!after)
            break;
        fprintf(out, "%.*s><title>%.*s</title>", (int)(hover - at), at, (int)(stop - text), text);
        at = after + strlen(end);
    }
    if (at)
        fputs(at, out);
}

static wn_status write_plot_file(const char *folder, const char *name, const char *svg) {
    char path[600];
    snprintf(path, sizeof path, "%s/%s.svg", folder, name);
    FILE *file = fopen(path, "we");
    if (!file)
        return wn_error(WN_ERROR_IO, "%.200s: %s", path, strerror(errno));
    write_svg(svg, file);
    bool bad = ferror(file) != 0;
    bad |= fclose(file) != 0;
    return bad ? wn_error(WN_ERROR_IO, "%.200s: %s", path, strerror(errno)) : wn_ok();
}

static wn_status draw(wn_page *page, const char *name, int width, int height, const char *script,
                      const char *scratch) {
    char svg_path[64], error_path[64];
    snprintf(svg_path, sizeof svg_path, "%s/svg", scratch);
    snprintf(error_path, sizeof error_path, "%s/errors", scratch);
    int code = run_gnuplot(script, svg_path, error_path, width, height);
    char *svg = read_whole(svg_path), *errors = read_whole(error_path);
    wn_status status = wn_ok();
    if (code != 0 || !svg || !strstr(svg, "</svg>"))
        status = wn_error(WN_ERROR_UNSUPPORTED, "plot %s: gnuplot ended with %d: %.300s", name, code,
                          errors ? errors : "no words");
    else
        write_svg(svg, page->html);
    if (!wn_failed(status) && page->plots)
        status = write_plot_file(page->plots, name, svg);
    free(svg);
    free(errors);
    unlink(svg_path);
    unlink(error_path);
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
    char scratch[] = "/tmp/winnow-plot-XXXXXX";
    if (wn_failed(page->status) || !page->gnuplot)
        return;
    if (!mkdtemp(scratch)) {
        page->status = wn_error(WN_ERROR_IO, "%s: %s", scratch, strerror(errno));
        return;
    }
    char safe[100];
    copy_safe(name, safe, sizeof safe);
    fprintf(page->html, "<figure id=\"%s\">\n", safe);
    page->status = draw(page, safe, width, height, script, scratch);
    fputs("<figcaption>", page->html);
    wn_page_text(page, caption);
    fputs("</figcaption></figure>\n", page->html);
    page->plot_count++;
    rmdir(scratch);
}
