/* Writing HTML. Plots are drawn in plot.c. */
#include "report/page.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

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
