/* Event files by hand: the few fields of tensorflow/core/util/event.proto and summary.proto that scalars
 * need, and records as in tensorflow/core/lib/io/record_writer.h. */
#include "tensorboard.h"
#include "clock.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Numbers of fields. */
enum { EVENT_TIME = 1, EVENT_STEP = 2, EVENT_VERSION = 3, EVENT_SUMMARY = 5, EVENT_SESSION = 7 };
enum { SUMMARY_VALUE = 1, VALUE_TAG = 1, VALUE_SIMPLE = 2 };
enum { SESSION_STATUS = 1, SESSION_START = 1 };

/* Castagnoli's polynomial, reflected. */
static uint32_t crc32c(const uint8_t *bytes, size_t count) {
    uint32_t crc = ~0u;
    for (size_t i = 0; i < count; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0x82f63b78u & -(crc & 1));
    }
    return ~crc;
}

/* As the framing has it, so that a record within a record keeps its own sum. */
static uint32_t masked_crc(const uint8_t *bytes, size_t count) {
    uint32_t crc = crc32c(bytes, count);
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

/* `time` in seconds since 1970. */
static void begin_event(wn_message *event, double time, int64_t step) {
    wn_message_clear(event);
    wn_message_double(event, EVENT_TIME, time);
    wn_message_number(event, EVENT_STEP, step);
}

static void add_scalar(wn_tensorboard *board, const char *tag, double value) {
    wn_message_clear(&board->scalar);
    wn_message_text(&board->scalar, VALUE_TAG, tag);
    wn_message_real(&board->scalar, VALUE_SIMPLE, (float)value);
    wn_message_add(&board->summary, SUMMARY_VALUE, &board->scalar);
}

/* One record: length and data, with their sums. */
static bool write_event(const wn_tensorboard *board) {
    const wn_message *event = &board->event;
    uint64_t length = event->size;
    uint32_t length_crc = masked_crc((const uint8_t *)&length, sizeof length),
             data_crc = masked_crc(event->bytes, event->size);
    return !event->broken && fwrite(&length, sizeof length, 1, board->file) == 1 &&
           fwrite(&length_crc, sizeof length_crc, 1, board->file) == 1 &&
           fwrite(event->bytes, event->size, 1, board->file) == 1 &&
           fwrite(&data_crc, sizeof data_crc, 1, board->file) == 1 && fflush(board->file) == 0;
}

/* Tells that what older files have of this step and later ones counts no more. */
static bool write_restart(wn_tensorboard *board, double time, int64_t step) {
    wn_message_clear(&board->summary);
    wn_message_number(&board->summary, SESSION_STATUS, SESSION_START);
    begin_event(&board->event, time, step);
    wn_message_add(&board->event, EVENT_SESSION, &board->summary);
    return write_event(board);
}

static bool record(void *context, const wn_train_record *r) {
    wn_tensorboard *board = context;
    const wn_train_row *row = &r->row;
    if (r->event == WN_TRAIN_SAVE)
        return true;
    wn_message_clear(&board->summary);
    if (r->event == WN_TRAIN_STEP) {
        add_scalar(board, "step/loss", row->loss);
        add_scalar(board, "step/accuracy", row->train_accuracy);
        add_scalar(board, "step/lr", (double)row->lr);
        add_scalar(board, "step/seconds", row->seconds_step);
    }
    if (r->event == WN_TRAIN_EPOCH) {
        add_scalar(board, "epoch/loss", row->loss);
        add_scalar(board, "epoch/accuracy", row->train_accuracy);
    }
    if (r->event != WN_TRAIN_STEP)
        add_scalar(board, "test/accuracy", row->test_accuracy);
    begin_event(&board->event, board->started + row->seconds_total, row->step);
    wn_message_add(&board->event, EVENT_SUMMARY, &board->summary);
    return write_event(board);
}

static wn_status begin(void *context, const wn_train_start *start) {
    static const char version[] = "brain.Event:2";
    wn_tensorboard *board = context;
    char folder[PATH_MAX], path[PATH_MAX + 64];
    int length = snprintf(folder, sizeof folder, "%s", board->folder);
    if (board->per_seed)
        length = snprintf(folder, sizeof folder, "%s/seed-%llu", board->folder,
                          (unsigned long long)start->options->seed);
    if (length >= PATH_MAX)
        return wn_error(WN_ERROR_INVALID, "%.80s...: a name of more than %d characters", board->folder,
                        PATH_MAX);
    if (board->per_seed && mkdir(folder, 0777) != 0 && errno != EEXIST)
        return wn_error(WN_ERROR_IO, "%s: %s", folder, strerror(errno));
    snprintf(path, sizeof path, "%s/events.out.tfevents.%010lld.winnow.%d", folder, (long long)time(NULL),
             (int)getpid());
    board->file = fopen(path, "wxe");
    board->begun |= board->file != NULL;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    board->started =
        (double)now.tv_sec + 1e-9 * (double)now.tv_nsec - (wn_seconds() - start->options->started);
    begin_event(&board->event, (double)now.tv_sec, start->step);
    wn_message_text(&board->event, EVENT_VERSION, version);
    if (!board->file || !write_event(board) ||
        (start->step > 0 && !write_restart(board, (double)now.tv_sec, start->step + 1)))
        return wn_error(WN_ERROR_IO, "%s: cannot write events: %s", path, strerror(errno));
    return wn_ok();
}

static wn_status end(void *context, const wn_train_result *result, const wn_status *how) {
    (void)result;
    (void)how;
    wn_tensorboard *board = context;
    bool bad = fclose(board->file) != 0;
    board->file = NULL;
    return bad ? wn_error(WN_ERROR_IO, "%s: cannot finish the events: %s", board->folder, strerror(errno))
               : wn_ok();
}

wn_status wn_tensorboard_open(const char *folder, bool per_seed, wn_tensorboard *board) {
    struct stat found;
    *board = (wn_tensorboard){.folder = folder, .per_seed = per_seed};
    board->created = mkdir(folder, 0777) == 0;
    if (!board->created && errno != EEXIST)
        return wn_error(WN_ERROR_IO, "%s: cannot be made a folder for TensorBoard: %s", folder,
                        strerror(errno));
    if (stat(folder, &found) != 0 || !S_ISDIR(found.st_mode))
        return wn_error(WN_ERROR_IO, "%s: expected a folder for TensorBoard", folder);
    return wn_ok();
}

wn_train_watcher wn_tensorboard_watcher(wn_tensorboard *board) {
    return (wn_train_watcher){board, board->folder, begin, end, record, NULL};
}

void wn_tensorboard_close(wn_tensorboard *board) {
    if (board->file)
        fclose(board->file);
    if (board->created && !board->begun)
        rmdir(board->folder);
    board->file = NULL;
    wn_message_free(&board->event);
    wn_message_free(&board->summary);
    wn_message_free(&board->scalar);
}
