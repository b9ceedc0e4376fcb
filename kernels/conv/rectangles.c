/* Rectangles of equal taps: see rectangles.h. The axes are those of direct.c. */
#include "rectangles.h"
#include "arena.h"
#include "configs.h"

/* Taps of a rectangle, and four lists of the taps of a class. */
bool wn_rectangles_bytes(const wn_problem *p, int64_t *bytes) {
    *bytes = 0;
    const bool fits = wn_take_bytes(bytes, (int64_t)p->kh * p->kw, (int64_t)sizeof(wn_rectangle_tap)) &&
                      wn_take_bytes(bytes, 2 * ((int64_t)p->kh + p->kw), (int64_t)sizeof(int)) &&
                      *bytes < INT64_MAX - 64;
    *bytes = (int64_t)wn_align64((size_t)*bytes);
    return fits;
}

wn_rectangles wn_rectangles_of(const wn_conv_plan *plan, int fewest, void *lists) {
    const wn_problem *p = &plan->problem;
    const bool backward = p->direction == WN_BWD_D;
    const int in_height = backward ? p->oh : p->ih, out_height = backward ? p->ih : p->oh;
    wn_rectangles s = {
        .taps = p->kh * p->kw,
        .in_width = backward ? p->ow : p->iw,
        .out_width = backward ? p->iw : p->ow,
        .in_stride = backward ? plan->dst_stride : plan->src_stride,
        .out_stride = backward ? plan->src_stride : plan->dst_stride,
        .fewest = fewest,
        .list = lists,
    };
    s.in_block = (int64_t)in_height * s.in_width * WN_BLOCK;
    s.out_block = (int64_t)out_height * s.out_width * WN_BLOCK;
    s.vertical = wn_axis_make(p, true, in_height, out_height);
    s.horizontal = wn_axis_make(p, false, s.in_width, s.out_width);
    int *indices = (int *)(s.list + s.taps);
    s.rows = (wn_axis_taps){.index = indices, .offset = indices + p->kh};
    s.columns = (wn_axis_taps){.index = indices + 2 * p->kh, .offset = indices + 2 * p->kh + p->kw};
    return s;
}

static int list_taps(const wn_rectangles *s, wn_span row, wn_span column) {
    int count = 0;
    for (int r = row.first; r < row.last; r++)
        for (int c = column.first; c < column.last; c++)
            s->list[count++] = (wn_rectangle_tap){
                .in = ((int64_t)s->rows.offset[r] * s->in_width + s->columns.offset[c]) * WN_BLOCK,
                .weights =
                    ((int64_t)s->rows.index[r] * s->horizontal.kernel + s->columns.index[c]) * WN_BLOCK};
    return count;
}

/* The rectangle of two spans; `in` and `out` are where pixel 0 of row 0 of the classes is. */
static wn_rectangle cut(const wn_rectangles *s, const float *in, float *out, wn_span row, wn_span column) {
    wn_rectangle r = {
        .lines = row.end - row.begin,
        .pixels = column.end - column.begin,
        .in_line = (int64_t)s->vertical.in_step * s->in_width * WN_BLOCK,
        .in_pixel = (int64_t)s->horizontal.in_step * WN_BLOCK,
        .out_line = (int64_t)s->vertical.classes * s->out_width * WN_BLOCK,
        .out_pixel = (int64_t)s->horizontal.classes * WN_BLOCK,
        .taps = s->list,
        .count = list_taps(s, row, column),
    };
    r.in = in + row.begin * r.in_line + column.begin * r.in_pixel;
    r.out = out + row.begin * r.out_line + column.begin * r.out_pixel;
    if (r.pixels < r.lines && r.pixels < s->fewest) { /* a tile goes downwards */
        const wn_rectangle upright = r;
        r.lines = upright.pixels, r.in_line = upright.in_pixel, r.out_line = upright.out_pixel;
        r.pixels = upright.lines, r.in_pixel = upright.in_line, r.out_pixel = upright.out_line;
    }
    return r;
}

void wn_rectangles_walk(wn_rectangles *s, const float *in, float *out, int begin, int end,
                        wn_rectangle_visit *visit, void *context) {
    for (int row_class = 0; row_class < s->vertical.classes; row_class++) {
        const int row_end = wn_smaller(end, wn_axis_length(&s->vertical, row_class));
        wn_axis_class(&s->vertical, row_class, &s->rows);
        for (int column_class = 0; column_class < s->horizontal.classes; column_class++) {
            const int columns = wn_axis_length(&s->horizontal, column_class);
            float *first = out + ((int64_t)row_class * s->out_width + column_class) * WN_BLOCK;
            wn_axis_class(&s->horizontal, column_class, &s->columns);
            for (int row = begin; row < row_end;) {
                const wn_span row_span = wn_axis_span(&s->vertical, &s->rows, row, row_end);
                for (int column = 0; column < columns;) {
                    const wn_span column_span = wn_axis_span(&s->horizontal, &s->columns, column, columns);
                    const wn_rectangle r = cut(s, in, first, row_span, column_span);
                    visit(&r, context);
                    column = column_span.end;
                }
                row = row_span.end;
            }
        }
    }
}
