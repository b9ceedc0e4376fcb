/* Writing HTML. Plots are drawn in plot.c. */
#include "report/page.h"
#include "grow.h"
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
    return end != text &&
           (*end == '\0' || strcmp(end, " %") == 0 || strcmp(end, "e") == 0 || strncmp(end, " (", 2) == 0);
}

static void add_cell(wn_page *page, const char *text) {
    char **grown = wn_grow(page->table.cell, page->table.count, &page->table.room, sizeof *grown);
    char *copy = grown ? strdup(text) : NULL;
    if (grown)
        page->table.cell = grown;
    if (copy)
        grown[page->table.count++] = copy;
    else if (!wn_failed(page->status))
        page->status = wn_error(WN_ERROR_MEMORY, "no memory for the cells of a table");
}

void wn_page_table_begin(wn_page *page, const char *const header[]) {
    for (page->table.columns = 0; header[page->table.columns]; page->table.columns++)
        add_cell(page, header[page->table.columns]);
}

void wn_page_row(wn_page *page, const char *const cells[]) {
    for (int i = 0; cells[i]; i++)
        add_cell(page, cells[i]);
}

/* Whether all cells of a column below the header are numbers, those apart that are empty. */
static bool is_of_numbers(const wn_page *page, int column) {
    bool any = false;
    for (int i = page->table.columns + column; i < page->table.count; i += page->table.columns) {
        const char *text = page->table.cell[i];
        if (*text && strcmp(text, "-") != 0 && !is_number(text))
            return false;
        any |= *text != '\0';
    }
    return any;
}

void wn_page_table_end(wn_page *page) {
    enum { COLUMNS = 128 };
    bool numbers[COLUMNS];
    for (int i = 0; i < page->table.columns && i < COLUMNS; i++)
        numbers[i] = is_of_numbers(page, i);
    fputs("<div class=wide><table>\n", page->html);
    for (int begin = 0; !wn_failed(page->status) && begin < page->table.count; begin += page->table.columns) {
        fputs("<tr>", page->html);
        for (int i = 0; i < page->table.columns; i++) {
            const char *tag = begin ? "td" : "th";
            fprintf(page->html, "<%s%s>", tag, i < COLUMNS && numbers[i] ? " class=n" : "");
            wn_page_text(page, page->table.cell[begin + i]);
            fprintf(page->html, "</%s>", tag);
        }
        fputs("</tr>\n", page->html);
    }
    fputs("</table></div>\n", page->html);
    while (page->table.count > 0)
        free(page->table.cell[--page->table.count]);
}

void wn_page_free(wn_page *page) {
    free(page->table.cell);
    free(page->names);
}

void wn_page_fold_begin(wn_page *page, const char *summary) {
    fputs("<details><summary>", page->html);
    wn_page_text(page, summary);
    fputs("</summary>\n", page->html);
}

void wn_page_fold_end(wn_page *page) {
    fputs("</details>\n", page->html);
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
